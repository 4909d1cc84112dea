"""Importing the library or its command line loads no heavy library."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ("polars", "duckdb", "pyarrow", "sqlglot", "httpx", "marimo", "altair", "numpy", "psycopg", "cryptography")


@pytest.mark.parametrize("module", ["sophia_kit", "sophia_kit.cli"])
def test_heavy_libraries_wait_until_they_are_used(module: str) -> None:
    script = f"import sys, {module}; print(*(name for name in {HEAVY!r} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_the_list_of_heavy_libraries_is_of_libraries() -> None:
    """A misspelled name would never be found loaded."""
    script = f"import importlib; [importlib.import_module(name) for name in {HEAVY!r}]"
    subprocess.run([sys.executable, "-c", script], check=True)
