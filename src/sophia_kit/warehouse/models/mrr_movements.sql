-- One row: what moved a customer's monthly recurring revenue between two month ends, in the company's currency.
-- movement is new (from nothing, first time or again), expansion, contraction, churned (to nothing) or fx. What
-- the customer did is converted at the closing day's rate; what the rates did to the opening balance is fx:
--     closing * r1 - opening * r0  =  (closing - opening) * r1  +  opening * (r1 - r0)
-- so a month's amounts sum exactly to the change in MRR. Losses are negative. Where a rate is missing, amount is
-- NULL and missing_rate says which. The casts keep all ten places of an amount (two) times a rate (eight): DuckDB
-- rounds to fewer where a type would grow beyond 38 digits.
WITH company AS (
    SELECT currency, CAST(known_at AS DATE) AS known_day
    FROM meta.snapshot
),
months AS (
    SELECT
        CAST(first_day AS DATE) - 1 AS opening_day,
        CAST(first_day + INTERVAL 1 MONTH AS DATE) - 1 AS closing_day
    FROM (
        SELECT unnest(generate_series(
            date_trunc('month', (SELECT min(valid_from) FROM subscriptions)),
            date_trunc('month', (SELECT known_day FROM company)),
            INTERVAL 1 MONTH
        )) AS first_day
    ) AS series
),
balances AS (
    SELECT
        months.opening_day,
        months.closing_day,
        prices.account_id,
        prices.currency,
        CAST(sum(CASE
            WHEN prices.valid_from <= months.opening_day
                AND (prices.valid_to IS NULL OR prices.valid_to > months.opening_day) THEN prices.mrr
            ELSE 0
        END) AS DECIMAL(18, 2)) AS opening,
        CAST(sum(CASE
            WHEN prices.valid_from <= months.closing_day
                AND (prices.valid_to IS NULL OR prices.valid_to > months.closing_day) THEN prices.mrr
            ELSE 0
        END) AS DECIMAL(18, 2)) AS closing
    FROM months
    JOIN subscriptions AS prices
        ON prices.valid_from <= months.closing_day
        AND (prices.valid_to IS NULL OR prices.valid_to > months.opening_day)
    GROUP BY months.opening_day, months.closing_day, prices.account_id, prices.currency
),
rated AS (
    SELECT
        balances.closing_day,
        balances.account_id,
        balances.opening,
        balances.closing,
        CAST(CASE
            WHEN balances.opening = balances.closing THEN 0
            WHEN balances.currency = company.currency THEN balances.closing - balances.opening
            ELSE balances.closing * after.rate - balances.opening * after.rate
        END AS DECIMAL(38, 10)) AS organic,
        CAST(CASE
            WHEN balances.opening = 0 OR balances.currency = company.currency THEN 0
            ELSE balances.opening * after.rate - balances.opening * before.rate
        END AS DECIMAL(38, 10)) AS fx,
        CASE
            WHEN balances.currency = company.currency THEN NULL
            WHEN after.rate IS NULL THEN balances.currency || ' on ' || balances.closing_day
        END AS missing_after,
        CASE
            WHEN balances.currency = company.currency OR balances.opening = 0 THEN NULL
            WHEN before.rate IS NULL THEN balances.currency || ' on ' || balances.opening_day
        END AS missing_before
    FROM balances
    CROSS JOIN company
    LEFT JOIN fx_daily AS before
        ON before.from_currency = balances.currency
        AND before.to_currency = company.currency
        AND before.day = balances.opening_day
    LEFT JOIN fx_daily AS after
        ON after.from_currency = balances.currency
        AND after.to_currency = company.currency
        AND after.day = balances.closing_day
),
customers AS (
    SELECT
        closing_day,
        account_id,
        sum(opening) AS opening,
        sum(closing) AS closing,
        bool_or(closing > opening) AS any_up,
        bool_or(closing < opening) AS any_down,
        CASE WHEN count(*) = count(organic) THEN sum(organic) END AS organic,
        CASE WHEN count(*) = count(fx) THEN sum(fx) END AS fx,
        max(CASE WHEN organic IS NULL THEN missing_after END) AS missing_organic,
        max(CASE WHEN fx IS NULL THEN coalesce(missing_after, missing_before) END) AS missing_fx
    FROM rated
    GROUP BY closing_day, account_id
),
classified AS (
    -- A customer who moves between currencies in a month without a rate may have gone either way: both are unknown.
    SELECT
        closing_day,
        account_id,
        unnest(CASE
            WHEN opening = 0 THEN ['new']
            WHEN closing = 0 THEN ['churned']
            WHEN organic > 0 OR (organic IS NULL AND NOT any_down) THEN ['expansion']
            WHEN organic < 0 OR (organic IS NULL AND NOT any_up) THEN ['contraction']
            ELSE ['expansion', 'contraction']
        END) AS movement,
        organic AS amount,
        missing_organic AS missing_rate
    FROM customers
    WHERE any_up OR any_down
    UNION ALL
    SELECT closing_day, account_id, 'fx', fx, missing_fx
    FROM customers
)
SELECT
    closing_day AS month_end,
    account_id,
    movement,
    amount,
    missing_rate
FROM classified
WHERE amount <> 0 OR amount IS NULL
