"""HTTP itself: a request whose head has no end or no form, or doesn't come, is refused before the application, as a
problem too."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sophia_kit.core.errors import RequestRefused, RequestTimeout, RequestTooLarge, SophiaError
from sophia_kit.server.problems import MEDIA_TYPE

if TYPE_CHECKING:
    import asyncio

__all__ = ["http_protocol"]

_HEAD_BYTES: Final = 65_536
"""Of a request line and its headers together, as uvicorn's other parser (h11) has it; httptools knows no limit."""


def http_protocol(patience_s: float) -> type[asyncio.Protocol]:
    """Uvicorn's protocol with limits to the head of a request: its size, and `patience_s` until it is complete.

    On httptools; where that isn't installed on h11, which knows the size alone.
    """
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol

    class BoundedProtocol(HttpToolsProtocol):
        """Counts what comes until a head is complete, and the time."""

        _in_head = True
        _head_bytes = 0
        _overdue: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._await_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._head_came()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            answered = self.cycle is None or self.cycle.response_complete
            # A connection that became a WebSocket is none of the server's requests any more.
            if answered and self in self.connections:
                self._await_head()
            if self._in_head and self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
                refusal = RequestTooLarge(f"The headers are larger than {_HEAD_BYTES:,} bytes.", hint="Send fewer.")
                refusal.status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._refuse(refusal)

        def on_headers_complete(self) -> None:
            self._in_head, self._head_bytes = False, 0
            self._head_came()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(RequestRefused("This isn't HTTP.", hint="Check the program or proxy that sent it."))

        def _await_head(self) -> None:
            if self._overdue is None:
                self._overdue = self.loop.call_later(patience_s, self._give_up)

        def _head_came(self) -> None:
            if self._overdue is not None:
                self._overdue.cancel()
                self._overdue = None

        def _give_up(self) -> None:
            if self._head_bytes == 0:
                self.transport.close()
                return
            late = RequestTimeout(f"The request's headers weren't complete within {patience_s:g} s.", hint="Ask again.")
            late.status = HTTPStatus.REQUEST_TIMEOUT
            self._refuse(late)

        def _refuse(self, error: SophiaError) -> None:
            body = json.dumps(error.problem() | {"instance": "", "trace_id": None}).encode()
            head = (
                f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return BoundedProtocol
