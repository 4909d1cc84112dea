-- One row: a person at a customer.
SELECT
    source_id,
    account_id,
    name,
    title,
    email,
    created_at,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_contacts
WHERE NOT is_deleted
