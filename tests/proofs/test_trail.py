"""Appending: one file a run, entered in the log, whatever happens on the way."""

from __future__ import annotations

import hashlib
import json
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr
from tests.proofs.conftest import START, Memory, TrailProject, a_run

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import Busy, ProofError
from sophia_kit.core.settings import Settings
from sophia_kit.proofs import (
    ProofSigner,
    Statement,
    Trail,
    Trust,
    TrustedKey,
    load_trust,
    open_trail,
    read_entries,
    verify,
)
from sophia_kit.proofs.durable import folder_lock
from sophia_kit.proofs.merkle import MerkleTree, leaf_hash
from sophia_kit.proofs.tiles import WIDTH, LogDamaged, LogFolder, RightEdge, encode_hash


class TestOneFileARun:
    def test_it_is_named_by_trail_job_and_real_time(self, project: TrailProject) -> None:
        ref = project.append()
        assert ref.path == project.root / "proofs/demo/daily_bi/20260301T020000.123456Z.json"
        assert ref.name == "daily_bi/20260301T020000.123456Z.json"
        assert ref.sha256 == hashlib.sha256(ref.path.read_bytes()).hexdigest()
        assert (ref.origin, ref.index, ref.size) == ("demo", 0, 1)
        assert ref.root == leaf_hash(ref.path.read_bytes()).hex()

    def test_two_at_the_same_moment_are_two_files(self, project: TrailProject) -> None:
        still = FrozenClock(START)
        trail = Trail(project.proofs, "demo", project.signer, project.trust, clock=still)
        names = [trail.append(Statement(a_run(run_id=str(n)))).name for n in range(3)]
        assert names == [f"daily_bi/20260301T020000.12345{n}Z.json" for n in (6, 7, 8)]
        assert [entry.proof.statement.run.run_id for entry in trail.entries() if entry.proof] == ["0", "1", "2"]
        assert project.verify().ok

    def test_a_clock_set_back_changes_nothing_that_was_written(self, project: TrailProject) -> None:
        project.fill(2)
        before = project.append(2)
        content = before.path.read_bytes()
        back = FrozenClock(datetime(2020, 1, 1, tzinfo=UTC))
        early = Trail(project.proofs, "demo", project.signer, project.trust, clock=back).append(Statement(a_run()))
        assert early.index == 3
        assert before.path.read_bytes() == content
        assert project.verify().ok

    def test_entries_are_read_back_oldest_first_with_their_place(self, project: TrailProject) -> None:
        project.fill(3)
        entries = project.trail().entries()
        assert [entry.index for entry in entries] == [0, 1, 2]
        assert [entry.proof.statement.run.run_id for entry in entries if entry.proof] == ["r0", "r1", "r2"]

    def test_what_cant_be_read_is_listed_as_such(self, project: TrailProject) -> None:
        ref = project.append()
        ref.path.write_text("{}")
        (entry,) = read_entries(project.proofs, "demo", project.trust.keys_of("demo"))
        assert entry.proof is None
        assert "not a DSSE envelope" in str(entry.problem)

    def test_nothing_else_lies_in_the_trail(self, project: TrailProject) -> None:
        project.fill(2)
        files = {path.relative_to(project.folder).as_posix() for path in project.folder.rglob("*") if path.is_file()}
        assert files == {
            "daily_bi/20260301T020000.123456Z.json",
            "daily_bi/20260301T020100.123456Z.json",
            "log/checkpoint",
            "log/checkpoints/000",
            "log/tile/0/000",
            "log/tile/entries/000",
        }


