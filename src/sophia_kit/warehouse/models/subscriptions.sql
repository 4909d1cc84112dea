-- One row: a monthly price in force from a day (inclusive) to a day (exclusive); open-ended when valid_to is empty.
SELECT
    source_id,
    account_id,
    plan,
    mrr,
    currency,
    valid_from,
    valid_to,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.subscriptions
WHERE NOT is_deleted
