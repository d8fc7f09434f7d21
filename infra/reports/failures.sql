SELECT
  received_at,
  channel_id,
  message_id,
  update_id,
  author_id,
  answer_status,
  delivery_status,
  error
FROM ${silver}
WHERE ${reported}
  AND (delivery_status IN ('unknown', 'dead') OR (answer_status = 'fallback' AND NOT ${at_ceiling}))
  AND processed_at >= current_timestamp() - INTERVAL ${days} DAYS
ORDER BY received_at DESC, update_id DESC
LIMIT 100
