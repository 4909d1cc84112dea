-- One row: a posting in the general ledger; revenue is positive, cost is negative.
SELECT
    source_id,
    entry_day,
    account_code,
    account_class,
    stream,
    customer_id,
    amount,
    currency,
    modified_at,
    source_system,
    loaded_at,
    load_id
FROM raw.ledger_entries
WHERE NOT is_deleted
