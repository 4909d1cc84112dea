"""A scripted Salesforce organisation on the wire: for answers that a well-behaved sandbox doesn't give."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.wire import Reply, Request, WireServer

DATA = "/services/data/v66.0"
FIELDS = ("Id", "Name", "SystemModstamp", "IsDeleted")


class Org:
    """Answers as the REST API does; a test replaces what it wants to be otherwise.

    Attributes:
        pages: the records, page by page.
        overrides: answers by path, before all else.
        fields: what describe lists.
        tokens: how many were handed out; the last one is valid.
    """

    def __init__(self) -> None:
        self.pages: list[list[dict[str, Any]]] = [[]]
        self.overrides: dict[str, Callable[[Request], Reply]] = {}
        self.fields: tuple[str, ...] = FIELDS
        self.headers: dict[str, str] = {}
        self.tokens = 0
        self.server: WireServer

    def __call__(self, request: Request) -> Reply:
        if request.path in self.overrides:
            return self.overrides[request.path](request)
        if request.path == "/services/oauth2/token":
            self.tokens += 1
            return Reply(body={"access_token": f"access-{self.tokens}", "instance_url": self.server.url})
        if request.headers.get("authorization") != f"Bearer access-{self.tokens}":
            return Reply(401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "Session expired or invalid"}])
        if request.path.endswith("/describe"):
            return Reply(body={"fields": [{"name": name} for name in self.fields]}, headers=self.headers)
        if request.path == f"{DATA}/queryAll":
            return self.page(0)
        return self.page(int(request.path.rpartition("-")[2]))

    def page(self, number: int, **changed: Any) -> Reply:
        last = number + 1 == len(self.pages)
        following = {} if last else {"nextRecordsUrl": f"{DATA}/queryAll/01g-{number + 1}"}
        body = {"totalSize": sum(map(len, self.pages)), "done": last, **following, "records": self.pages[number]}
        return Reply(
            body={key: value for key, value in (body | changed).items() if value is not ...}, headers=self.headers
        )

    def queries(self) -> list[str]:
        return [request.query["q"] for request in self.server.requests if "q" in request.query]


def records(count: int, start: int = 0) -> list[dict[str, Any]]:
    """Accounts of which each changed a second after the one before."""
    return [
        {
            "attributes": {"type": "Account", "url": f"{DATA}/sobjects/Account/{number:018d}"},
            "Id": f"{number:018d}",
            "Name": f"Zoë & Söhne ✓ {number}",
            "SystemModstamp": f"2025-06-01T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000+0000",
            "IsDeleted": number % 7 == 0,
        }
        for number in range(start, start + count)
    ]
