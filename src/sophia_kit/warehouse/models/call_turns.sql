-- One row: a stretch of a call in which one person speaks.
SELECT
    t.source_id,
    t.call_id,
    speakers.source_id AS participant_id,
    t.started_s,
    t.ended_s,
    t.text,
    t.modified_at,
    t.source_system,
    t.loaded_at,
    t.load_id
FROM raw.gong_call_turns AS t
LEFT JOIN (
    SELECT call_id, speaker_id, min(source_id) AS source_id
    FROM raw.gong_call_parties
    WHERE NOT is_deleted
    GROUP BY call_id, speaker_id
) AS speakers ON speakers.call_id = t.call_id AND speakers.speaker_id = t.speaker_id
WHERE NOT t.is_deleted
