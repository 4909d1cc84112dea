-- One row: what moved a customer's monthly recurring revenue between two month ends, in the company's currency.
-- See ../mrr_movements.sql for the definition; this is the same in Snowflake's words. The casts inside sums keep
-- their places: Snowflake adds none, and servers that compute in DOUBLE keep cents.
WITH company AS (
    SELECT currency, CAST(known_at AS DATE) AS known_day
    FROM meta.snapshot
),
first_month AS (
    SELECT CAST(date_trunc('month', min(valid_from)) AS DATE) AS first_day
    FROM subscriptions
),
numbers AS (
    SELECT row_number() OVER (ORDER BY seq4()) - 1 AS number
    FROM TABLE(GENERATOR(ROWCOUNT => 1200))
),
months AS (
    SELECT
        CAST(dateadd(day, -1, dateadd(month, numbers.number, first_month.first_day)) AS DATE) AS opening_day,
        CAST(dateadd(day, -1, dateadd(month, numbers.number + 1, first_month.first_day)) AS DATE) AS closing_day
    FROM numbers
    CROSS JOIN first_month
    CROSS JOIN company
    WHERE dateadd(month, numbers.number, first_month.first_day) <= company.known_day
),
balances AS (
    SELECT
        months.opening_day,
        months.closing_day,
        prices.account_id,
        prices.currency,
        CAST(sum(CAST(CASE
            WHEN prices.valid_from <= months.opening_day
                AND (prices.valid_to IS NULL OR prices.valid_to > months.opening_day) THEN prices.mrr
            ELSE 0
        END AS NUMBER(18, 2))) AS NUMBER(18, 2)) AS opening,
        CAST(sum(CAST(CASE
            WHEN prices.valid_from <= months.closing_day
                AND (prices.valid_to IS NULL OR prices.valid_to > months.closing_day) THEN prices.mrr
            ELSE 0
        END AS NUMBER(18, 2))) AS NUMBER(18, 2)) AS closing
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
            ELSE balances.closing * closing_rates.rate - balances.opening * closing_rates.rate
        END AS NUMBER(38, 10)) AS organic,
        CAST(CASE
            WHEN balances.opening = 0 OR balances.currency = company.currency THEN 0
            ELSE balances.opening * closing_rates.rate - balances.opening * opening_rates.rate
        END AS NUMBER(38, 10)) AS fx,
        CASE
            WHEN balances.currency = company.currency THEN NULL
            WHEN closing_rates.rate IS NULL THEN balances.currency || ' on ' || CAST(balances.closing_day AS VARCHAR)
        END AS missing_after,
        CASE
            WHEN balances.currency = company.currency OR balances.opening = 0 THEN NULL
            WHEN opening_rates.rate IS NULL THEN balances.currency || ' on ' || CAST(balances.opening_day AS VARCHAR)
        END AS missing_before
    FROM balances
    CROSS JOIN company
    LEFT JOIN fx_daily AS opening_rates
        ON opening_rates.from_currency = balances.currency
        AND opening_rates.to_currency = company.currency
        AND opening_rates.day = balances.opening_day
    LEFT JOIN fx_daily AS closing_rates
        ON closing_rates.from_currency = balances.currency
        AND closing_rates.to_currency = company.currency
        AND closing_rates.day = balances.closing_day
),
customers AS (
    SELECT
        closing_day,
        account_id,
        CAST(sum(CAST(opening AS NUMBER(18, 2))) AS NUMBER(18, 2)) AS opening,
        CAST(sum(CAST(closing AS NUMBER(18, 2))) AS NUMBER(18, 2)) AS closing,
        boolor_agg(closing > opening) AS any_up,
        boolor_agg(closing < opening) AS any_down,
        CASE WHEN count(*) = count(organic) THEN sum(CAST(organic AS NUMBER(38, 10))) END AS organic,
        CASE WHEN count(*) = count(fx) THEN sum(CAST(fx AS NUMBER(38, 10))) END AS fx,
        max(CASE WHEN organic IS NULL THEN missing_after END) AS missing_organic,
        max(CASE WHEN fx IS NULL THEN coalesce(missing_after, missing_before) END) AS missing_fx
    FROM rated
    GROUP BY closing_day, account_id
),
classified AS (
    SELECT
        closing_day,
        account_id,
        CASE
            WHEN opening = 0 THEN 'new'
            WHEN closing = 0 THEN 'churned'
            WHEN organic > 0 OR (organic IS NULL AND NOT any_down) THEN 'expansion'
            WHEN organic < 0 OR (organic IS NULL AND NOT any_up) THEN 'contraction'
            ELSE 'expansion'
        END AS movement,
        organic AS amount,
        missing_organic AS missing_rate
    FROM customers
    WHERE any_up OR any_down
    UNION ALL
    -- A customer who moves between currencies in a month without a rate may have gone either way: both are unknown.
    SELECT closing_day, account_id, 'contraction', organic, missing_organic
    FROM customers
    WHERE opening <> 0 AND closing <> 0 AND organic IS NULL AND any_up AND any_down
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
