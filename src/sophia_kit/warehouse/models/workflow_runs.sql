-- One row: a workflow run, as its last attempt ended or stands. conclusion is NULL until it has ended.
SELECT
    source_id,
    repository,
    run_id,
    run_number,
    attempt,
    workflow,
    event,
    status,
    conclusion,
    branch,
    title,
    created_at,
    started_at,
    modified_at,
    created_day,
    source_system,
    loaded_at,
    load_id
FROM raw.github_workflow_runs
WHERE NOT is_deleted
