-- One row: a person who works in the CRM; owners of accounts and deals.
SELECT
    source_id,
    name,
    email,
    department,
    is_active,
    created_at,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_users
WHERE NOT is_deleted
