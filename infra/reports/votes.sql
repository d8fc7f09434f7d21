  coalesce(sum(rated.thumbs_up), 0) AS thumbs_up,
  coalesce(sum(rated.thumbs_down), 0) AS thumbs_down,
  count_if(rated.thumbs_up + rated.thumbs_down > 0) / nullif(count(*), 0) AS voted_rate,
  sum(rated.thumbs_up) / nullif(sum(rated.thumbs_up + rated.thumbs_down), 0) AS up_rate
