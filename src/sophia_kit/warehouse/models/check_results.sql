-- One row: a check of the data and what it found at the load of this snapshot; none when no checks ran. stands_on
-- lists the columns it vouches for; a failed check of severity error marks the metrics that stand on one of them.
SELECT
    check_id,
    view,
    kind,
    severity,
    status,
    failed_rows,
    checked_rows,
    rows_before,
    detail,
    description,
    stands_on,
    ran_at
FROM meta.check_results
