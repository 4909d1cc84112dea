"""Rows that were stored before their contract's privacy became stricter are treated by what it says now.

What is said less strictly than before shows with the next full load: what wasn't stored has to be read again.
"""

from __future__ import annotations

import json

import duckdb
import polars as pl

from sophia_kit.ingest.contract import RESERVED, Contract
from sophia_kit.ingest.convert import Refused, record_text
from sophia_kit.ingest.privacy import HASHED, Treatment, is_private, policy_text
from sophia_kit.ingest.quarantine import quarantine_id

__all__ = ["policies", "treat_stored"]

_REASON = "refused before what it holds became private; `sophia ingest quarantine replay` says what is wrong with it"


def policies(connection: duckdb.DuckDBPyConnection) -> dict[str, str]:
    """By raw table the policy that its rows are under, as its comment says it; none where nothing was private."""
    found = connection.execute(
        "SELECT table_name, comment FROM duckdb_tables() WHERE database_name = current_database() "
        "AND schema_name = 'raw' AND comment IS NOT NULL"
    ).fetchall()
    return dict(found)


def treat_stored(
    connection: duckdb.DuckDBPyConnection, contract: Contract, treatment: Treatment, held: str | None
) -> bool:
    """Bring a raw table and its findings from the policy `held` under the contract's; whether anything was taken out.

    Old values may be left in free blocks of the file.
    """
    table = f'raw."{contract.table}"'
    policy = policy_text(contract)
    if held == policy or (held is None and not is_private(contract)):
        return False
    again = Treatment(treatment.key, again=True)
    # No transaction around all: it is repeatable, and the draft of a load that ends here is thrown away.
    changed = [_columns(connection, contract, table, again), _new_columns(connection, contract, table)]
    changed.append(_findings(connection, contract, again))
    connection.execute(f"COMMENT ON TABLE {table} IS '{policy}'")
    return any(changed)


def _columns(connection: duckdb.DuckDBPyConnection, contract: Contract, table: str, again: Treatment) -> bool:
    changed = False
    for column in contract.columns:
        if column.privacy == "keep":
            continue
        where = f'"{column.name}" IS NOT NULL'
        if column.privacy == "hash":
            where += f" AND NOT regexp_full_match(\"{column.name}\", '{HASHED.pattern}')"
        held = connection.sql(f'SELECT DISTINCT "{column.name}" AS old FROM {table} WHERE {where}').pl()  # noqa: S608
        if held.is_empty():
            continue
        changed = True
        connection.register("treated", held.with_columns(new=again.series(column, held["old"])))
        connection.execute(
            f'UPDATE {table} SET "{column.name}" = treated.new FROM treated WHERE "{column.name}" = treated.old'  # noqa: S608
        )
        connection.unregister("treated")
    return changed


def _new_columns(connection: duckdb.DuckDBPyConnection, contract: Contract, table: str) -> bool:
    if contract.new_fields == "keep":
        return False
    known = {*contract.data_columns, *RESERVED}
    there = [name for name, *_ in connection.execute(f"DESCRIBE {table}").fetchall()]
    for name in there:
        if name not in known:
            connection.execute(f'ALTER TABLE {table} DROP COLUMN "{name}"')
    return not known.issuperset(there)


def _findings(connection: duckdb.DuckDBPyConnection, contract: Contract, again: Treatment) -> bool:
    query = "SELECT quarantine_id, source_id, record FROM meta.quarantine WHERE table_name = ?"
    found: list[tuple[str, str, str, str]] = []
    for old, key, text in connection.execute(query, [contract.table]).fetchall():
        record = json.loads(text)
        if not isinstance(record, dict):
            continue
        kept = record_text(again.record(contract, record))
        if kept != text:
            found.append((old, quarantine_id(contract.table, Refused(key, _REASON, kept)), _REASON, kept))
    if not found:
        return False
    schema = ["old", "new", "reason", "record"]
    connection.register("treated", pl.DataFrame(found, schema=schema, orient="row"))
    connection.execute(
        "UPDATE meta.quarantine SET quarantine_id = treated.new, reason = treated.reason, record = treated.record "
        "FROM treated WHERE quarantine_id = treated.old"
    )
    connection.unregister("treated")
    return True
