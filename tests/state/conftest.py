"""The state on both of its databases."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sophia_kit.state import State


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def location(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Where an empty state can be made."""
    if request.param == "sqlite":
        yield str(tmp_path / "state.sqlite")
        return
    url: str = request.getfixturevalue("postgres_url")
    import psycopg

    name = "state_" + tmp_path.name.replace("-", "_")[-40:].lower()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{name}" CASCADE'.encode())
        connection.execute(f'CREATE SCHEMA "{name}"'.encode())
    separator = "&" if "?" in url else "?"
    yield f"{url}{separator}options=-csearch_path%3D{name}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA "{name}" CASCADE'.encode())


@pytest.fixture
def open_state(location: str) -> Iterator[Callable[[], State]]:
    """Opens the same state, as often as asked."""
    opened: list[State] = []

    def _open() -> State:
        opened.append(State.open(location))
        return opened[-1]

    yield _open
    for state in opened:
        state.close()
