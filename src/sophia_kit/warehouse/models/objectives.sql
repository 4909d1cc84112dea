-- One row: an objective of the company or a team.
SELECT
    source_id,
    title,
    owner,
    starts_day,
    ends_day,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.notion_objectives
WHERE NOT is_deleted
