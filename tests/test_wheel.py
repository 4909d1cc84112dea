"""The wheel as another service installs it: without extras, outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "sophia_kit"
UV = Path(sys.executable).parent / "uv"


def run(*command: str | Path, cwd: Path, **extra: str) -> str:
    """The command's output; its standard error when it fails."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOPHIA_", "PYTHON"))}
    done = subprocess.run(command, cwd=cwd, env=kept | extra, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that nothing appears in the working tree."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder / name)
    shutil.copytree(PACKAGE, folder / "src" / "sophia_kit", ignore=shutil.ignore_patterns("__pycache__"))
    run(UV, "build", "--wheel", "--quiet", "--python", sys.executable, "--out-dir", folder / "dist", cwd=folder)
    (built,) = (folder / "dist").glob("*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of an environment that holds the wheel and, as locked, what it needs without extras."""
    folder = tmp_path_factory.mktemp("elsewhere")
    environment = folder / "env"
    run(
        *(UV, "sync", "--quiet", "--frozen", "--no-default-groups", "--no-install-project"),
        *("--python", sys.executable),
        cwd=ROOT,
        UV_PROJECT_ENVIRONMENT=str(environment),
    )
    python = environment / "bin" / "python"
    run(UV, "pip", "install", "--quiet", "--no-deps", "--python", python, wheel, cwd=folder)
    return python


def test_everything_that_is_no_code_is_inside(wheel: Path) -> None:
    data = {
        path.relative_to(PACKAGE.parent).as_posix()
        for path in PACKAGE.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert data <= set(zipfile.ZipFile(wheel).namelist())
    kinds = {Path(name).suffix for name in data} | {Path(name).name for name in data}
    assert {".yaml", ".sql", ".j2", ".css", "py.typed"} <= kinds


def test_what_it_needs_is_installed_and_fits(installed: Path) -> None:
    run(UV, "pip", "check", "--python", installed, cwd=installed.parent)


def test_extras_are_not_needed_to_import_it(installed: Path) -> None:
    script = (
        "import importlib.util, sophia_kit\n"
        "absent = [name for name in ('marimo', 'altair', 'fastapi', 'openai', 'numpy')"
        " if importlib.util.find_spec(name) is None]\n"
        "print(sophia_kit.__file__, *absent)"
    )
    file, *absent = run(installed, "-I", "-c", script, cwd=installed.parent).split()
    assert Path(file).is_relative_to(installed.parents[1])
    assert {"marimo", "altair", "fastapi", "openai"} <= set(absent)


@pytest.fixture(scope="module")
def project(installed: Path) -> Path:
    """A folder with a `sophia.toml` and two months of payments, delivered as Parquet."""
    folder = installed.parents[1].parent / "project"
    landing = folder / "landing" / "payments"
    landing.mkdir(parents=True)
    (folder / "sophia.toml").write_text('[company]\ntime_zone = "America/Chicago"\n[landing]\npath = "landing"\n')
    # (day, hour in UTC, amount, status): 5 o'clock on the 1st in UTC is still the month before in Chicago.
    attempts = [
        (date(2026, 1, 15), 18, "100.10", "succeeded"),
        (date(2026, 1, 20), 18, "200.20", "succeeded"),
        (date(2026, 1, 21), 18, "999.99", "failed"),
        (date(2026, 2, 1), 5, "300.30", "succeeded"),
        (date(2026, 2, 3), 18, "50.00", "succeeded"),
    ]
    at = [datetime(day.year, day.month, day.day, hour, tzinfo=UTC) for day, hour, _, _ in attempts]
    pl.DataFrame(
        {
            "source_id": [f"p{number}" for number in range(len(attempts))],
            "property_id": ["h1"] * len(attempts),
            "account_id": ["a1"] * len(attempts),
            "amount": [Decimal(amount) for _, _, amount, _ in attempts],
            "currency": ["USD"] * len(attempts),
            "status": [status for _, _, _, status in attempts],
            "failure_reason": [None if status == "succeeded" else "card_declined" for _, _, _, status in attempts],
            "method": ["card"] * len(attempts),
            "processor": ["Northgate"] * len(attempts),
            "processor_fee": [Decimal("1.2500")] * len(attempts),
            "processing_ms": [800] * len(attempts),
            "risk_score": [10] * len(attempts),
            "attempted_at": at,
            "modified_at": at,
            "is_deleted": [False] * len(attempts),
        },
        schema_overrides={"amount": pl.Decimal(18, 2), "processor_fee": pl.Decimal(18, 4), "failure_reason": pl.String},
    ).write_parquet(landing / "2026-02-04.parquet")
    return folder


def test_it_answers_a_metric_from_a_project_of_its_own(installed: Path, project: Path) -> None:
    home = {"HOME": str(project), "XDG_CONFIG_HOME": str(project / "config")}
    run(installed.parent / "sophia", "ingest", "run", cwd=project, **home)
    script = (
        "import datetime, sophia_kit as sk\n"
        "day = datetime.date(2026, 1, 31)\n"
        "volume = sk.metric('payment_volume', day=day, grain='month').value\n"
        "arr = sk.metric('arr', day=day).value\n"
        "print(f'{volume.value:.2f}', volume.period.label, volume.demo, arr.value, arr.unknown.code, sep='|')"
    )
    said = run(installed, "-I", "-c", script, cwd=project, **home).strip()
    assert said == "600.60|Jan 2026|False|None|not_loaded"
    table = run(installed.parent / "sophia", "metric", "payment_volume", "--day", "2026-01-31", cwd=project, **home)
    assert "600.60" in table or "$601" in table
