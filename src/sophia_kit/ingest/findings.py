"""What lies in quarantine, for people to look at."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sophia_kit.warehouse import Warehouse

__all__ = ["Finding", "open_findings"]


@dataclass(frozen=True, slots=True)
class Finding:
    """A record that was refused and never came right. `record` is JSON text; times are UTC."""

    table_name: str
    source_system: str
    source_id: str | None
    reason: str
    first_seen_at: datetime
    record: str


def open_findings(warehouse: Warehouse, *, table: str | None = None, limit: int = 50) -> tuple[list[Finding], int]:
    """The open findings, newest first and at most `limit` of them, and how many there are in all."""
    where = "WHERE resolved_at IS NULL" + (" AND table_name = ?" if table else "")
    params = [table] if table else []
    counted = warehouse.query(f"SELECT count(*) AS findings FROM meta.quarantine {where}", params)  # noqa: S608
    found = warehouse.query(
        "SELECT table_name, source_system, source_id, reason, first_seen_at, record "  # noqa: S608
        f"FROM meta.quarantine {where} ORDER BY first_seen_at DESC, table_name, source_id, reason LIMIT {int(limit)}",
        params,
    )
    return [Finding(*row) for row in found.frame.iter_rows()], int(counted.frame.item())
