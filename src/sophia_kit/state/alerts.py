"""Alerts in the state: where each series stands, what happened, what is silenced."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import astuple, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sophia_kit.state.alert_records import AlertEvent, AlertSeries, AlertSilence, Members
from sophia_kit.state.engine import Engine, Row

__all__ = ["AlertStore"]

_SERIES = tuple(field.name for field in fields(AlertSeries))
_EVENT = tuple(field.name for field in fields(AlertEvent))
_SILENCE = tuple(field.name for field in fields(AlertSilence))
_DATES = {"since", "evaluated_to", "notified_on", "unknown_since", "unknown_notified_on", "period_start", "period_end"}
_MOMENTS = {"at", "known_at", "updated_at", "begins_at", "ends_at"}
_NUMBERS = {"value", "expected", "threshold", "percent", "robust_sd"}
_FLAGS = {"notified", "silenced"}


class AlertStore:
    """Series, events and silences. Calls take effect one by one, or together in `State.transaction`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def series(self, metric: str | None = None, rule: str | None = None) -> list[AlertSeries]:
        """Where the series stand, by metric, rule and members."""
        where, params = _where({"metric": metric, "rule": rule})
        rows = self._engine.execute(
            f"SELECT {', '.join(_SERIES)} FROM alert_series {where} ORDER BY metric, rule, members",  # noqa: S608
            params,
        )
        return [AlertSeries(**_read(_SERIES, row)) for row in rows]

    def save_series(self, series: AlertSeries) -> None:
        """Keep where a series stands now."""
        changed = ", ".join(f"{name} = excluded.{name}" for name in _SERIES[3:])
        self._engine.execute(
            f"INSERT INTO alert_series ({', '.join(_SERIES)}) VALUES ({_marks(_SERIES)}) "  # noqa: S608
            f"ON CONFLICT (metric, rule, members) DO UPDATE SET {changed}",
            _written(series),
        )

    def drop_series(self, series: AlertSeries) -> None:
        """Forget a series; its events stay."""
        self._engine.execute(
            "DELETE FROM alert_series WHERE metric = ? AND rule = ? AND members = ?",
            [series.metric, series.rule, _text(series.members)],
        )

    def append(self, events: Iterable[AlertEvent]) -> list[AlertEvent]:
        """Add to the history, in a transaction of the caller; the events with their place in it."""
        last = int(self._engine.execute("SELECT coalesce(max(sequence), 0) FROM alert_events")[0][0])
        added = [replace(event, sequence=last + place) for place, event in enumerate(events, 1)]
        for event in added:
            self._engine.execute(
                f"INSERT INTO alert_events ({', '.join(_EVENT)}) VALUES ({_marks(_EVENT)})",  # noqa: S608
                _written(event),
            )
        return added

    def events(
        self, *, metric: str | None = None, rule: str | None = None, limit: int | None = None
    ) -> list[AlertEvent]:
        """What happened, newest first."""
        where, params = _where({"metric": metric, "rule": rule})
        bound = f"LIMIT {int(limit)}" if limit is not None else ""
        rows = self._engine.execute(
            f"SELECT {', '.join(_EVENT)} FROM alert_events {where} ORDER BY sequence DESC {bound}",  # noqa: S608
            params,
        )
        return [AlertEvent(**_read(_EVENT, row)) for row in rows]

    def add_silence(self, silence: AlertSilence) -> None:
        """Begin a silence."""
        self._engine.execute(
            f"INSERT INTO alert_silences ({', '.join(_SILENCE)}) VALUES ({_marks(_SILENCE)})",  # noqa: S608
            _written(silence),
        )

    def end_silence(self, silence_id: str, at: datetime) -> None:
        """End a silence at `at` instead of at its own end."""
        self._engine.execute("UPDATE alert_silences SET ends_at = ? WHERE silence_id = ?", [_plain(at), silence_id])

    def silences(self, at: datetime) -> list[AlertSilence]:
        """The silences in force at `at`."""
        rows = self._engine.execute(
            f"SELECT {', '.join(_SILENCE)} FROM alert_silences WHERE begins_at <= ? AND ends_at > ? "  # noqa: S608
            "ORDER BY begins_at, silence_id",
            [_plain(at), _plain(at)],
        )
        return [AlertSilence(**_read(_SILENCE, row)) for row in rows]


def _where(wanted: dict[str, str | None]) -> tuple[str, list[Any]]:
    given = {name: value for name, value in wanted.items() if value is not None}
    return f"WHERE {' AND '.join(f'{name} = ?' for name in given)}" if given else "", list(given.values())


def _marks(names: Sequence[str]) -> str:
    return ", ".join("?" for _ in names)


def _written(record: AlertSeries | AlertEvent | AlertSilence) -> list[Any]:
    return [_plain(value) for value in astuple(record)]


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, tuple):
        return _text(value)
    return int(value) if isinstance(value, bool) else value


def _text(members: Members) -> str:
    return json.dumps(dict(members), ensure_ascii=False)


def _read(names: Sequence[str], row: Row) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in zip(names, row, strict=True)}


def _value(name: str, value: Any) -> Any:
    if name == "members":
        return tuple(json.loads(value).items())
    if value is None:
        return None
    if name in _DATES:
        return date.fromisoformat(value)
    if name in _MOMENTS:
        return datetime.fromisoformat(value)
    if name in _NUMBERS:
        return Decimal(value)
    return bool(value) if name in _FLAGS else value
