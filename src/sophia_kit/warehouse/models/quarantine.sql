-- One row: a record that was refused, and why; resolved_at is set once a good version arrived.
SELECT
    quarantine_id,
    table_name,
    source_system,
    source_id,
    reason,
    record,
    first_seen_at,
    load_id,
    resolved_at
FROM meta.quarantine
