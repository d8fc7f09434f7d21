WITH rated AS (
${rated}
)
SELECT
${votes}
FROM rated
