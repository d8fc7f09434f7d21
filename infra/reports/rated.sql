SELECT
  -- A day is a day of UTC, whatever time zone the session has.
  date_from_unix_date(CAST(floor(unix_seconds(received_at) / 86400) AS INT)) AS day,
  thumbs_up,
  thumbs_down
FROM ${answers}
WHERE ${reported}
  AND answer_status = 'answered'
  AND delivery_status IN ('sent', 'unknown')
  AND received_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
  -- Follows from the line above; silver is clustered by this column.
  AND processed_at >= timestamp_seconds((floor(unix_seconds(current_timestamp()) / 86400) - ${days} + 1) * 86400)
