-- One row: a payment attempt by a resident.
SELECT
    source_id,
    property_id,
    account_id,
    amount,
    currency,
    status,
    failure_reason,
    method,
    processor,
    processor_fee,
    processing_ms,
    risk_score,
    attempted_at,
    modified_at,
    attempted_day,
    source_system,
    loaded_at,
    load_id
FROM raw.payments
WHERE NOT is_deleted
