-- One row: how a deal stood from a day (inclusive) to a day (exclusive; NULL: still), by its stage history. The
-- last change of a day counts. Whether a stage is open is what the CRM says of the deals in it (IsClosed), not
-- what its name sounds like; a stage that no deal is in today counts as open. stage_since is the day on which the deal
-- came to the stage: later changes of its amount or close day leave it. close_day_before is the day on which the deal
-- was expected to close until then.
WITH changes AS (
    SELECT
        opportunity_id,
        changed_day,
        stage,
        amount,
        close_day
    FROM opportunity_stage_history
    QUALIFY row_number() OVER (
        PARTITION BY opportunity_id, changed_day
        ORDER BY created_at DESC, source_id DESC
    ) = 1
),
moves AS (
    SELECT
        opportunity_id,
        changed_day,
        stage,
        amount,
        close_day,
        lead(changed_day) OVER (PARTITION BY opportunity_id ORDER BY changed_day) AS next_day,
        lag(stage) OVER (PARTITION BY opportunity_id ORDER BY changed_day) AS stage_before,
        lag(close_day) OVER (PARTITION BY opportunity_id ORDER BY changed_day) AS close_day_before
    FROM changes
),
stays AS (
    SELECT
        opportunity_id,
        changed_day,
        stage,
        amount,
        close_day,
        next_day,
        close_day_before,
        max(CASE WHEN stage_before = stage THEN NULL ELSE changed_day END) OVER (
            PARTITION BY opportunity_id ORDER BY changed_day
        ) AS stage_since
    FROM moves
),
meanings AS (
    SELECT stage, bool_or(is_closed) AS is_closed
    FROM opportunities
    GROUP BY stage
)
SELECT
    stays.opportunity_id,
    stays.changed_day AS valid_from,
    stays.next_day AS valid_to,
    stays.stage,
    stays.stage_since,
    stays.amount,
    deals.currency,
    stays.close_day,
    stays.close_day_before,
    NOT coalesce(meanings.is_closed, FALSE) AS is_open,
    deals.account_id,
    deals.owner_id,
    deals.deal_type
FROM stays
JOIN opportunities AS deals ON deals.source_id = stays.opportunity_id
LEFT JOIN meanings ON meanings.stage = stays.stage
