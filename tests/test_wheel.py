"""The wheel as another service installs it: without extras, outside the repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

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
    assert {".yaml", ".sql", ".html", "py.typed"} <= kinds


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
