"""Fixtures that several rooms share: real parts, or a skip that says which one is absent."""

from __future__ import annotations

import gc
import io
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path

import pytest

from sophia_kit.core.files import file_lock

REPOSITORY = Path(__file__).resolve().parents[1]

# Seven thousand tests and all that they import live to the end: looking for garbage among them, again and again while
# they are collected, takes a third of that time.
gc.disable()


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "real_account: needs an account at a vendor; a skip says what is unproved")


def pytest_collection_finish() -> None:
    gc.freeze()
    gc.enable()


def pytest_unconfigure() -> None:
    gc.unfreeze()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with a slow test come first: started last, one would go on alone while the other processes have ended."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    items.sort(key=lambda item: item.path not in slow)


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


DEMO_SCALE = "0.02"


@dataclass(frozen=True, slots=True)
class Project:
    """A project folder as a clone of the repository has it, for commands to run in.

    Attributes:
        root: the folder.
        environment: what the commands see; this machine's settings and keys are not among it.
    """

    root: Path
    environment: dict[str, str]

    def sophia(
        self, *arguments: str, env: Mapping[str, str] | None = None, timeout_s: float = 120
    ) -> subprocess.CompletedProcess[str]:
        """Run `sophia` with these arguments, as a user would."""
        return subprocess.run(
            [sys.executable, "-m", "sophia_kit", *arguments],
            cwd=self.root,
            env=self.environment | dict(env or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
        )

    def here(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """The same within this process, which spares the second that imports take; not for one to be killed."""
        from sophia_kit.cli import main

        environment = self.environment | dict(env or {})
        out, told, code = io.StringIO(), io.StringIO(), 0
        at_term = signal.getsignal(signal.SIGTERM)
        with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(told):
            for name in os.environ.keys() - environment.keys():
                patch.delenv(name)
            for name, value in environment.items():
                patch.setenv(name, value)
            patch.chdir(self.root)
            patch.setattr(sys, "argv", ["sophia", *arguments])
            try:
                main()
            except SystemExit as end:
                code = end.code if isinstance(end.code, int) else int(end.code is not None)
            finally:
                signal.signal(signal.SIGTERM, at_term)
        return subprocess.CompletedProcess(["sophia", *arguments], code, out.getvalue(), told.getvalue())

    def copy(self, to: Path) -> Project:
        """The project as it is now, elsewhere, with the same keys."""
        shutil.copytree(self.root, to, symlinks=True)
        return Project(to, self.environment)


def _environment(root: Path) -> dict[str, str]:
    """What commands in a project see: keys of its own, none of this machine's settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SOPHIA_", "COV_"))}
    config = root.with_name(root.name + "-config")
    return kept | {"XDG_CONFIG_HOME": str(config), "COLUMNS": "120", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def new_project(_own_machine: None) -> Callable[[Path], Project]:
    """Makes project folders: what a clone has, nothing loaded, keys of its own."""

    def _new(root: Path) -> Project:
        (root / "data").mkdir(parents=True)
        (root / "proofs").mkdir()
        for name in ("sophia.toml", "uv.lock", "data/company.toml", "proofs/trust.json"):
            shutil.copy(REPOSITORY / name, root / name)
        for name in ("notebooks", "apps"):
            if (REPOSITORY / name).is_dir():
                shutil.copytree(REPOSITORY / name, root / name, ignore=shutil.ignore_patterns("__*__"))
        return Project(root, _environment(root))

    return _new


@pytest.fixture
def project(new_project: Callable[[Path], Project], tmp_path: Path) -> Project:
    """A project folder in which nothing has been loaded."""
    return new_project(tmp_path / "project")


@pytest.fixture(scope="session")
def demo(new_project: Callable[[Path], Project], tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project in which `sophia demo` has run, on a company a fiftieth of the size. Not to be changed: copy it.

    Where several processes share the tests, one of them makes it for all.
    """
    place = tmp_path_factory.getbasetemp()
    place = (place.parent if "PYTEST_XDIST_WORKER" in os.environ else place) / "demo"
    root, told = place / "project", place / "project" / "demo-output.txt"
    with file_lock(place.with_name("demo.lock"), what="The demo of the tests", wait_s=300):
        if not told.exists():
            done = new_project(root).sophia("demo", "--scale", DEMO_SCALE, timeout_s=300)
            assert done.returncode == 0, done.stdout + done.stderr
            told.write_text(done.stdout, encoding="utf-8")
    return Project(root, _environment(root))
