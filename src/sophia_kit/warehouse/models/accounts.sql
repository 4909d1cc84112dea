-- One row: a customer or prospect.
SELECT
    source_id,
    name,
    account_type,
    industry,
    segment,
    country,
    currency,
    owner_id,
    created_at,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_accounts
WHERE NOT is_deleted
