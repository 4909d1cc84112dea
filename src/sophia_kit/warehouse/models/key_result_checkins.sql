-- One row: what a key result's owner reported, dated; confidence is theirs.
SELECT
    source_id,
    key_result_id,
    checked_at,
    current_value,
    confidence,
    note,
    author,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.notion_check_ins
WHERE NOT is_deleted
