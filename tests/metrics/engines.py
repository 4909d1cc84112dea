"""What a conformance test needs: an engine that remembers, and the questions that together ask everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from sophia_kit.metrics import MetricQuery
from sophia_kit.metrics.definition import Definition, RowsDefinition
from sophia_kit.metrics.evaluation import COMPARISONS
from sophia_kit.warehouse import Dialect, Engine, QueryResult, TableFreshness


class Remembering:
    """An engine that asks another each statement once, and keeps what came back. Checks of snapshots aren't asked for:
    one engine has them, the other doesn't.
    """

    snapshot = None

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self.results: dict[tuple[str, str], QueryResult] = {}

    @property
    def dialect(self) -> Dialect:
        return self._engine.dialect

    @property
    def known_at(self) -> datetime:
        return self._engine.known_at

    @property
    def demo(self) -> bool:
        return self._engine.demo

    @property
    def time_zone(self) -> str:
        return self._engine.time_zone

    @property
    def currency(self) -> str:
        return self._engine.currency

    def query(
        self,
        sql: str,
        params: Mapping[str, Any] | None = None,
        *,
        row_limit: int | None = None,
        timeout_s: float | None = None,
    ) -> QueryResult:
        key = sql, repr(sorted((params or {}).items()))
        if key not in self.results:
            self.results[key] = self._engine.query(sql, params, row_limit=row_limit, timeout_s=timeout_s)
        return self.results[key]

    def freshness(self) -> dict[str, TableFreshness]:
        return self._engine.freshness()

    def close(self) -> None:
        self._engine.close()


def questions(definition: Definition, day: date) -> Iterator[MetricQuery]:
    """Every grain, every comparison and every dimension of a metric, in as few queries as hold them all: the totals and
    all dimensions at once take turns over the grains. A single period is a statement of its own.
    """
    if isinstance(definition, RowsDefinition):
        yield MetricQuery(definition.name, day, definition.grains[0])
    splits = [(), tuple(definition.dimensions)] if definition.dimensions else [()]
    for index in range(max(len(definition.grains), len(splits))):
        grain = definition.grains[index % len(definition.grains)]
        yield MetricQuery(definition.name, day, grain, splits[index % len(splits)], COMPARISONS)
