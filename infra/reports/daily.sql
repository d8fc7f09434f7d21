WITH replies AS (
${replies}
)
SELECT
  day,
${measures}
FROM replies
GROUP BY day
ORDER BY day
