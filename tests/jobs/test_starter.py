"""The process that a notebook will run in imports ahead, waits for the word, and then is that notebook's."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from sophia_kit.jobs import starter

NOTEBOOK = """
import sys
import absent_library_of_nobody
"""
READY = """
import helper
helper.used
import sys
print(__name__, sys.argv[1:], sys.stdin.read(), helper.ready)
"""


def start(notebook: Path, word: bytes) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, starter.__file__, str(notebook), "--day", "2025-12-31"]
    return subprocess.run(command, input=word, capture_output=True, timeout=60)


@pytest.fixture
def notebook(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("used, ready = 1, []\ndef get_ready():\n    ready.append('once')\n")
    path = tmp_path / "notebook.py"
    path.write_text(READY)
    return path


def test_at_the_word_it_is_the_script_with_its_options_and_nothing_to_read(notebook: Path) -> None:
    done = start(notebook, starter.GO)
    assert done.returncode == 0, done.stderr
    assert done.stdout.decode().split("\n")[0] == "__main__ ['--day', '2025-12-31']  ['once']"


def test_a_submodule_that_is_named_is_made_ready_as_well(tmp_path: Path) -> None:
    room = tmp_path / "house" / "room"
    room.mkdir(parents=True)
    (room.parent / "__init__.py").touch()
    (room / "__init__.py").write_text("ready = []\ndef get_ready():\n    ready.append('once')\n")
    path = tmp_path / "notebook.py"
    path.write_text("from house import room\nprint(room.ready)\n")
    assert start(path, starter.GO).stdout == b"['once']\n"


@pytest.mark.parametrize("word", [b"", b"g", b"stop\n"])
def test_without_the_word_it_ends_and_runs_nothing(notebook: Path, word: bytes) -> None:
    done = start(notebook, word)
    assert (done.returncode, done.stdout) == (0, b"")


@pytest.mark.parametrize("source", [NOTEBOOK, "not python at all ("])
def test_what_cannot_be_imported_is_left_to_the_notebook(tmp_path: Path, source: str) -> None:
    path = tmp_path / "notebook.py"
    path.write_text(source)
    waiting, told = start(path, b""), start(path, starter.GO)
    assert waiting.returncode == 0, waiting.stderr
    assert told.returncode == 1
    assert b"Error" in told.stderr
