-- One row: a recorded customer call. sentiment runs from -1 to 1; topics are joined by '|'.
SELECT
    source_id,
    account_id,
    opportunity_id,
    owner_id,
    started_at,
    duration_s,
    talk_ratio,
    longest_monologue_s,
    interactivity,
    questions_asked,
    sentiment,
    topics,
    competitor_mentions,
    modified_at,
    started_day,
    source_system,
    loaded_at,
    load_id
FROM raw.calls
WHERE NOT is_deleted
