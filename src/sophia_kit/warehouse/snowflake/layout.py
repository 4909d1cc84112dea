"""The tables that a data platform fills on Snowflake, as statements for its people: the kit doesn't run them."""

from __future__ import annotations

from collections.abc import Iterable

import sqlglot

__all__ = ["platform_tables"]

_META = (
    "CREATE TABLE IF NOT EXISTS meta.snapshot (known_at TIMESTAMP NOT NULL, demo BOOLEAN NOT NULL, "
    "company_time_zone VARCHAR NOT NULL, currency VARCHAR NOT NULL)",
    "CREATE TABLE IF NOT EXISTS meta.freshness (table_name VARCHAR NOT NULL, source_system VARCHAR NOT NULL, "
    "last_success_at TIMESTAMP, freshness_hours DOUBLE NOT NULL, row_count BIGINT NOT NULL)",
)


def platform_tables(raw: Iterable[str]) -> str:
    """The statements, from those that create the raw tables on DuckDB. Names are without quotes: case doesn't matter.

    Times are without a zone (TIMESTAMPNTZ), in UTC.
    """
    schemas = ("CREATE SCHEMA IF NOT EXISTS raw", "CREATE SCHEMA IF NOT EXISTS meta")
    tables = (
        sqlglot.transpile(ddl.replace('"', ""), read="duckdb", write="snowflake", pretty=True)[0]
        for ddl in (*_META, *raw)
    )
    return ";\n\n".join((*schemas, *tables)) + ";"
