"""The demo company's workspace, opened as the server opens it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sophia_kit.cli.context import demo_settings
from sophia_kit.core.settings import Settings
from sophia_kit.server.services import Services


@pytest.fixture(scope="module")
def settings(demo: Any) -> Settings:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOPHIA_ROOT", str(Path(demo.root)))
        return demo_settings()


@pytest.fixture(scope="module")
def services(settings: Settings) -> Iterator[Services]:
    with Services.open(settings) as opened:
        yield opened
