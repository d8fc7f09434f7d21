SELECT
  -- A day is a day of UTC, whatever time zone the session has.
  date_from_unix_date(CAST(floor(unix_seconds(received_at) / 86400) AS INT)) AS day,
  origin IS NOT NULL AS replayed,
  answer_status,
  ${at_ceiling} AS at_ceiling,
  delivery_status,
  -- Fixed answers and those that a ceiling replaced ask no model: with them the percentiles would say less. A replay waited for its operator.
  CASE WHEN origin IS NULL AND answer_status <> 'fixed' AND NOT ${at_ceiling}
    THEN (unix_micros(delivered_at) - unix_micros(received_at)) / 1e6 END AS answer_seconds,
  CASE WHEN origin IS NULL AND answer_status <> 'fixed' AND NOT ${at_ceiling}
    THEN (unix_micros(answered_at) - unix_micros(received_at)) / 1e6 END AS model_seconds,
  -- An answer older than its replay was delivered again, not asked for again: its tokens are on the first row.
  CASE WHEN origin IS NULL OR answered_at >= received_at THEN prompt_tokens END AS prompt_tokens,
  CASE WHEN origin IS NULL OR answered_at >= received_at THEN completion_tokens END AS completion_tokens
FROM ${silver}
WHERE ${reported}
  AND received_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
  -- Follows from the line above; the table is clustered by this column.
  AND processed_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
