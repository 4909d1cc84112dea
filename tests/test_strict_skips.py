"""With `strict_skips` a run that skips anything fails, and says what; without it, it doesn't."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
IN_A_TEST = "import pytest\ndef test_one(): pytest.skip('no server')\ndef test_two(): pass\n"
IN_A_MODULE = "import pytest\npytest.importorskip('absent_library')\ndef test_one(): pass\n"
WITHOUT_ACCOUNT = "import pytest\n@pytest.mark.real_account\ndef test_one(): pytest.skip('unproved: rounding')\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_one(): assert False\n"


def run(folder: Path, source: str, *options: str) -> subprocess.CompletedProcess[str]:
    (folder / "test_it.py").write_text(source)
    (folder / "pytest.ini").write_text("[pytest]\n")
    command = [sys.executable, "-m", "pytest", "-q", "-p", "xdist", "-p", "no:cacheprovider", *options, str(folder)]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    clean["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    return subprocess.run(command, cwd=ROOT, env=clean, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "worker"])
@pytest.mark.parametrize(("source", "reason"), [(IN_A_TEST, "no server"), (IN_A_MODULE, "absent_library")])
def test_a_skip_fails_the_run(tmp_path: Path, source: str, reason: str, workers: tuple[str, ...]) -> None:
    done = run(tmp_path, source, "-p", "tests.plugins.strict_skips", *workers)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Skipped where nothing may be skipped" in done.stdout
    assert reason in done.stdout


def test_without_the_plugin_a_skip_passes(tmp_path: Path) -> None:
    assert run(tmp_path, IN_A_TEST).returncode == 0


def test_an_expected_failure_is_no_skip(tmp_path: Path) -> None:
    assert run(tmp_path, EXPECTED_FAILURE, "-p", "tests.plugins.strict_skips").returncode == 0


@pytest.mark.parametrize("workers", [(), ("-n", "1")], ids=["one process", "worker"])
def test_a_test_that_needs_an_account_may_be_skipped_and_is_listed(tmp_path: Path, workers: tuple[str, ...]) -> None:
    done = run(tmp_path, WITHOUT_ACCOUNT, "-p", "tests.plugins.strict_skips", *workers)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Unproved without an account" in done.stdout
    assert "unproved: rounding" in done.stdout
