-- One row: a posting in the general ledger; revenue and money received are positive, cost and money paid are
-- negative. account_class is revenue, cogs, an operating expense by function (sales_marketing, research_development,
-- general_administrative), depreciation, interest, tax, cash (money that moved; stream says for what) or other.
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
