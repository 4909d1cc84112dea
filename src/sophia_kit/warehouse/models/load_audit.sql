-- One row: an attempt to load a table, failed ones too.
SELECT
    attempt_id,
    run_id,
    source,
    resource,
    table_name,
    mode,
    started_at,
    ended_at,
    status,
    rows_read,
    rows_merged,
    rows_deleted,
    rows_quarantined,
    new_columns,
    error,
    cursor_from,
    cursor_to,
    snapshot_id
FROM meta.load_audit
