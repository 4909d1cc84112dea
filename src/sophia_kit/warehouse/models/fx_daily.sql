-- One row: the rate that holds for a currency pair on a calendar day: the latest banking day's, at most five
-- days old. Five: the European Central Bank publishes reference rates on every TARGET working day, and the
-- longest closing in a row (Easter, or Christmas beside a weekend) is four days, so an older rate is a gap in
-- the data. No inverse and no cross rates: a pair is converted by its own rate or not at all.
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
    SELECT unnest([0, 1, 2, 3, 4, 5]) AS age
)
SELECT
    quoted.from_currency,
    quoted.to_currency,
    quoted.day + ages.age AS day,
    quoted.rate,
    quoted.day AS rate_day
FROM quoted
JOIN ages ON quoted.next_day IS NULL OR quoted.day + ages.age < quoted.next_day
