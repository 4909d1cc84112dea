-- One row: a change of a deal's stage, amount or close date.
SELECT
    source_id,
    opportunity_id,
    stage,
    amount,
    probability,
    close_day,
    created_at,
    modified_at,
    changed_day,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_opportunity_history
WHERE NOT is_deleted
