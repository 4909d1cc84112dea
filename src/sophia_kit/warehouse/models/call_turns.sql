-- One row: a stretch of a call in which one person speaks.
SELECT
    source_id,
    call_id,
    participant_id,
    started_s,
    ended_s,
    text,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.call_turns
WHERE NOT is_deleted
