-- One row: a customer's use of the product on a day.
SELECT
    source_id,
    account_id,
    day,
    active_users,
    sessions,
    payments_started,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.usage_daily
WHERE NOT is_deleted
