-- One row: a page of the company's wiki.
SELECT
    source_id,
    title,
    body,
    author,
    url,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.notion_knowledge_pages
WHERE NOT is_deleted
