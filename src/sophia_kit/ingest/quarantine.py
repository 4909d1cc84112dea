"""Records that broke their contract are kept in `meta.quarantine`, each once, until a good version arrives."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime

import duckdb
import polars as pl

from sophia_kit.ingest.contract import KEY, Contract
from sophia_kit.ingest.convert import Refused
from sophia_kit.ingest.sql import number_from

__all__ = ["Quarantine", "quarantine_id"]


def quarantine_id(table: str, refused: Refused) -> str:
    """SHA-256 (hex, 32 digits) of table, reason and record: the same refusal has the same id in every load."""
    text = "\x1f".join((table, refused.reason, refused.record))
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()[:32]


class Quarantine:
    """The refusals of one table's load, within the transaction of that load."""

    def __init__(
        self, connection: duckdb.DuckDBPyConnection, contract: Contract, *, load_id: str, seen_at: datetime
    ) -> None:
        self._connection = connection
        self._contract = contract
        self._load_id = load_id
        self._seen_at = seen_at.astimezone(UTC).replace(tzinfo=None)
        # Asked for once: a question to the table for each batch takes longer than all else that settles it.
        found = connection.execute(
            "SELECT DISTINCT source_id FROM meta.quarantine WHERE table_name = ? AND resolved_at IS NULL "
            "AND source_id IS NOT NULL",
            [contract.table],
        )
        self._open = pl.Series([key for (key,) in found.fetchall()], dtype=pl.String())

    def settle(self, loaded: pl.DataFrame, refused: Sequence[Refused]) -> None:
        """A batch: findings about records that loaded are resolved, new refusals are added.

        A record that was refused again is open again, also when another version of it loaded in the same batch.
        """
        settled = loaded.select(pl.col(KEY).filter(pl.col(KEY).is_in(self._open.implode())))
        if settled.height:
            number_from(
                self._connection,
                settled,
                "UPDATE meta.quarantine SET resolved_at = ? WHERE table_name = ? AND resolved_at IS NULL "
                "AND source_id IN (SELECT source_id FROM incoming)",
                [self._seen_at, self._contract.table],
            )
        if refused:
            self._add(refused)
            keys = {one.source_id for one in refused if one.source_id is not None}
            self._open = pl.concat([self._open, pl.Series(sorted(keys), dtype=pl.String())]).unique()

    def resolve_all(self) -> None:
        """Begin anew: a finding that is refused again by the same reason is open again."""
        self._connection.execute(
            "UPDATE meta.quarantine SET resolved_at = ? WHERE table_name = ? AND resolved_at IS NULL",
            [self._seen_at, self._contract.table],
        )
        self._open = self._open.clear()

    def rollback(self) -> None:
        """Forget what this load found, where it was committed already."""
        self._connection.execute("DELETE FROM meta.quarantine WHERE load_id = ?", [self._load_id])

    def _add(self, refused: Sequence[Refused]) -> None:
        frame = pl.DataFrame(
            {
                "quarantine_id": [quarantine_id(self._contract.table, one) for one in refused],
                "source_id": [one.source_id for one in refused],
                "reason": [one.reason for one in refused],
                "record": [one.record for one in refused],
            },
            schema_overrides={"source_id": pl.String},
        ).unique("quarantine_id", maintain_order=True)
        number_from(
            self._connection,
            frame,
            "UPDATE meta.quarantine SET resolved_at = NULL WHERE resolved_at IS NOT NULL "
            "AND quarantine_id IN (SELECT quarantine_id FROM incoming)",
        )
        number_from(
            self._connection,
            frame,
            "INSERT INTO meta.quarantine SELECT quarantine_id, ?, ?, source_id, reason, record, ?, ?, NULL "
            "FROM incoming WHERE quarantine_id NOT IN (SELECT quarantine_id FROM meta.quarantine)",
            [self._contract.table, self._contract.source_system, self._seen_at, self._load_id],
        )
