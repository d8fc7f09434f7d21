WITH asked AS (
  SELECT bot_id, update_id, chat_id, message_id, origin, received_at
  FROM ${bronze}
  WHERE ${reported}
    AND disposition = 'answer'
    AND received_at < current_timestamp() - INTERVAL ${seconds} SECONDS
    AND received_at >= current_timestamp() - INTERVAL ${days} DAYS
),
answered AS (
  SELECT bot_id, update_id, channel_id, message_id, origin
  FROM ${silver}
  -- No message is answered before it comes.
  WHERE processed_at >= current_timestamp() - INTERVAL ${days} DAYS
)
SELECT
  count(*) AS messages,
  min(asked.received_at) AS oldest
FROM asked
LEFT ANTI JOIN answered
  ON asked.bot_id = answered.bot_id
  AND asked.update_id = answered.update_id
  AND asked.chat_id = answered.channel_id
  AND asked.message_id = answered.message_id
  -- Both null for Telegram's own.
  AND asked.origin <=> answered.origin
