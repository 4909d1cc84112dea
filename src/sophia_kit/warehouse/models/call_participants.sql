-- One row: a person on a call.
SELECT
    source_id,
    call_id,
    name,
    email,
    role,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.call_participants
WHERE NOT is_deleted
