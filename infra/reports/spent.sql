SELECT
  -- A day is a day of UTC, whatever time zone the session has.
  date_from_unix_date(CAST(floor(unix_seconds(answered_at) / 86400) AS INT)) AS day,
  channel_id,
  channel_title,
  author_id,
  ${at_ceiling} AS at_ceiling,
  -- Rows of earlier releases have no charge. There a stored answer that was delivered again cost nothing.
  coalesce(charged_prompt_tokens, CASE WHEN answered_at >= received_at THEN prompt_tokens END, 0) AS prompt_tokens,
  coalesce(charged_completion_tokens, CASE WHEN answered_at >= received_at THEN completion_tokens END, 0)
    AS completion_tokens
FROM ${silver}
WHERE answered_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
  -- Follows from the line above; the table is clustered by this column.
  AND processed_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
