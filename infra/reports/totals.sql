WITH replies AS (
${replies}
)
SELECT
${measures}
FROM replies
