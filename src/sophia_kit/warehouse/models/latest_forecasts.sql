-- One row: the last forecast of a category that a seller made for a quarter before it ended.
SELECT
    source_id,
    owner_id,
    quarter_start,
    category,
    amount,
    currency,
    made_day
FROM forecasts
WHERE made_day < quarter_start + INTERVAL 3 MONTH
QUALIFY row_number() OVER (
    PARTITION BY owner_id, quarter_start, category
    ORDER BY made_at DESC, source_id DESC
) = 1
