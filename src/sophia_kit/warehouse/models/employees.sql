-- One row: a person employed or engaged; fte is the full-time-equivalent share.
SELECT
    source_id,
    department,
    title,
    employment_type,
    fte,
    status,
    hired_day,
    left_day,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.employees
WHERE NOT is_deleted
