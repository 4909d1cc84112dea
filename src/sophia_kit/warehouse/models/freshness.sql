-- One row: a raw table and its last complete load; last_success_at is NULL when it was never loaded.
SELECT
    table_name,
    source_system,
    last_success_at,
    freshness_hours,
    row_count
FROM meta.freshness
