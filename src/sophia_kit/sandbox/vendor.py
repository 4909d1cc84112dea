"""What a vendor's API is to the sandbox's server: requests in, responses out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from pydantic_core import to_json

from sophia_kit.sandbox.company import Company

__all__ = ["Request", "Response", "Vendor", "json_response"]


@dataclass(frozen=True, slots=True)
class Request:
    """Header names are lower case; `query` holds the first value of each parameter. `page_limit` is the most that the
    sandbox puts on a page: vendors give fewer records than asked for when they like."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    page_limit: int = 1_000_000

    def page_size(self, asked: int) -> int:
        """How many records a page has when so many are asked for."""
        return min(asked, self.page_limit)


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


class Vendor(Protocol):
    """One vendor. A request is for whom has the longest prefix of its path. `show` replaces the company it serves (the
    sandbox has moved on by a day)."""

    @property
    def prefixes(self) -> tuple[str, ...]: ...

    def show(self, company: Company) -> None: ...

    def answer(self, request: Request) -> Response: ...

    def expired(self, request: Request) -> Response:
        """What it answers when the caller's token has expired."""
        ...

    def failed(self, status: int) -> Response:
        """What it answers in its own error shape when it is overloaded (429) or broken (500)."""
        ...


def json_response(status: int, content: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(status, to_json(content), {"Content-Type": "application/json;charset=UTF-8", **(headers or {})})
