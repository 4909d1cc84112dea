-- One row: a person on a call. Those who use Gong have the name of their account there.
SELECT
    p.source_id,
    p.call_id,
    coalesce(u.first_name || ' ' || u.last_name, p.name) AS name,
    p.email,
    CASE WHEN p.affiliation = 'Internal' THEN 'internal' WHEN p.affiliation = 'External' THEN 'external' END AS role,
    p.modified_at,
    p.source_system,
    p.loaded_at,
    p.load_id
FROM raw.gong_call_parties AS p
LEFT JOIN raw.gong_users AS u ON u.source_id = p.user_id
WHERE NOT p.is_deleted
