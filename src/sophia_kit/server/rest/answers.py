"""How an answer is made: in a thread of a bounded number, and in the JSON form that the command line has too."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

import anyio
from starlette.responses import Response

from sophia_kit.metrics.json_form import plain

if TYPE_CHECKING:
    from sophia_kit.server.records import Standing

__all__ = ["Desk", "json_bytes", "standing_record"]

_AT_ONCE: Final = 8
"""Answers made at once. Each holds the interpreter between its queries, so that more would only wait for each other."""


class Desk:
    """Makes answers in threads, so many at once; the others wait in order."""

    def __init__(self, at_once: int = _AT_ONCE) -> None:
        self._limiter = anyio.CapacityLimiter(at_once)

    async def answer(self, make: Callable[[], Mapping[str, Any]]) -> Response:
        """What `make` returns, as JSON."""

        def made() -> bytes:
            return json_bytes(make())

        content = await anyio.to_thread.run_sync(made, limiter=self._limiter)
        return Response(content, media_type="application/json")


def json_bytes(content: Mapping[str, Any]) -> bytes:
    """An answer as it is sent: as `metrics.json_form.json_text`, without the spaces."""
    return json.dumps(content, default=plain, separators=(",", ":"), ensure_ascii=False).encode()


def standing_record(standing: Standing) -> dict[str, Any]:
    """What an answer stands on."""
    return asdict(standing)
