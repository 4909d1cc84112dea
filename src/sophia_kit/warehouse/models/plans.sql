-- One row: what the company planned for a metric in a month.
SELECT
    source_id,
    metric,
    month,
    value,
    unit,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.plans
WHERE NOT is_deleted
