-- One row: a measurable result of an objective; metric names the catalogue's metric where it is bound to one.
SELECT
    source_id,
    objective_id,
    title,
    metric,
    unit,
    baseline,
    target,
    higher_is_better,
    owner,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.notion_key_results
WHERE NOT is_deleted
