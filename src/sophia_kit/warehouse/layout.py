"""The fixed part of a snapshot: its schemas and the tables that describe it."""

from __future__ import annotations

from collections.abc import Collection

import duckdb

__all__ = ["create_layout", "create_missing"]

_LAYOUT = """
CREATE SCHEMA IF NOT EXISTS raw;
CREATE SCHEMA IF NOT EXISTS meta;
CREATE TABLE IF NOT EXISTS meta.snapshot (
    snapshot_id VARCHAR NOT NULL, known_at TIMESTAMP NOT NULL, created_at TIMESTAMP NOT NULL, demo BOOLEAN NOT NULL,
    company_time_zone VARCHAR NOT NULL, currency VARCHAR NOT NULL, parent VARCHAR
);
CREATE TABLE IF NOT EXISTS meta.load_audit (
    attempt_id VARCHAR NOT NULL, run_id VARCHAR, source VARCHAR NOT NULL, resource VARCHAR NOT NULL,
    table_name VARCHAR NOT NULL, mode VARCHAR NOT NULL, started_at TIMESTAMP NOT NULL, ended_at TIMESTAMP,
    status VARCHAR NOT NULL, rows_read BIGINT, rows_merged BIGINT, rows_deleted BIGINT, rows_quarantined BIGINT,
    new_columns VARCHAR, error VARCHAR, cursor_from VARCHAR, cursor_to VARCHAR, snapshot_id VARCHAR
);
CREATE TABLE IF NOT EXISTS meta.quarantine (
    quarantine_id VARCHAR NOT NULL, table_name VARCHAR NOT NULL, source_system VARCHAR NOT NULL, source_id VARCHAR,
    reason VARCHAR NOT NULL, record VARCHAR NOT NULL, first_seen_at TIMESTAMP NOT NULL, load_id VARCHAR NOT NULL,
    resolved_at TIMESTAMP
);
CREATE TABLE IF NOT EXISTS meta.freshness (
    table_name VARCHAR NOT NULL, source_system VARCHAR NOT NULL, last_success_at TIMESTAMP,
    freshness_hours DOUBLE NOT NULL, row_count BIGINT NOT NULL
);
"""
_BEHIND = """
CREATE TABLE IF NOT EXISTS meta.behind (table_name VARCHAR NOT NULL, failed_at TIMESTAMP, reason VARCHAR NOT NULL);
"""
_CHECK_RESULTS = """
CREATE TABLE IF NOT EXISTS meta.check_results (
    check_id VARCHAR NOT NULL, view VARCHAR NOT NULL, kind VARCHAR NOT NULL, severity VARCHAR NOT NULL,
    status VARCHAR NOT NULL, failed_rows BIGINT NOT NULL, checked_rows BIGINT NOT NULL, rows_before BIGINT,
    detail VARCHAR NOT NULL, description VARCHAR NOT NULL, stands_on VARCHAR NOT NULL, ran_at TIMESTAMP NOT NULL
);
"""


# What versions added since the first.
_ADDED = {"check_results": _CHECK_RESULTS, "behind": _BEHIND}


def create_layout(connection: duckdb.DuckDBPyConnection) -> None:
    """Create the schemas `raw` and `meta` and the tables of `meta` where they are missing."""
    connection.execute(_LAYOUT + "".join(_ADDED.values()))


def create_missing(connection: duckdb.DuckDBPyConnection, held: Collection[str]) -> None:
    """Create, empty, in the in-memory schema `meta` what a snapshot of an earlier version lacks: it has `held`."""
    for table, ddl in _ADDED.items():
        if table not in held:
            connection.execute(ddl)
