"""`sophia proofs`: reading the evidence, and verifying it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.conftest import Project
from tests.proofs.conftest import a_run, sha256
from typer.testing import CliRunner, Result

from sophia_kit.cli.main import app
from sophia_kit.core.errors import ConfigError, InputError, ProofError, SophiaError, UnknownName
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.proofs import ProofSigner, Statement, Subject, load_trust, open_trail
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore, rows_digest

NOW = datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project without evidence, which commands find whatever the working directory."""
    root = tmp_path / "project"
    root.mkdir()
    (root / "sophia.toml").write_text("")
    monkeypatch.setenv("SOPHIA_ROOT", str(root))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("COLUMNS", "160")
    return root


@pytest.fixture
def demo_settings(root: Path) -> Settings:
    return load_settings(root, workspace="demo")


@pytest.fixture
def runs(root: Path, demo_settings: Settings) -> list[Path]:
    """Three runs on the demo: the second failed. Each made a report."""
    trail = open_trail(demo_settings)
    paths = []
    for number in range(3):
        report = root / "data/demo/reports" / f"r{number}.html"
        report.parent.mkdir(parents=True, exist_ok=True)
        report.write_text(f"report {number}")
        run = a_run(run_id=f"r{number}", outcome="failed" if number == 1 else "succeeded")
        subject = Subject(report.relative_to(root).as_posix(), sha256(report))
        paths.append(trail.append(Statement(run, (subject,))).path)
    return paths


def sophia(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["proofs", *arguments])


def sophia_json(*arguments: str) -> Any:
    done = sophia(*arguments, "--format", "json")
    return json.loads(done.stdout)


def refusal(*arguments: str) -> SophiaError:
    error = sophia(*arguments).exception
    assert isinstance(error, SophiaError), error
    return error


class TestList:
    def test_a_row_a_run_with_how_it_ended_and_that_it_is_demo_data(self, root: Path, runs: list[Path]) -> None:
        lines = sophia("list").stdout.splitlines()
        assert len(lines) == 4
        assert [line.split()[4] for line in lines[1:]] == ["daily_bi"] * 3
        assert [line.split()[5] for line in lines[1:]] == ["succeeded", "failed", "succeeded"]
        assert all("DEMO DATA" in line for line in lines[1:])

    def test_as_json(self, root: Path, runs: list[Path]) -> None:
        listed = sophia_json("list")
        assert [entry["path"] for entry in listed] == [path.relative_to(root).as_posix() for path in runs]
        assert [(entry["index"], entry["outcome"], entry["demo"]) for entry in listed] == [
            (0, "succeeded", True),
            (1, "failed", True),
            (2, "succeeded", True),
        ]

    def test_what_cant_be_read_or_isnt_trusted_is_shown_as_such(self, root: Path, runs: list[Path]) -> None:
        runs[0].write_text("garbage")
        shutil.rmtree(root.parent / "config")
        said = sophia("list").stdout
        assert "not a DSSE envelope" in said
        assert said.count("not signed by a trusted key") == 2

    def test_nothing_to_list_is_an_error(self, root: Path) -> None:
        error = refusal("list")
        assert isinstance(error, ProofError)
        assert "sophia demo" in str(error.hint)

    def test_another_trail_is_unknown(self, root: Path, runs: list[Path]) -> None:
        assert isinstance(refusal("list", "--origin", "local"), UnknownName)