class TestTheLog:
    def test_it_is_text_of_which_a_diff_shows_one_line_an_entry(self, project: TrailProject) -> None:
        refs = project.fill(3)
        log = project.folder / "log"
        assert (log / "tile/entries/000").read_text() == "".join(f"{ref.name}\n" for ref in refs)
        hashes = [encode_hash(leaf_hash(ref.path.read_bytes())) for ref in refs]
        assert (log / "tile/0/000").read_text() == "".join(f"{line}\n" for line in hashes)
        lines = (log / "checkpoint").read_text().split("\n")
        assert lines[:2] == ["sophia-kit/test/demo", "3"]
        assert (
            bytes.fromhex(refs[-1].root).hex() == MerkleTree(leaf_hash(r.path.read_bytes()) for r in refs).root().hex()
        )

    def test_earlier_checkpoints_are_kept(self, project: TrailProject) -> None:
        project.append(0)
        first = (project.folder / "log/checkpoint").read_text()
        project.append(1)
        second = (project.folder / "log/checkpoint").read_text()
        project.append(2)
        assert (project.folder / "log/checkpoints/000").read_text() == f"{first}\n{second}\n"

    def test_a_full_tile_is_hashed_into_the_level_above(self, project: TrailProject) -> None:
        trail = project.trail()
        for _ in range(WIDTH + 2):
            trail.append(Statement(a_run()))
        log = project.folder / "log"
        widths = {
            name: len((log / name).read_text().splitlines())
            for name in ("tile/0/000", "tile/0/001", "tile/1/000", "tile/entries/000", "tile/entries/001")
        }
        assert list(widths.values()) == [256, 2, 1, 256, 2]
        assert (log / "checkpoints/001").exists()
        assert project.verify().ok

    def test_tiles_are_numbered_in_groups_of_three_digits(self) -> None:
        log = LogFolder(Path("log"))
        assert log.tile(0, 0) == Path("log/tile/0/000")
        assert log.tile(2, 1234067) == Path("log/tile/2/x001/x234/067")
        assert log.entries(1000) == Path("log/tile/entries/x001/000")

    @settings(max_examples=25, deadline=None)
    @given(st.one_of(st.integers(0, 700), st.sampled_from([65535, 65536, 65537, 65536 + 256, 70_000])))
    def test_the_right_edge_alone_gives_the_root_of_any_size(self, size: int) -> None:
        leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(size + 1)]
        tree = MerkleTree(leaves)
        log = _InMemory(leaves[:size])
        edge = RightEdge(log, size)
        assert edge.root() == tree.root(size)
        lines = edge.add(leaves[size])
        assert edge.root() == tree.root(size + 1)
        assert len(lines) == 1 + sum((size + 1) % WIDTH**level == 0 for level in (1, 2))


