-- One row: a recorded customer call. sentiment runs from -1 to 1; topics are joined by '|'. Its owner is the user of the
-- CRM with the e-mail address of the call's host.
SELECT
    c.source_id,
    c.account_id,
    c.opportunity_id,
    owners.source_id AS owner_id,
    c.started_at,
    c.duration_s,
    c.talk_ratio,
    c.longest_monologue_s,
    c.interactivity,
    c.questions_asked,
    c.sentiment,
    c.topics,
    c.competitor_mentions,
    c.modified_at,
    c.started_day,
    c.source_system,
    c.loaded_at,
    c.load_id
FROM raw.gong_calls AS c
LEFT JOIN raw.gong_users AS hosts ON hosts.source_id = c.primary_user_id
LEFT JOIN (
    SELECT email, min(source_id) AS source_id
    FROM raw.salesforce_users
    WHERE NOT is_deleted
    GROUP BY email
) AS owners ON owners.email = hosts.email
WHERE NOT c.is_deleted
