"""The endpoints of notion-client, answered over the kit's own HTTP client. Imported when Notion is read, not before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

from notion_client.api_endpoints import (
    BlocksEndpoint,
    DatabasesEndpoint,
    DataSourcesEndpoint,
    PagesEndpoint,
    SearchEndpoint,
    UsersEndpoint,
)
from notion_client.client import BaseClient

from sophia_kit.core.http import Answer, HttpClient

__all__ = ["Endpoints"]


class Endpoints:
    """Stands where notion-client's endpoints expect its client, which brings a transport and retries of its own.

    An endpoint's method is awaited and gives the `Answer`, not its body alone.
    """

    def __init__(self, http: HttpClient) -> None:
        self._http = http
        # All that an endpoint asks of its client is `request`.
        parent = cast(BaseClient, self)
        self.blocks: Any = BlocksEndpoint(parent)
        self.databases: Any = DatabasesEndpoint(parent)
        self.data_sources: Any = DataSourcesEndpoint(parent)
        self.pages: Any = PagesEndpoint(parent)
        self.search: Any = SearchEndpoint(parent)
        self.users: Any = UsersEndpoint(parent)

    async def request(
        self,
        path: str,
        method: str,
        query: Mapping[str, str | int] | None = None,
        body: Mapping[str, Any] | None = None,
        auth: None = None,
    ) -> Answer:
        """Send an endpoint's request.

        Raises:
            PolicyRefused: it isn't one that only reads; nothing was sent.
            ProviderError: see `HttpClient.request`.
        """
        params = {name: str(value) for name, value in (query or {}).items()}
        return await self._http.request(method, f"/v1/{path}", params=params or None, json=body)
