-- One row a series: a rule for one combination of dimension members. Periods are named by their first day.
CREATE TABLE alert_series (
    metric TEXT NOT NULL,
    rule TEXT NOT NULL,
    members TEXT NOT NULL,
    rule_digest TEXT NOT NULL,
    grain TEXT NOT NULL,
    severity TEXT NOT NULL,
    status TEXT NOT NULL,
    since TEXT,
    bad_periods BIGINT NOT NULL,
    good_periods BIGINT NOT NULL,
    evaluated_to TEXT,
    notified_on TEXT,
    summary TEXT,
    unknown_code TEXT,
    unknown_reason TEXT,
    unknown_since TEXT,
    unknown_notified_on TEXT,
    updated_at TEXT NOT NULL,
    PRIMARY KEY (metric, rule, members)
);
-- What happened, never changed. Numbers are decimal text, so that no digit is lost.
CREATE TABLE alert_events (
    sequence BIGINT PRIMARY KEY,
    at TEXT NOT NULL,
    run_id TEXT NOT NULL,
    metric TEXT NOT NULL,
    rule TEXT NOT NULL,
    members TEXT NOT NULL,
    alert TEXT NOT NULL,
    event TEXT NOT NULL,
    severity TEXT NOT NULL,
    grain TEXT NOT NULL,
    period_start TEXT,
    period_end TEXT,
    value TEXT,
    unit TEXT,
    expected TEXT,
    threshold TEXT,
    percent TEXT,
    robust_sd TEXT,
    unknown_code TEXT,
    summary TEXT NOT NULL,
    notified BIGINT NOT NULL,
    silenced BIGINT NOT NULL,
    snapshot_id TEXT,
    known_at TEXT,
    definition_digest TEXT
);
CREATE INDEX alert_events_metric ON alert_events (metric, rule);
CREATE TABLE alert_silences (
    silence_id TEXT PRIMARY KEY,
    metric TEXT NOT NULL,
    rule TEXT NOT NULL,
    members TEXT NOT NULL,
    begins_at TEXT NOT NULL,
    ends_at TEXT NOT NULL,
    reason TEXT NOT NULL
);
