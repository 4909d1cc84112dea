"""The sandbox's server: the vendors' APIs of a company over real HTTP, on loopback only."""

from __future__ import annotations

import socket
import struct
import threading
from dataclasses import dataclass
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import parse_qs, urlsplit

from sophia_kit.sandbox.company import Company
from sophia_kit.sandbox.faults import FaultKind, Faults
from sophia_kit.sandbox.github import GitHub
from sophia_kit.sandbox.gong import Gong
from sophia_kit.sandbox.n8n import N8n
from sophia_kit.sandbox.notion import Notion
from sophia_kit.sandbox.salesforce import Salesforce
from sophia_kit.sandbox.slack import Slack
from sophia_kit.sandbox.vendor import Request, Response, Vendor, json_response

__all__ = ["HEADER", "LoggedRequest", "SandboxServer"]

HEADER = "Sophia-Sandbox"
"""Header of every response; its value is the company's name. Who reads it knows that this is demo data."""


_TOKENS = frozenset({"authorization", "x-n8n-api-key"})
"""The headers that vendors take a token from."""


@dataclass(frozen=True, slots=True)
class LoggedRequest:
    """A request the server received; `status` is None when it sent no status line."""

    method: str
    target: str
    status: int | None
    fault: FaultKind | None


class SandboxServer:
    """Serves a company in threads of this process, from entering the `with` block to leaving it.

    Attributes:
        company: the company as it is served now.
        salesforce, notion, github: vendors, for tests that expire tokens or move pages to the trash.
        requests: what was asked, oldest first.
    """

    def __init__(
        self,
        company: Company,
        *,
        faults: Faults | None = None,
        port: int = 0,
        token_life_s: float = 7200.0,
        page_limit: int = 1_000_000,
    ) -> None:
        self.company = company
        self.page_limit = page_limit
        self.requests: list[LoggedRequest] = []
        self.salesforce = Salesforce(company, token_life_s=token_life_s)
        self.notion = Notion(company)
        self.github = GitHub(company)
        self.vendors: tuple[Vendor, ...] = (
            self.salesforce,
            self.notion,
            self.github,
            Slack(company),
            Gong(company),
            N8n(company),
        )
        self.closing = threading.Event()
        self.faults = faults or Faults()
        self.fault_counter = self.faults.start()
        self._http = _Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def vendor_of(self, path: str) -> Vendor | None:
        """Whom a request belongs to."""
        known = [(prefix, vendor) for vendor in self.vendors for prefix in vendor.prefixes if path.startswith(prefix)]
        return max(known, key=lambda pair: len(pair[0]))[1] if known else None

    def advance(self, days: int = 1) -> None:
        """Let days pass: from now on the company of a later day is served.

        Raises:
            InputError: the company's time ends before.
        """
        self.company = self.company.at(self.company.day + timedelta(days))
        for vendor in self.vendors:
            vendor.show(self.company)

    def __enter__(self) -> SandboxServer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.closing.set()
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], sandbox: SandboxServer) -> None:
        self.sandbox = sandbox
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that hangs up is no error of the sandbox."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1
    timeout = 60
    server: _Server

    def version_string(self) -> str:
        return "sophia-sandbox"

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Requests are kept in `SandboxServer.requests`, not printed."""

    def _serve(self) -> None:
        sandbox = self.server.sandbox
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length) if length else b""
        parts = urlsplit(self.path)
        request = Request(
            method=self.command,
            path=parts.path,
            query={name: values[0] for name, values in parse_qs(parts.query).items()},
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            base_url=sandbox.base_url,
            page_limit=sandbox.page_limit,
        )
        vendor = sandbox.vendor_of(request.path)
        signed = (self.command, self.path, body) if _TOKENS & request.headers.keys() else None
        fault = sandbox.fault_counter.next(request.path, signed)
        response = self._answer(vendor, request, fault)
        sandbox.requests.append(
            LoggedRequest(self.command, self.path, None if fault == "drop" else response.status, fault)
        )
        if fault == "drop":
            self._reset()
        elif fault == "cut_body":
            self._send(response, response.body[: len(response.body) // 2])
            self.close_connection = True
        else:
            self._send(response, response.body)

    def _answer(self, vendor: Vendor | None, request: Request, fault: FaultKind | None) -> Response:
        sandbox = self.server.sandbox
        if vendor is None:
            return json_response(404, {"error": f"the sandbox serves no {request.path}"})
        if fault == "too_many_requests":
            response = vendor.failed(429)
            retry = {"Retry-After": str(sandbox.faults.retry_after_s)}
            return Response(429, response.body, {**response.headers, **retry})
        if fault == "server_error":
            return vendor.failed(500)
        if fault == "expired_token":
            return vendor.expired(request)
        if fault == "slow":
            sandbox.closing.wait(sandbox.faults.slow_s)
        response = vendor.answer(request)
        if fault == "truncated_json":
            return Response(response.status, response.body[: len(response.body) // 2], response.headers)
        if fault == "malformed_json":
            return Response(response.status, b"<html>" + response.body, response.headers)
        return response

    def _send(self, response: Response, body: bytes) -> None:
        self.send_response(response.status)
        for name, value in response.headers.items():
            self.send_header(name, value)
        self.send_header(HEADER, self.server.sandbox.company.name)
        self.send_header("Content-Length", str(len(response.body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
        self.wfile.flush()

    def _reset(self) -> None:
        """End the connection with RST, as a failing balancer does."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True
        self.connection.close()

    def __getattr__(self, name: str) -> Any:
        """Every method comes to `_serve`; the base class looks for `do_GET`, `do_POST` and so on."""
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)
