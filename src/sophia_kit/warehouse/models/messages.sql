-- One row: a chat message that a person or a bot wrote; thread_id is the message that its thread hangs on.
SELECT
    m.source_id,
    coalesce(c.name, m.channel_id) AS channel,
    m.thread_id,
    m.author_id,
    m.posted_at,
    m.text,
    m.modified_at,
    m.posted_day,
    m.source_system,
    m.loaded_at,
    m.load_id
FROM raw.slack_messages AS m
LEFT JOIN raw.slack_channels AS c ON c.source_id = m.channel_id
WHERE
    NOT m.is_deleted
    AND (m.subtype IS NULL OR m.subtype IN ('bot_message', 'file_share', 'me_message', 'thread_broadcast'))
