WITH rated AS (
${rated}
)
SELECT
  day,
${votes}
FROM rated
GROUP BY day
ORDER BY day
