-- One row: the rate that holds for a currency pair on a calendar day: the latest banking day's, at most five
-- days old. Five: the European Central Bank publishes reference rates on every TARGET working day, and the
-- longest closing in a row (Easter, or Christmas beside a weekend) is four days, so an older rate is a gap in
-- the data. No inverse and no cross rates: a pair is converted by its own rate or not at all.
WITH held AS (
    SELECT
        from_currency,
        to_currency,
        day AS rate_day,
        rate,
        modified_at,
        source_id,
        unnest([0, 1, 2, 3, 4, 5]) AS age
    FROM fx_rates
)
SELECT
    from_currency,
    to_currency,
    rate_day + age AS day,
    rate,
    rate_day
FROM held
QUALIFY row_number() OVER (
    PARTITION BY from_currency, to_currency, rate_day + age
    ORDER BY age, modified_at DESC, source_id DESC
) = 1
