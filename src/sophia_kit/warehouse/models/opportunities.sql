-- One row: a deal as it stands now.
SELECT
    source_id,
    account_id,
    name,
    stage,
    deal_type,
    amount,
    currency,
    probability,
    forecast_category,
    close_day,
    is_closed,
    is_won,
    owner_id,
    created_at,
    modified_at,
    created_day,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_opportunities
WHERE NOT is_deleted
