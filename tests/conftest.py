"""Fixtures that several rooms share: real parts, or a skip that says which one is absent."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session", autouse=True)
def _own_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """No test sees this machine's settings, or makes keys among its keys."""
    patch = pytest.MonkeyPatch()
    for name in list(os.environ):
        if name.startswith("SOPHIA_") and not name.startswith(("SOPHIA_TEST_", "SOPHIA_CI_")):
            patch.delenv(name)
    patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    yield
    patch.undo()


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 24 MB, empty. Needs the right to mount."""
    place = tmp_path / "disk"
    place.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m", "tmpfs", str(place)], capture_output=True)
    if mounted.returncode != 0:
        pytest.skip("mounting a small file system needs root; a full disk is not tried here")
    yield place
    subprocess.run(["umount", "--lazy", str(place)], check=True)


@pytest.fixture
def postgres_url() -> str:
    """A PostgreSQL server to write to, named by SOPHIA_TEST_POSTGRES."""
    url = os.environ.get("SOPHIA_TEST_POSTGRES")
    if not url:
        pytest.skip("no PostgreSQL server: set SOPHIA_TEST_POSTGRES to the URL of an empty database")
    return url
