"""Which checks of the data a value stands on, and doesn't pass."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING
from weakref import WeakKeyDictionary

from sophia_kit.metrics.value import QualityMark

if TYPE_CHECKING:
    from sophia_kit.warehouse import Engine
    from sophia_kit.warehouse.checks import CheckResult

__all__ = ["marks", "results_on"]


@dataclass(frozen=True, slots=True)
class _Found:
    """What is known of an open snapshot's checks; `problems` are those that mark metrics."""

    results: tuple[CheckResult, ...]
    problems: tuple[CheckResult, ...]


_found: WeakKeyDictionary[Engine, _Found] = WeakKeyDictionary()
_guard = threading.Lock()


def marks(engine: Engine, statements: Iterable[str], *, restricted: bool = False) -> tuple[QualityMark, ...]:
    """The checks that failed or could not run, of the data that the statements read, in order of their ids.

    A check of a column marks who reads the column, in whatever part of a statement or of a view below it; a check of
    a view's rows marks who reads the view. Where no checks ran, one mark says that nothing is known. To who is
    restricted a mark says what the check demands, not what it found: that is of everybody's rows.
    """
    ran = tuple(statements)
    if not ran:
        return ()
    if engine.snapshot is None:
        return (QualityMark("", "", "Checks run on snapshots alone, and this is none.", "unknown"),)
    found = _of(engine)
    if not found.results:
        return (QualityMark("", "", "No checks ran on this snapshot.", "unknown"),)
    return tuple(
        QualityMark(
            each.check_id,
            each.view,
            each.description if restricted else each.detail,
            "failed" if each.status == "failed" else "unknown",
        )
        for each in _standing_on(found.problems, ran)
    )


def results_on(engine: Engine, statements: Iterable[str]) -> tuple[CheckResult, ...]:
    """What all checks found, passed ones too, of the data that the statements read; empty where none ran."""
    return () if engine.snapshot is None else _standing_on(_of(engine).results, tuple(statements))


def _of(engine: Engine) -> _Found:
    from sophia_kit.warehouse.checks import read_results

    with _guard:
        found = _found.get(engine)
        if found is None:
            results = read_results(engine)
            found = _found[engine] = _Found(results, tuple(each for each in results if each.marks))
        return found


def _standing_on(results: tuple[CheckResult, ...], statements: tuple[str, ...]) -> tuple[CheckResult, ...]:
    if not results:
        return ()
    from sophia_kit.warehouse.lineage import below, statement_columns

    read = below(column for sql in statements for column in statement_columns(sql))
    names = {f"{view}.{column}" for view, column in read} | {f"{view}.*" for view, _ in read}
    return tuple(each for each in results if not names.isdisjoint(each.stands_on))
