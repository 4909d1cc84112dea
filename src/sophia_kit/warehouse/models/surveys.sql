-- One row: an answer to a survey: NPS 0-10, CSAT 1-5.
SELECT
    source_id,
    account_id,
    kind,
    score,
    answered_at,
    comment,
    modified_at,
    answered_day,
    source_system,
    loaded_at,
    load_id
FROM raw.surveys
WHERE NOT is_deleted
