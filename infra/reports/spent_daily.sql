WITH spent AS (
${spent}
)
SELECT
  day,
  sum(spent.prompt_tokens) AS prompt_tokens,
  sum(spent.completion_tokens) AS completion_tokens,
  ${price} AS price,
  count_if(at_ceiling) AS met_ceiling
FROM spent
GROUP BY day
ORDER BY day
