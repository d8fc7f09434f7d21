SELECT
  count(*) AS replies,
  count_if(delivery_status = 'unknown') AS unknown_replies,
  count_if(delivery_status = 'dead') AS dead_replies
FROM ${silver}
WHERE ${reported}
  AND delivery_status IN ('unknown', 'dead')
  AND processed_at >= current_timestamp() - INTERVAL ${seconds} SECONDS
