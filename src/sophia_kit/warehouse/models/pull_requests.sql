-- One row: a pull request. days_to_merge is NULL until it is merged.
SELECT
    source_id,
    repository,
    number,
    title,
    author,
    state,
    is_draft,
    labels,
    base_branch,
    created_at,
    closed_at,
    merged_at,
    modified_at,
    created_day,
    closed_day,
    merged_day,
    merged_day - created_day AS days_to_merge,
    source_system,
    loaded_at,
    load_id
FROM raw.github_pull_requests
WHERE NOT is_deleted
