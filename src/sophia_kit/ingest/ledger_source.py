"""The ledger of language model calls as a source: what the state holds, loaded like a vendor's records."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Any

from sophia_kit.ingest.contract import Contract
from sophia_kit.ingest.sources import Portion, Scope
from sophia_kit.state import LlmCall, State

__all__ = ["LedgerSource"]

_PORTION = 5000
# Prices of language models are in US dollars, whatever the company's currency is.
_CURRENCY = "USD"
_FIELDS = tuple(field.name for field in fields(LlmCall))


class LedgerSource:
    """The calls in the state. Its cursor is the last call's place in the ledger, which only grows.

    Args:
        demo: whether the workspace is the fictional company's.
    """

    name = "llm"
    tables_at_once = 1

    def __init__(self, state: State, *, demo: bool) -> None:
        self._state = state
        self._demo = demo

    async def ready(self) -> None:
        """At once: see `Source.ready`."""

    def size(self, contract: Contract) -> int:
        """It has one table: see `Source.size`."""
        return 0

    def delivers(self, contract: Contract) -> bool:
        """See `Source.delivers`."""
        return contract.source == self.name

    def shows_all(self, contract: Contract) -> bool:
        """Never: what the state forgets was called all the same."""
        return False

    def off(self, contract: Contract) -> str | None:
        """Never: see `Source.off`."""
        return None

    async def read(self, contract: Contract, cursor: str | None, scope: Scope) -> AsyncGenerator[Portion, None]:
        """See `Source.read`. Of a span the calls that ended in it."""
        span = scope.span
        whole = scope.full or span is not None
        after = 0 if whole or cursor is None else int(cursor)
        since, until = (None, None) if span is None else (span.start, span.end)
        while True:
            calls = await asyncio.to_thread(
                self._state.llm_ledger.calls, after=after, since=since, until=until, limit=_PORTION
            )
            if calls:
                after = calls[-1].sequence
            # An empty one too: the ledger was read, and has nothing new.
            yield Portion([_record(call) for call in calls], self._demo, str(after) if scope.goes_on else None)
            if len(calls) < _PORTION:
                return


def _record(call: LlmCall) -> dict[str, Any]:
    """A call as a vendor would send it."""
    return {name: _sent(getattr(call, name)) for name in _FIELDS} | {"currency": _CURRENCY}


def _sent(value: Any) -> Any:
    if value == "":
        return None
    if isinstance(value, datetime):
        return value.isoformat()
    # Seconds are kept to the millisecond; money travels as it is, to the last digit.
    return Decimal(repr(round(value, 3))) if isinstance(value, float) else value
