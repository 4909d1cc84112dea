-- One row: a chat message.
SELECT
    source_id,
    channel,
    thread_id,
    author_id,
    posted_at,
    text,
    modified_at,
    posted_day,
    source_system,
    loaded_at,
    load_id
FROM raw.messages
WHERE NOT is_deleted
