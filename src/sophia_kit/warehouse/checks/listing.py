"""Checks as they are defined, with what each found at a load."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from sophia_kit.warehouse.checks.definition import Check, Severity
from sophia_kit.warehouse.checks.result import CheckResult, Status

__all__ = ["ListedCheck", "listed"]


@dataclass(frozen=True, slots=True)
class ListedCheck:
    """A check, and what it found.

    Attributes:
        stands_on: the columns it vouches for, as `view.column`, or `view.*` for the view's rows.
        status, detail: of the load; None when it didn't run there.
    """

    check_id: str
    view: str
    kind: str
    severity: Severity
    blocking: bool
    when: str | None
    description: str
    stands_on: tuple[str, ...]
    status: Status | None
    detail: str | None


def listed(checks: Iterable[Check], found: Iterable[CheckResult]) -> tuple[ListedCheck, ...]:
    """The checks in their order; results of checks that are no longer defined are left out."""
    by_id = {each.check_id: each for each in found}
    entries = []
    for check in checks:
        result = by_id.get(check.id)
        entries.append(
            ListedCheck(
                check_id=check.id,
                view=check.view,
                kind=check.kind,
                severity=check.severity,
                blocking=check.blocking,
                when=check.when,
                description=check.description,
                stands_on=check.stands_on,
                status=result.status if result else None,
                detail=result.detail if result else None,
            )
        )
    return tuple(entries)
