-- One row: a seller's quota for a quarter.
SELECT
    source_id,
    owner_id,
    quarter_start,
    amount,
    currency,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.quotas
WHERE NOT is_deleted
