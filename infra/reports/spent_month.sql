WITH spent AS (
${spent}
),
clock AS (
  SELECT date_from_unix_date(CAST(floor(unix_seconds(current_timestamp()) / 86400) AS INT)) AS today
)
SELECT
  coalesce(sum(CASE WHEN day = today THEN spent.prompt_tokens + spent.completion_tokens END), 0) AS tokens_today,
  coalesce(sum(spent.prompt_tokens + spent.completion_tokens), 0) AS tokens_this_month,
  count_if(at_ceiling) AS met_this_month,
  coalesce(${price}, 0 * ${input_price}) AS price_this_month,
  coalesce(${price}, 0 * ${input_price}) / ${price_a_month} AS price_share
FROM clock
LEFT JOIN spent ON day >= trunc(today, 'MM')
