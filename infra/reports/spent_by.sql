WITH spent AS (
${spent}
)
SELECT
  ${key},
  max(channel_title) AS chat_title,
  count(*) AS questions,
  sum(spent.prompt_tokens + spent.completion_tokens) AS tokens,
  ${price} AS price,
  count_if(at_ceiling) AS met_ceiling
FROM spent
WHERE ${key} IS NOT NULL
  AND (at_ceiling OR spent.prompt_tokens + spent.completion_tokens > 0)
GROUP BY ${key}
ORDER BY tokens DESC, ${key}
LIMIT 20
