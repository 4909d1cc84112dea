"""GitHub in the sandbox, behind a gateway where something may go wrong, and connectors that read it by a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.github.reading import PORTAL, Opened, settings_of
from tests.connectors.vendors import Gateway
from tests.wire import WireServer

from sophia_kit.connectors.github import GitHub
from sophia_kit.sandbox import Company, SandboxServer

COMPANY = Path(__file__).parents[3] / "data" / "company.toml"


@pytest.fixture(scope="session")
def company() -> Company:
    return Company.load(COMPANY, scale=0.02)


@pytest.fixture(scope="session")
def sandbox(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as server:
        yield server


@pytest.fixture
async def wire(sandbox: SandboxServer) -> AsyncIterator[WireServer]:
    gateway = Gateway(sandbox.base_url)
    async with WireServer(gateway) as server:
        gateway.url = server.url
        yield server


@pytest.fixture
def gateway(wire: WireServer) -> Gateway:
    assert isinstance(wire.answer, Gateway)
    return wire.answer


@pytest.fixture
async def opened(wire: WireServer, tmp_path: Path) -> AsyncIterator[Opened]:
    """Connectors by a token that read what is named; closed at the end."""
    made: list[GitHub] = []

    def make(*repositories: str, **changed: Any) -> GitHub:
        names = repositories or (PORTAL,)
        made.append(GitHub(settings_of(wire.url, tmp_path, repositories=names, token="sandbox", **changed)))
        return made[-1]

    yield make
    for github in made:
        await github.aclose()
