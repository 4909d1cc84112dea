-- One row: how a deal stood from a day (inclusive) to a day (exclusive; NULL: still), by its stage history. The
-- last change of a day counts. Whether a stage is open is what the CRM says of the deals in it (IsClosed), not
-- what its name sounds like; a stage that no deal is in today counts as open.
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
meanings AS (
    SELECT stage, bool_or(is_closed) AS is_closed
    FROM opportunities
    GROUP BY stage
)
SELECT
    changes.opportunity_id,
    changes.changed_day AS valid_from,
    lead(changes.changed_day) OVER (
        PARTITION BY changes.opportunity_id ORDER BY changes.changed_day
    ) AS valid_to,
    changes.stage,
    changes.amount,
    deals.currency,
    changes.close_day,
    NOT coalesce(meanings.is_closed, FALSE) AS is_open,
    deals.account_id,
    deals.owner_id,
    deals.deal_type
FROM changes
JOIN opportunities AS deals ON deals.source_id = changes.opportunity_id
LEFT JOIN meanings ON meanings.stage = changes.stage