class TestShow:
    def test_the_latest(self, root: Path, runs: list[Path]) -> None:
        said = sophia("show").stdout
        for part in ("run r2", "DEMO DATA", "succeeded", "(frozen)", "12345678901234567890.10", "no rate for EUR"):
            assert part in said
        assert "by the trusted key" in said
        assert "entry 2" in said
        assert "never loaded" in said

    @pytest.mark.parametrize("how", ["r1", "path", "absolute", "name", "file", "prefix"])
    def test_one_by_any_of_its_names(self, root: Path, runs: list[Path], how: str) -> None:
        path = runs[1]
        query = {
            "r1": "r1",
            "path": path.relative_to(root).as_posix(),
            "absolute": str(path),
            "name": path.relative_to(root / "proofs" / "demo").as_posix(),
            "file": path.name,
            "prefix": f"demo/daily_bi/{path.stem}",
        }[how]
        shown = sophia_json("show", query)
        assert shown["statement"]["predicate"]["run"]["run_id"] == "r1"
        assert (shown["index"], shown["problem"]) == (1, None)
        assert shown["signed_by"] == shown["keyids"][0]

    def test_several_fit(self, root: Path, runs: list[Path]) -> None:
        error = refusal("show", "r")
        assert isinstance(error, InputError)
        assert "fits 3 proofs" in error.message
        assert runs[0].name in str(error.hint)

    def test_none_fits(self, root: Path, runs: list[Path]) -> None:
        assert isinstance(refusal("show", "nothing"), UnknownName)

    def test_a_damaged_one_says_so(self, root: Path, runs: list[Path]) -> None:
        runs[2].write_text("{}")
        assert "can't be read: not a DSSE envelope" in sophia("show").stdout
        assert sophia_json("show")["statement"] is None


class TestVerify:
    def test_all_trails_present(self, root: Path, runs: list[Path]) -> None:
        open_trail(load_settings(root)).append(Statement(a_run(demo=False)))
        done = sophia("verify")
        assert done.exit_code == 0
        assert [line.split()[0] for line in done.stdout.splitlines()[1:]] == ["demo", "local"]
        assert done.stdout.count("holds") == 2

    def test_none_present_is_an_error(self, root: Path) -> None:
        assert isinstance(refusal("verify"), ProofError)

    def test_what_fails_is_named_and_the_exit_code_isnt_zero(self, root: Path, runs: list[Path]) -> None:
        (root / "data/demo/reports/r1.html").write_text("better")
        done = sophia("verify")
        assert isinstance(done.exception, ProofError)
        assert done.exception.exit_code == 11
        assert "subject data/demo/reports/r1.html of entry 1 is not what was sealed" in done.exception.message
        assert "subject data/demo/reports/r1.html of entry 1 is not what was sealed" in done.stdout
        (trail,) = sophia_json("verify")
        (finding,) = trail["findings"]
        assert (finding["code"], finding["index"]) == ("subject", 1)
        assert finding["where"] == runs[1].relative_to(root / "proofs").as_posix()

    def test_as_a_process_the_exit_code_and_the_error_are_what_a_script_sees(self, project: Project) -> None:
        done = project.sophia("proofs", "verify", "--format", "json")
        assert done.returncode == 11
        assert json.loads(done.stderr)["code"] == "proof"
        assert "Traceback" not in done.stderr

    def test_one_proof_or_one_trail(self, root: Path, runs: list[Path]) -> None:
        (root / "data/demo/reports/r1.html").write_text("better")
        assert sophia("verify", str(runs[0])).exit_code == 0
        assert isinstance(refusal("verify", str(runs[1])), ProofError)
        assert isinstance(refusal("verify", "demo"), ProofError)
        assert isinstance(refusal("verify", "ci"), UnknownName)

    def test_the_rows_of_a_snapshot_are_compared_while_it_is_kept(self, root: Path, demo_settings: Settings) -> None:
        store = SnapshotStore(demo_settings.snapshots_dir)
        with store.draft(NOW) as draft:
            draft.connection.execute("CREATE TABLE raw.users AS SELECT 'u1' AS source_id, 'Ann' AS name")
            digest = rows_digest(draft.connection)
            snapshot = draft.publish(demo=True, time_zone="UTC", currency="USD")
        subjects = (Subject(f"snapshot:{snapshot.snapshot_id}", digest), Subject("snapshot:old", "e" * 64))
        open_trail(demo_settings).append(Statement(a_run(), subjects))
        (trail,) = sophia_json("verify")
        assert trail["findings"] == []
        assert trail["subjects_checked"] == 1
        assert [left["subject"] for left in trail["subjects_not_checked"]] == ["snapshot:old"]

        # That somebody in the same process has the file open in their own way is no failure of the evidence.
        with duckdb.connect(str(snapshot.path), read_only=True, config={"threads": 1}):
            assert sophia_json("verify")[0]["findings"] == []

        with duckdb.connect(str(snapshot.path)) as connection:
            connection.execute("UPDATE raw.users SET name = 'Eve'")
        (trail,) = sophia_json("verify")
        assert [finding["code"] for finding in trail["findings"]] == ["subject"]
        expected = f"subject snapshot:{snapshot.snapshot_id} of entry 0 is not what was sealed"
        assert trail["findings"][0]["message"] == expected

        snapshot.path.write_bytes(b"garbage")
        (trail,) = sophia_json("verify")
        assert "can't be read" in trail["findings"][0]["message"]

    def test_a_trail_set_back_is_noticed_until_its_owner_accepts_it(self, root: Path, runs: list[Path]) -> None:
        assert sophia("verify").exit_code == 0
        shutil.rmtree(root / "proofs/demo")
        error = refusal("verify")
        assert "has been set back" in error.message
        assert isinstance(refusal("accept", "local"), UnknownName)
        assert CliRunner().invoke(app, ["proofs", "accept", "demo"], input="n\n").exit_code == 1
        assert "has been set back" in refusal("verify").message
        done = CliRunner().invoke(app, ["proofs", "accept", "demo"], input="y\n")
        assert "saw the trail demo with 3 entries" in done.stdout
        assert "no trail of proofs" in refusal("verify").message

    def test_each_workspace_remembers_its_own_trails(
        self, root: Path, demo_settings: Settings, runs: list[Path]
    ) -> None:
        open_trail(load_settings(root)).append(Statement(a_run(demo=False)))
        sophia("verify")
        with State.open(demo_settings.state_location) as state:
            seen = state.checkpoint("demo")
            assert seen is not None
            assert seen.size == 3
            assert state.checkpoint("local") is None
        with State.open(load_settings(root).state_location) as state:
            assert state.checkpoint("demo") is None
            assert state.checkpoint("local") is not None


