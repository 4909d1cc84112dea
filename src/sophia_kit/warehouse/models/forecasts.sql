-- One row: what a seller forecast for a quarter, at a time.
SELECT
    source_id,
    owner_id,
    quarter_start,
    category,
    amount,
    currency,
    made_at,
    modified_at,
    made_day,
    source_system,
    loaded_at,
    load_id
FROM raw.forecasts
WHERE NOT is_deleted
