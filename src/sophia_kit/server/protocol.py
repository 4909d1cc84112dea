"""HTTP itself: a request whose head has no end or no form is refused before the application, as a problem too."""

from __future__ import annotations

import json
from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from sophia_kit.core.errors import RequestRefused, RequestTooLarge, SophiaError
from sophia_kit.server.problems import MEDIA_TYPE

if TYPE_CHECKING:
    import asyncio

__all__ = ["http_protocol"]

_HEAD_BYTES: Final = 65_536
"""Of a request line and its headers together, as uvicorn's other parser (h11) has it; httptools knows no limit."""


def http_protocol() -> type[asyncio.Protocol]:
    """Uvicorn's protocol with a limit to the head of a request: on httptools where it is installed, else on h11."""
    try:
        from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
    except ImportError:
        from uvicorn.protocols.http.h11_impl import H11Protocol

        return H11Protocol

    class BoundedProtocol(HttpToolsProtocol):
        """Counts what comes until a head is complete."""

        _in_head = True
        _head_bytes = 0

        def data_received(self, data: bytes) -> None:
            if self._in_head:
                self._head_bytes += len(data)
            super().data_received(data)
            if self._in_head and self._head_bytes > _HEAD_BYTES and not self.transport.is_closing():
                refusal = RequestTooLarge(f"The headers are larger than {_HEAD_BYTES:,} bytes.", hint="Send fewer.")
                refusal.status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
                self._refuse(refusal)

        def on_headers_complete(self) -> None:
            self._in_head, self._head_bytes = False, 0
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_head = True
            super().on_message_complete()

        def send_400_response(self, msg: str) -> None:
            self._refuse(RequestRefused("This isn't HTTP.", hint="Check the program or proxy that sent it."))

        def _refuse(self, error: SophiaError) -> None:
            body = json.dumps(error.problem() | {"instance": "", "trace_id": None}).encode()
            head = (
                f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}\r\nContent-Type: {MEDIA_TYPE}\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
            )
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

    return BoundedProtocol
