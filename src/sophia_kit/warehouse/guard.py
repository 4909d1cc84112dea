"""Only a single SELECT passes. DuckDB's own parser decides, so there is no second opinion on its grammar."""

from __future__ import annotations

import duckdb

from sophia_kit.core.errors import QueryRefused

__all__ = ["require_select"]


def require_select(connection: duckdb.DuckDBPyConnection, sql: str) -> duckdb.Statement:
    """The statement, parsed, when `sql` is exactly one SELECT (WITH, VALUES and FROM-first forms are SELECTs).

    Raises:
        QueryRefused: anything else, including text that doesn't parse.
    """
    try:
        statements = connection.extract_statements(sql)
    except duckdb.Error as error:
        raise QueryRefused(f"The query doesn't parse: {str(error).splitlines()[0]}", hint="Check its syntax.") from None
    if len(statements) != 1:
        raise QueryRefused(
            f"The query holds {len(statements)} statements.",
            hint="Send one SELECT, without a second statement.",
        )
    kind = statements[0].type
    if kind != duckdb.StatementType.SELECT:
        raise QueryRefused(f"The query is a {kind.name}, not a SELECT.", hint="The warehouse is read-only.")
    return statements[0]
