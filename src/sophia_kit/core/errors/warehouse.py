"""The warehouse refused or failed a query, or has no answer."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sophia_kit.core.errors.base import SophiaError

__all__ = [
    "NeverLoaded",
    "NoSnapshot",
    "QueryLimit",
    "QueryRefused",
    "SnapshotDamaged",
    "SnapshotGone",
    "WarehouseError",
]


class WarehouseError(SophiaError):
    code, title, status, exit_code = "warehouse", "The warehouse failed", 500, 6


class QueryRefused(WarehouseError):
    code, title, status = "query-refused", "Only a single SELECT is permitted", 400


class QueryLimit(WarehouseError):
    code, title, status = "query-limit", "The query passed its limit", 503


class NoSnapshot(WarehouseError):
    code, title, status = "no-snapshot", "Nothing has been loaded yet", 503


class NeverLoaded(WarehouseError):
    """Attribute `tables` has the raw tables that were never loaded. The request is fine; its answer is unknown."""

    code, title, status = "never-loaded", "Unknown: never loaded", 409

    def __init__(self, message: str, *, tables: Iterable[str], hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.tables = tuple(tables)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"tables": list(self.tables)}


class SnapshotGone(WarehouseError):
    code, title, status = "snapshot-gone", "The snapshot is no longer kept", 410


class SnapshotDamaged(WarehouseError):
    code, title = "snapshot-damaged", "The snapshot can't be read"
