-- One row: the rate that holds for a currency pair on a calendar day: the latest banking day's, at most five
-- days old. See ../fx_daily.sql for why; this is the same in Snowflake's words.
WITH quoted AS (
    SELECT
        from_currency,
        to_currency,
        day,
        rate,
        lead(day) OVER (
            PARTITION BY from_currency, to_currency ORDER BY day, modified_at, source_id
        ) AS next_day
    FROM fx_rates
),
ages AS (
    SELECT column1 AS age
    FROM (VALUES (0), (1), (2), (3), (4), (5))
)
SELECT
    quoted.from_currency,
    quoted.to_currency,
    CAST(dateadd(day, ages.age, quoted.day) AS DATE) AS day,
    quoted.rate,
    quoted.day AS rate_day
FROM quoted
JOIN ages ON quoted.next_day IS NULL OR dateadd(day, ages.age, quoted.day) < quoted.next_day
