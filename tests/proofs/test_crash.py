"""What is left when a writer is killed, the disk is full, or several write at once."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.proofs.conftest import Memory, TrailProject, a_run, sha256

from sophia_kit.core.errors import StorageError
from sophia_kit.proofs import Statement, Trail

# A process that has everything loaded and, for each line it reads, becomes two: one that appends until it has
# done so often enough or is killed, and one that waits for that.
WRITER = """
import os, sys
from pathlib import Path
from sophia_kit.proofs import ProofSigner, Statement, Trail, Trust, TrustedKey
from tests.proofs.conftest import a_run

signer = ProofSigner.from_pem(Path(sys.argv[2]).read_text(), where="test")
trail = Trail(Path(sys.argv[1]), "demo", signer, Trust("test", (TrustedKey("demo", signer.public),)))
print("ready", flush=True)
for line in sys.stdin:
    name, count = line.split()
    child = os.fork()
    if child:
        print(child, flush=True)
        os.waitpid(child, 0)
        print("over", flush=True)
        continue
    for number in range(int(count)):
        ref = trail.append(Statement(a_run(run_id=f"{name}-{number}")))
        os.write(1, f"{ref.name} {ref.sha256}\\n".encode())
    os._exit(0)
"""

REPOSITORY = Path(__file__).resolve().parents[2]
KILLS = 40


class Writer:
    """A process that appends to the project's trail."""

    def __init__(self, project: TrailProject) -> None:
        key = project.root.parent / "key.pem"
        key.write_bytes(project.signer.crypto.private_bytes)
        command = [sys.executable, "-c", WRITER, str(project.proofs), str(key)]
        self._process = subprocess.Popen(
            command, cwd=REPOSITORY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert self._line() == "ready"

    def start(self, name: str, count: int) -> int:
        """Let it append `count` proofs; returns the process that does."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{name} {count}\n")
        self._process.stdin.flush()
        return int(self._line())

    def finish(self) -> dict[str, str]:
        """Names and digests of the proofs that it was told are written, once it is over."""
        written = {}
        while (line := self._line()) != "over":
            # A line that the kill cut off is not one that anyone was told.
            if len(parts := line.split(" ")) == 2 and len(parts[1]) == 64:
                written[parts[0]] = parts[1]
        return written

    def close(self) -> None:
        self._process.communicate(timeout=60)
        assert self._process.returncode == 0

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the writer has died"
        return line.removesuffix("\n")


@pytest.mark.slow
def test_a_writer_killed_at_any_moment_loses_nothing_that_was_signed(project: TrailProject) -> None:
    dice = random.Random(20260301)
    witness = Memory()
    first = project.append(0, witness=witness)
    written = {first.name: first.sha256}
    met = 0
    writer = Writer(project)
    for kill in range(KILLS):
        child = writer.start(f"k{kill}", 1_000_000)
        time.sleep(dice.uniform(0.0, 0.05))
        os.kill(child, signal.SIGKILL)
        written |= writer.finish()
        signed = {path.relative_to(project.folder).as_posix() for path in project.folder.glob("*/[!.]*.json")}
        assert written.keys() <= signed
        left = {finding.code for finding in project.verify(witness=witness).findings}
        assert left <= {"not-logged", "interrupted"}
        met += bool(left)

        ref = project.trail(witness=witness).append(Statement(a_run(run_id=f"after-{kill}")))
        written[ref.name] = ref.sha256
        report = project.verify(witness=witness)
        assert report.ok, (kill, report.findings)
        assert report.trails[0].size == len(signed) + 1, "a signed proof was lost or entered twice"
    writer.close()
    assert met >= KILLS // 4, "too few kills met an append: the test has to be made to bite again"
    entries = {entry.name: entry for entry in project.trail().entries()}
    assert written.keys() <= entries.keys()
    assert {sha256(project.folder / name) for name in written} == set(written.values())
    assert all(entry.proof is not None for entry in entries.values())


def test_every_step_of_an_append_may_be_the_last(project: TrailProject) -> None:
    """The files as they are after each step of an append, put there one by one."""
    project.fill(2)
    before = snapshot(project.folder)
    project.append(2)
    after = snapshot(project.folder)
    steps = [name for name in after if name.startswith("daily_bi/") and name not in before]
    steps += ["log/tile/entries/000", "log/checkpoints/000", "log/tile/0/000", "log/checkpoint"]
    for reached in range(len(steps) + 1):
        for torn in (False, True):
            state = dict(before)
            for name in steps[:reached]:
                state[name] = after[name]
            if torn and reached < len(steps):
                name = steps[reached]
                half = after[name][: (len(before.get(name, b"")) + len(after[name])) // 2]
                if name.startswith("log/") and name != "log/checkpoint":
                    state[name] = half
                else:
                    folder, _, base = name.rpartition("/")
                    state[f"{folder}/.{base}.a1b2c3"] = half
            restore(project.folder, state)
            ref = project.append(3)
            report = project.verify()
            assert report.ok, (reached, torn, report.findings)
            assert ref.index == (3 if reached else 2)
            restore(project.folder, before)


def snapshot(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


def restore(folder: Path, state: dict[str, bytes]) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            path.unlink()
    for name, content in state.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content)


def test_two_processes_that_append_at_once_both_get_everything_in(project: TrailProject) -> None:
    writers = [Writer(project) for _ in range(2)]
    for number, writer in enumerate(writers):
        writer.start(f"w{number}", 40)
    written = {name: digest for writer in writers for name, digest in writer.finish().items()}
    for writer in writers:
        writer.close()
    report = project.verify()
    assert report.ok
    assert report.trails[0].size == 80
    runs = {entry.proof.statement.run.run_id for entry in project.trail().entries() if entry.proof}
    assert runs == {f"{name}-{number}" for name in ("w0", "w1") for number in range(40)}
    assert {entry.name for entry in project.trail().entries()} == written.keys()


def fill_disk(disk: Path, leave: int) -> Path:
    """Write to `disk` until `leave` bytes, in whole blocks, are left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"\0" * 65536)
        except OSError:
            pass
        file.truncate(file.tell() - leave)
    return ballast


@pytest.mark.parametrize("leave", [0, 4096, 8192, 12288, 16384, 20480, 24576, 28672])
def test_a_full_disk_is_one_clear_error_and_nothing_is_half_written(small_disk: Path, leave: int) -> None:
    project = TrailProject(small_disk / "project")
    project.fill(3)
    ballast = fill_disk(small_disk, leave)
    trail = Trail(project.proofs, "demo", project.signer, project.trust)
    whole = snapshot(project.folder)

    def append_until_full() -> None:
        for number in range(50):
            trail.append(Statement(a_run(run_id=f"n{number}")))
            whole.clear()
            whole.update(snapshot(project.folder))

    with pytest.raises(StorageError, match="the disk is full") as error:
        append_until_full()
    assert "Free space" in str(error.value.hint)
    assert snapshot(project.folder) == whole
    assert project.verify().ok
    ballast.unlink()
    project.append(4)
    assert project.verify().ok
