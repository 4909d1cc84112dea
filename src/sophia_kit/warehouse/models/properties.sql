-- One row: an apartment community managed by a customer.
SELECT
    source_id,
    account_id,
    name,
    region,
    units,
    opened_day,
    closed_day,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.properties
WHERE NOT is_deleted
