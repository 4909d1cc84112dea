"""Settings and connectors that talk to loopback, with little patience."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from tests.connectors.salesforce_org import Org
from tests.wire import WireServer

from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.core.settings import HttpSettings, Settings, load_settings


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    found = Org()
    async with WireServer(found) as server:
        found.server = server
        yield found


@pytest.fixture
def settings(org: Org, tmp_path: Path) -> Settings:
    return settings_for(org.server.url, tmp_path)


def settings_for(url: str, root: Path) -> Settings:
    return load_settings(
        root,
        salesforce={
            "base_url": url,
            "client_id": "client",
            "client_secret": "canary-client-secret",
            "refresh_token": "canary-refresh-token",
            "requests_per_second": 1000,
        },
        http=HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02),
    )


@pytest.fixture
async def salesforce(settings: Settings) -> AsyncIterator[Salesforce]:
    async with Salesforce(settings) as connector:
        yield connector
