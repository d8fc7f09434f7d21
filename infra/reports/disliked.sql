SELECT
  received_at,
  channel_id,
  message_id,
  user_message,
  llm_response,
  model_name,
  thumbs_down,
  thumbs_up
FROM ${answers}
WHERE ${reported}
  AND thumbs_down > 0
  AND processed_at >= current_timestamp() - INTERVAL ${days} DAYS
ORDER BY received_at DESC, update_id DESC
LIMIT 50
