"""Checks of the data: defined in YAML beside the models, run at each load, kept in the snapshot."""

from sophia_kit.warehouse.checks.definition import Check
from sophia_kit.warehouse.checks.files import load_checks
from sophia_kit.warehouse.checks.listing import ListedCheck, listed
from sophia_kit.warehouse.checks.result import CheckResult, read_results, write_results
from sophia_kit.warehouse.checks.run import check_draft, check_snapshot

__all__ = [
    "Check",
    "CheckResult",
    "ListedCheck",
    "check_draft",
    "check_snapshot",
    "listed",
    "load_checks",
    "read_results",
    "write_results",
]
