"""What `import sophia_kit` gives, and that it costs little: no heavy library is loaded before it is used."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest

import sophia_kit

HEAVY = (
    *("polars", "duckdb", "pyarrow", "sqlglot", "marimo", "altair", "numpy", "psycopg", "cryptography"),
    *("httpx", "httpx2", "openai", "onnxruntime"),
)
PACKAGE = Path(sophia_kit.__file__).parent
ROOMS = sorted(folder.name for folder in PACKAGE.iterdir() if (folder / "__init__.py").is_file())


def test_the_public_names() -> None:
    assert sophia_kit.__all__ == [
        "DailyBrief",
        "MetricResult",
        "MetricValue",
        "Principal",
        "Settings",
        "SophiaError",
        "ask",
        "daily_brief",
        "explain",
        "explain_change",
        "load_settings",
        "metric",
        "publish",
    ]


def test_every_public_name_is_there_and_listed() -> None:
    for name in sophia_kit.__all__:
        assert getattr(sophia_kit, name).__name__ == name
    assert set(sophia_kit.__all__) <= set(dir(sophia_kit))
    assert not hasattr(sophia_kit, "metrix")


def test_no_public_name_is_that_of_a_room() -> None:
    assert set(sophia_kit.__all__).isdisjoint(ROOMS)


# Each module of core is public on its own.
@pytest.mark.parametrize("room", [room for room in ROOMS if room != "core"])
def test_a_room_names_its_public_api(room: str) -> None:
    module = import_module(f"sophia_kit.{room}")
    assert module.__doc__
    assert [name for name in module.__all__ if not hasattr(module, name)] == []


@pytest.mark.parametrize("module", ["sophia_kit", "sophia_kit.cli", "sophia_kit.llm", "sophia_kit.llm.gateway"])
def test_heavy_libraries_wait_until_they_are_used(module: str) -> None:
    script = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert (done.stdout.split(), done.stderr) == ([], "")


def test_the_list_of_heavy_libraries_is_of_libraries() -> None:
    """A misspelled name would never be found loaded."""
    assert [name for name in HEAVY if find_spec(name) is None] == []
