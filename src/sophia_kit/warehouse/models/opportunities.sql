-- One row: a deal as it stands now. cycle_days runs from the day it was opened to the day it closes.
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
    close_day - created_day AS cycle_days,
    source_system,
    loaded_at,
    load_id
FROM raw.salesforce_opportunities
WHERE NOT is_deleted
