-- One row: a support request.
SELECT
    source_id,
    account_id,
    opened_at,
    solved_at,
    category,
    priority,
    status,
    modified_at,
    opened_day,
    solved_day,
    source_system,
    loaded_at,
    load_id
FROM raw.tickets
WHERE NOT is_deleted
