"""The warehouse: snapshots, one query interface over them, and the canonical views."""

from sophia_kit.warehouse.canonical import model_references, models
from sophia_kit.warehouse.digest import rows_digest
from sophia_kit.warehouse.engine import Dialect, Engine, QueryProvenance, QueryResult, TableFreshness
from sophia_kit.warehouse.query import Warehouse
from sophia_kit.warehouse.reading import reading
from sophia_kit.warehouse.snapshots import Draft, Snapshot, SnapshotStore

__all__ = [
    "Dialect",
    "Draft",
    "Engine",
    "QueryProvenance",
    "QueryResult",
    "Snapshot",
    "SnapshotStore",
    "TableFreshness",
    "Warehouse",
    "model_references",
    "models",
    "reading",
    "rows_digest",
]