class _InMemory(LogFolder):
    """The tiles of given leaves, without files."""

    __slots__ = ("levels",)

    def __init__(self, leaves: list[bytes]) -> None:
        super().__init__(Path("log"))
        levels = [leaves]
        while len(levels[-1]) >= WIDTH:
            below = levels[-1]
            tiles = range(len(below) // WIDTH)
            levels.append([MerkleTree(below[WIDTH * n : WIDTH * (n + 1)]).root() for n in tiles])
        object.__setattr__(self, "levels", levels)

    def read_hashes(self, level: int, number: int, width: int | None = None) -> list[bytes]:
        found: list[bytes] = self.levels[level][number * WIDTH : (number + 1) * WIDTH][:width]  # type: ignore[attr-defined]
        return found


class TestADamagedLogIsNotExtended:
    """What the log has signed it never contradicts; the run's proof is kept beside it."""

    def refused(self, project: TrailProject, says: str) -> None:
        files = {path: path.read_bytes() for path in (project.folder / "log").rglob("*") if path.is_file()}
        count = len(list(project.folder.glob("*/*.json")))
        with pytest.raises(ProofError, match=says) as error:
            project.append(9)
        assert "sophia proofs verify" in str(error.value.hint)
        assert {path: path.read_bytes() for path in (project.folder / "log").rglob("*") if path.is_file()} == files
        assert len(list(project.folder.glob("*/*.json"))) == count + 1

    def test_a_tile_was_edited(self, project: TrailProject) -> None:
        project.fill(3)
        tile = project.folder / "log/tile/0/000"
        lines = tile.read_text().splitlines(keepends=True)
        tile.write_text("".join([lines[1], lines[0], lines[2]]))
        self.refused(project, "the tiles don't give the root")

    def test_a_tile_was_cut(self, project: TrailProject) -> None:
        project.fill(3)
        tile = project.folder / "log/tile/0/000"
        tile.write_text("".join(tile.read_text().splitlines(keepends=True)[:2]))
        self.refused(project, "log/tile/0/000 has 2 hashes, the checkpoint's size 3 demands 3")

    def test_a_tile_is_garbage(self, project: TrailProject) -> None:
        project.fill(3)
        (project.folder / "log/tile/0/000").write_bytes(b"\xff\n" * 3)
        self.refused(project, r"log/tile/0/000, line 1: .* is not the base64 text")

    def test_the_list_of_entries_was_cut(self, project: TrailProject) -> None:
        project.fill(3)
        (project.folder / "log/tile/entries/000").write_text("")
        self.refused(project, "log/tile/entries/000 has 0 lines")

    def test_the_checkpoint_is_by_someone_else(self, project: TrailProject, tmp_path: Path) -> None:
        project.fill(2)
        other = TrailProject(tmp_path / "other")
        other.fill(2)
        (project.folder / "log/checkpoint").write_bytes((other.folder / "log/checkpoint").read_bytes())
        self.refused(project, "log/checkpoint: no trusted key signed it")

    def test_the_checkpoint_is_of_another_project(self, project: TrailProject) -> None:
        project.fill(2)
        foreign = Trust("another", project.trust.keys)
        with pytest.raises(ProofError, match="is of the log 'sophia-kit/test/demo', not of 'sophia-kit/another/demo'"):
            Trail(project.proofs, "demo", project.signer, foreign).append(Statement(a_run()))

    def test_the_checkpoint_was_set_back(self, project: TrailProject) -> None:
        project.fill(2)
        old = (project.folder / "log/checkpoint").read_bytes()
        project.fill(2)
        (project.folder / "log/checkpoint").write_bytes(old)
        self.refused(project, "holds checkpoints that log/checkpoint, of size 2, doesn't know")

    def test_the_checkpoint_is_gone(self, project: TrailProject) -> None:
        project.fill(2)
        (project.folder / "log/checkpoint").unlink()
        self.refused(project, "log/checkpoint is missing, but log/checkpoints holds earlier ones")

    def test_earlier_checkpoints_are_gone(self, project: TrailProject) -> None:
        project.fill(3)
        (project.folder / "log/checkpoints/000").unlink()
        self.refused(project, "log/checkpoints/000 has 0 checkpoints, the log's size 3 demands 2")

    def test_once_it_is_whole_again_the_next_append_enters_what_was_kept(self, project: TrailProject) -> None:
        project.fill(2)
        checkpoint = project.folder / "log/checkpoint"
        good = checkpoint.read_bytes()
        checkpoint.write_bytes(b"garbage")
        with pytest.raises(ProofError):
            project.append(7)
        checkpoint.write_bytes(good)
        assert project.append(8).index == 3
        entries = project.trail().entries()
        assert [e.proof.statement.run.run_id for e in entries if e.proof] == ["r0", "r1", "r7", "r8"]
        assert project.verify().ok


class TestOnlyOurOwnAreEntered:
    def test_a_file_that_someone_else_signed_stays_out(self, project: TrailProject, tmp_path: Path) -> None:
        other = TrailProject(tmp_path / "other")
        foreign = other.append().path.read_bytes()
        project.append(0)
        (project.folder / "daily_bi/20200101T000000.000000Z.json").write_bytes(foreign)
        assert project.append(1).index == 1
        assert [f.code for f in project.verify().findings] == ["not-logged"]

    def test_ours_under_another_name_stays_out(self, project: TrailProject) -> None:
        ref = project.append(0)
        (project.folder / "daily_bi/20200101T000000.000000Z.json").write_bytes(ref.path.read_bytes())
        assert project.append(1).index == 1

    def test_the_log_may_have_been_signed_by_an_earlier_key(self, project: TrailProject) -> None:
        project.fill(2)
        fresh = ProofSigner.generate()
        trust = Trust("test", (*project.trust.keys, TrustedKey("demo", fresh.public)))
        ref = Trail(project.proofs, "demo", fresh, trust).append(Statement(a_run()))
        assert ref.index == 2
        assert verify(project.proofs, trust=trust).ok
        assert not project.verify().ok


class TestTheWitness:
    def test_it_is_told_of_every_checkpoint(self, project: TrailProject) -> None:
        ref = project.append(0, witness=project.witness)
        assert project.witness.seen == {"demo": (1, ref.root)}
        ref = project.append(1, witness=project.witness)
        assert project.witness.seen == {"demo": (2, ref.root)}

    def test_it_may_have_slept(self, project: TrailProject) -> None:
        project.append(0, witness=project.witness)
        project.fill(300)
        ref = project.append(1, witness=project.witness)
        assert project.witness.seen == {"demo": (302, ref.root)}

    @pytest.mark.parametrize("seen", [(9, "00" * 32), (2, "00" * 32), (1, "00" * 32)])
    def test_it_keeps_what_the_log_contradicts_so_that_verify_goes_on_saying_so(
        self, project: TrailProject, seen: tuple[int, str]
    ) -> None:
        project.fill(2)
        witness = Memory()
        witness.seen["demo"] = seen
        project.append(2, witness=witness)
        assert witness.seen == {"demo": seen}
        assert not project.verify(witness=witness).ok


class TestTheLock:
    def test_a_trail_that_another_holds_too_long_is_busy(self, project: TrailProject) -> None:
        project.append()
        trail = Trail(project.proofs, "demo", project.signer, project.trust, wait_s=0.05)
        with folder_lock(project.folder, 0.0), pytest.raises(Busy, match=r"has been writing to .* for 0\.05 s"):
            trail.append(Statement(a_run()))
        assert len(trail.entries()) == 1

    def test_threads_append_one_after_the_other(self, project: TrailProject) -> None:
        trail = project.trail()
        threads = [
            threading.Thread(target=lambda: [trail.append(Statement(a_run())) for _ in range(10)]) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        report = project.verify()
        assert report.ok
        assert report.trails[0].size == 40


class TestOpenTrail:
    @pytest.mark.parametrize(("values", "origin"), [({"workspace": "demo"}, "demo"), ({}, "local")])
    def test_settings_say_whose_it_is(self, tmp_path: Path, values: dict[str, str], origin: str) -> None:
        chosen = Settings(root=tmp_path / "project", keys_dir=tmp_path / "keys", **values)  # type: ignore[arg-type]
        ref = open_trail(chosen).append(Statement(a_run()))
        assert ref.path.parent.parent == tmp_path / "project" / "proofs" / origin
        assert verify(chosen.proofs_dir, trust=load_trust(chosen)).ok

    def test_ci_is_trusted_by_the_committed_file_alone(self, tmp_path: Path) -> None:
        signer = ProofSigner.generate()
        chosen = Settings(
            root=tmp_path / "project",
            keys_dir=tmp_path / "keys",
            proof_key=SecretStr(signer.crypto.private_bytes.decode()),
        )
        open_trail(chosen).append(Statement(a_run(demo=False)))
        codes = {finding.code for finding in verify(chosen.proofs_dir, trust=load_trust(chosen)).findings}
        assert codes == {"checkpoint", "signature"}
        entry = TrustedKey("ci", signer.public, START.date()).entry()
        (chosen.proofs_dir / "trust.json").write_text(json.dumps({"project": "unnamed", "keys": [entry]}))
        assert verify(chosen.proofs_dir, trust=load_trust(chosen)).ok


def test_a_log_without_an_edge_says_so(tmp_path: Path) -> None:
    with pytest.raises(LogDamaged, match="has 0 hashes"):
        RightEdge(LogFolder(tmp_path / "log"), 5)
