-- Written in the common subset of SQLite and PostgreSQL; times are ISO 8601 text in UTC.
CREATE TABLE load_attempts (
    attempt_id TEXT PRIMARY KEY,
    run_id TEXT,
    source TEXT NOT NULL,
    resource TEXT NOT NULL,
    table_name TEXT NOT NULL,
    mode TEXT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    status TEXT NOT NULL,
    rows_read BIGINT,
    rows_merged BIGINT,
    rows_deleted BIGINT,
    rows_quarantined BIGINT,
    new_columns TEXT,
    error TEXT,
    cursor_from TEXT,
    cursor_to TEXT,
    snapshot_id TEXT,
    host TEXT NOT NULL
);
CREATE INDEX load_attempts_started ON load_attempts (started_at);
CREATE TABLE cursors (
    source TEXT NOT NULL,
    resource TEXT NOT NULL,
    snapshot_id TEXT NOT NULL,
    value TEXT NOT NULL,
    saved_at TEXT NOT NULL,
    PRIMARY KEY (source, resource, snapshot_id)
);
CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    job TEXT NOT NULL,
    origin TEXT NOT NULL,
    parameters TEXT NOT NULL,
    host TEXT NOT NULL,
    pid BIGINT NOT NULL,
    started_at TEXT NOT NULL,
    ended_at TEXT,
    outcome TEXT NOT NULL,
    proof TEXT
);
CREATE INDEX runs_job ON runs (job, outcome);
CREATE TABLE checkpoints (
    origin TEXT PRIMARY KEY,
    size BIGINT NOT NULL,
    root TEXT NOT NULL,
    seen_at TEXT NOT NULL
);
