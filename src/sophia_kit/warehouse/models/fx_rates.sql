-- One row: units of to_currency for one unit of from_currency, on a banking day.
SELECT
    source_id,
    from_currency,
    to_currency,
    day,
    rate,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.fx_rates
WHERE NOT is_deleted