class TestKeygen:
    def test_it_prints_the_entry_by_which_the_key_counts(self, root: Path, tmp_path: Path) -> None:
        out = tmp_path / "ci.pem"
        done = sophia("keygen", "--out", str(out), "--note", "CI of main")
        entry = json.loads(done.stdout)
        signer = ProofSigner.from_pem(out.read_text(), where="test")
        assert (entry["origin"], entry["keyid"], entry["note"]) == ("ci", signer.public.keyid, "CI of main")
        assert "PRIVATE" not in done.stdout + done.stderr
        (root / "proofs").mkdir()
        (root / "proofs/trust.json").write_text(json.dumps({"project": "acme", "keys": [entry]}))
        assert load_trust(load_settings(root)).keys_of("ci") == (signer.public,)

    def test_never_into_the_project(self, root: Path) -> None:
        error = refusal("keygen", "--out", str(root / "ci.pem"))
        assert isinstance(error, ConfigError)
        assert "inside the project" in error.message


def test_evidence_needs_no_network(project: Project) -> None:
    """Verification in a network of its own, in which nothing answers."""
    program = (
        "import socket\n"
        "def refuse(*arguments, **named): raise AssertionError('the network was asked')\n"
        "socket.socket.connect = refuse\n"
        "socket.getaddrinfo = refuse\n"
        "from sophia_kit.core.settings import load_settings\n"
        "from sophia_kit.proofs import Statement, load_trust, open_trail, verify\n"
        "from tests.proofs.conftest import a_run\n"
        "settings = load_settings(workspace='demo')\n"
        "open_trail(settings).append(Statement(a_run()))\n"
        "assert verify(settings.proofs_dir, trust=load_trust(settings)).ok\n"
    )
    repository = Path(__file__).resolve().parents[2]
    environment = project.environment | {"SOPHIA_ROOT": str(project.root), "PYTHONPATH": str(repository)}
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
