"""The company at a fiftieth of its size, what it delivers, and its server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import httpx
import polars as pl
import pytest

from sophia_kit.sandbox import CLIENT_ID, CLIENT_SECRET, REFRESH_TOKEN, Company, SandboxServer, deliver

PROFILE = Path(__file__).resolve().parents[2] / "data" / "company.toml"
SCALE = 0.02
Deliveries = Callable[[str], pl.DataFrame]


@pytest.fixture(scope="session")
def company() -> Company:
    return Company.load(PROFILE, scale=SCALE)


@pytest.fixture(scope="session")
def next_day(company: Company) -> Company:
    return company.at(company.day + timedelta(1))


@pytest.fixture(scope="session")
def landing(company: Company, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Delivered up to the last day. Not to be changed."""
    folder = tmp_path_factory.mktemp("landing")
    deliver(company, folder)
    return folder


@pytest.fixture(scope="session")
def deliveries(landing: Path) -> Deliveries:
    """All rows delivered of a table, in order, with the name of their file in `file`."""

    def read(name: str) -> pl.DataFrame:
        files = sorted((landing / name).glob("*.parquet"))
        return pl.concat([pl.read_parquet(file).with_columns(pl.lit(file.stem).alias("file")) for file in files])

    return read


@pytest.fixture
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as running:
        yield running


@pytest.fixture
def client(server: SandboxServer) -> Iterator[httpx.Client]:
    """Signed in."""
    with httpx.Client(base_url=server.base_url, trust_env=False) as signed_in:
        sign_in(signed_in)
        yield signed_in


def sign_in(client: httpx.Client) -> None:
    answer = client.post("/services/oauth2/token", data=credentials())
    client.headers["Authorization"] = f"Bearer {answer.json()['access_token']}"


def credentials() -> dict[str, str]:
    return {
        "grant_type": "refresh_token",
        "client_id": CLIENT_ID,
        "client_secret": CLIENT_SECRET,
        "refresh_token": REFRESH_TOKEN,
    }
