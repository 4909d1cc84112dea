"""Language models in the state: the ledger of calls, reservations, and what was spent of a day."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, fields, replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from sophia_kit.state.engine import Engine, Row
from sophia_kit.state.llm_records import LlmCall, LlmReservation, LlmSpend, SpendBudget

__all__ = ["LlmLedgerStore"]

_CALL = tuple(field.name for field in fields(LlmCall))
_RESERVATION = tuple(field.name for field in fields(LlmReservation))
_SPEND = tuple(field.name for field in fields(LlmSpend))
_MOMENTS = {"started_at", "ended_at", "reserved_at", "expires_at"}
_MONEY = {"input_usd_per_million", "output_usd_per_million", "cost_usd"}
_FLAGS = {"cached", "streamed", "tokens_estimated"}


class LlmLedgerStore:
    """Calls take effect one by one, or together in `State.transaction`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def append(self, call: LlmCall) -> LlmCall:
        """Add to the ledger, in a transaction of the caller; the call with its place in it."""
        last = int(self._engine.execute("SELECT coalesce(max(sequence), 0) FROM llm_calls")[0][0])
        placed = replace(call, sequence=last + 1)
        self._insert("llm_calls", _CALL, placed)
        return placed

    def calls(
        self,
        *,
        after: int = 0,
        since: datetime | None = None,
        until: datetime | None = None,
        newest: int | None = None,
        limit: int | None = None,
    ) -> list[LlmCall]:
        """Calls in the ledger's order.

        Args:
            after: only those behind this place.
            since, until: only those that ended from `since` on, and before `until`.
            newest: no more than the last so many.
            limit: no more than the first so many.
        """
        where, params = ["sequence > ?"], [after]
        for condition, moment in (("ended_at >= ?", since), ("ended_at < ?", until)):
            if moment is not None:
                where.append(condition)
                params.append(_plain(moment))
        way, bound = ("DESC", newest) if newest is not None else ("ASC", limit)
        last = f"LIMIT {int(bound)}" if bound is not None else ""
        rows = self._engine.execute(
            f"SELECT {', '.join(_CALL)} FROM llm_calls WHERE {' AND '.join(where)} ORDER BY sequence {way} {last}",  # noqa: S608
            params,
        )
        found = [LlmCall(**_read(_CALL, row)) for row in rows]
        return found if newest is None else found[::-1]

    def count(self) -> int:
        """How many calls the ledger holds."""
        return int(self._engine.execute("SELECT count(*) FROM llm_calls")[0][0])

    def hold(self, reservation: LlmReservation) -> None:
        """Keep an open reservation, in a transaction of the caller."""
        self._insert("llm_reservations", _RESERVATION, reservation)
        self._move(reservation, spent=0, reserved=reservation.amount)

    def settle(self, reservation_id: str, charged: int, *, expired: bool = False) -> None:
        """Say what a reservation came to, in a transaction of the caller. What comes later corrects what came before;
        one that isn't known is left alone."""
        found = self.reservation(reservation_id)
        if found is None:
            return
        self._engine.execute(
            "UPDATE llm_reservations SET charged = ?, status = ? WHERE reservation_id = ?",
            [charged, "expired" if expired else "settled", reservation_id],
        )
        if found.status == "open":
            self._move(found, spent=charged, reserved=-found.amount)
        else:
            self._move(found, spent=charged - (found.charged or 0), reserved=0)

    def reservation(self, reservation_id: str) -> LlmReservation | None:
        rows = self._engine.execute(
            f"SELECT {', '.join(_RESERVATION)} FROM llm_reservations WHERE reservation_id = ?",  # noqa: S608
            [reservation_id],
        )
        return LlmReservation(**_read(_RESERVATION, rows[0])) if rows else None

    def overdue(self, at: datetime) -> list[LlmReservation]:
        """Open reservations whose time was up at `at`."""
        rows = self._engine.execute(
            f"SELECT {', '.join(_RESERVATION)} FROM llm_reservations WHERE status = 'open' AND expires_at <= ? "  # noqa: S608
            "ORDER BY expires_at, reservation_id",
            [_plain(at)],
        )
        return [LlmReservation(**_read(_RESERVATION, row)) for row in rows]

    def spend(self, day: date, budget: SpendBudget, member: str) -> LlmSpend:
        """What was spent of a budget on a day; nothing when nobody did."""
        rows = self._engine.execute(
            f"SELECT {', '.join(_SPEND)} FROM llm_spend WHERE day = ? AND budget = ? AND member = ?",  # noqa: S608
            [_plain(day), budget, member],
        )
        return LlmSpend(**_read(_SPEND, rows[0])) if rows else LlmSpend(day, budget, member, 0, 0)

    def spends(self, day: date) -> list[LlmSpend]:
        """What was spent of every budget on a day, by budget and member."""
        rows = self._engine.execute(
            f"SELECT {', '.join(_SPEND)} FROM llm_spend WHERE day = ? ORDER BY budget, member",  # noqa: S608
            [_plain(day)],
        )
        return [LlmSpend(**_read(_SPEND, row)) for row in rows]

    def add_spend(self, day: date, tenant: str, user_name: str, spent: int, reserved: int = 0) -> None:
        """Add to what was spent and held of a day: by everybody, by the tenant, by the user."""
        for budget, member in (("day", ""), ("tenant", tenant), ("user", user_name)):
            if budget == "day" or member:
                self._engine.execute(
                    "INSERT INTO llm_spend (day, budget, member, spent, reserved) VALUES (?, ?, ?, ?, ?) "
                    "ON CONFLICT (day, budget, member) DO UPDATE SET spent = llm_spend.spent + excluded.spent, "
                    "reserved = llm_spend.reserved + excluded.reserved",
                    [_plain(day), budget, member, spent, reserved],
                )

    def _move(self, reservation: LlmReservation, *, spent: int, reserved: int) -> None:
        self.add_spend(reservation.day, reservation.tenant, reservation.user_name, spent, reserved)

    def _insert(self, table: str, names: Sequence[str], record: LlmCall | LlmReservation) -> None:
        marks = ", ".join("?" for _ in names)
        self._engine.execute(
            f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})",  # noqa: S608
            [_plain(value) for value in astuple(record)],
        )


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value:f}"
    return int(value) if isinstance(value, bool) else value


def _read(names: Sequence[str], row: Row) -> dict[str, Any]:
    return {name: _value(name, value) for name, value in zip(names, row, strict=True)}


def _value(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name == "day":
        return date.fromisoformat(value)
    if name in _MOMENTS:
        return datetime.fromisoformat(value)
    if name in _MONEY:
        return Decimal(value)
    return bool(value) if name in _FLAGS else value
