-- One row: a support request. days_to_solve is NULL until it is solved.
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
    solved_day - opened_day AS days_to_solve,
    source_system,
    loaded_at,
    load_id
FROM raw.tickets
WHERE NOT is_deleted
