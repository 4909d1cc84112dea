"""Tampering with every part of a trail: each is caught, and what is said names the thing."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from tests.proofs.conftest import Memory, TrailProject, a_run

from sophia_kit.core.errors import ProofError, SnapshotDamaged, StorageError, UnknownName
from sophia_kit.proofs import (
    Finding,
    ProofRef,
    ProofSigner,
    Statement,
    Subject,
    Trail,
    TrailReport,
    Trust,
    TrustedKey,
    VerifyReport,
    verify,
    verify_proof,
)
from sophia_kit.proofs.merkle import MerkleTree, leaf_hash
from sophia_kit.proofs.note import Checkpoint, sign_note
from sophia_kit.proofs.tiles import encode_hash

ENTRIES = 5
LOG = "sophia-kit/test/demo"


@pytest.fixture
def refs(project: TrailProject) -> list[ProofRef]:
    """A trail of five entries that this machine has seen."""
    refs = project.fill(ENTRIES, witness=project.witness)
    assert project.verify(witness=project.witness).ok
    return refs


def codes(report: VerifyReport) -> list[str]:
    return [finding.code for finding in report.findings]


def the(report: VerifyReport, code: str) -> Finding:
    (finding,) = (finding for finding in report.findings if finding.code == code)
    return finding


def edit_lines(path: Path, change: Callable[[list[str]], object]) -> None:
    lines = path.read_text().splitlines(keepends=True)
    change(lines)
    path.write_text("".join(lines))


def rewrite(project: TrailProject, keep: list[Path], *, signer: ProofSigner | None = None) -> None:
    """Build the whole log anew over the files `keep`, as one who holds the key could."""
    signer = signer or project.signer
    shutil.rmtree(project.folder / "log")
    log = project.folder / "log"
    for folder in ("tile/0", "tile/entries", "checkpoints"):
        (log / folder).mkdir(parents=True)
    leaves = [leaf_hash(path.read_bytes()) for path in keep]
    names = [path.relative_to(project.folder).as_posix() for path in keep]
    (log / "tile/0/000").write_text("".join(f"{encode_hash(leaf)}\n" for leaf in leaves))
    (log / "tile/entries/000").write_text("".join(f"{name}\n" for name in names))
    tree = MerkleTree(leaves)
    notes = []
    for size in range(1, len(leaves) + 1):
        text = Checkpoint(LOG, size, tree.root(size)).text
        notes.append(sign_note(text, LOG, signer.public.raw, signer.sign))
    (log / "checkpoints/000").write_text("".join(f"{note}\n" for note in notes[:-1]))
    (log / "checkpoint").write_text(notes[-1])


class TestAGoodTrail:
    def test_it_holds_and_says_how_much_was_looked_at(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (trail,) = project.verify().trails
        assert isinstance(trail, TrailReport)
        assert trail.ok
        assert (trail.origin, trail.log, trail.size, trail.root) == ("demo", LOG, ENTRIES, refs[-1].root)
        assert trail.subjects_checked == ENTRIES
        assert {(left.subject, left.reason) for left in trail.subjects_not_checked} == {
            (f"snapshot:s{number}", "absent") for number in range(ENTRIES)
        }

    def test_no_trail_at_all_is_an_error(self, project: TrailProject) -> None:
        with pytest.raises(ProofError, match="no trail of proofs") as error:
            project.verify()
        assert "sophia demo" in str(error.value.hint)
        (project.proofs / "demo" / "daily_bi").mkdir(parents=True)
        with pytest.raises(ProofError, match="no trail of proofs"):
            project.verify()

    def test_every_trail_is_looked_at_and_each_by_its_own_keys(
        self, project: TrailProject, refs: list[ProofRef]
    ) -> None:
        local = ProofSigner.generate()
        trust = project.trust.extended([TrustedKey("local", local.public)])
        Trail(project.proofs, "local", local, trust).append(Statement(a_run(demo=False)))
        report = verify(project.proofs, trust=trust)
        assert [(trail.origin, trail.ok) for trail in report.trails] == [("demo", True), ("local", True)]
        only = verify(project.proofs, trust=trust, origins=["local"])
        assert [trail.origin for trail in only.trails] == ["local"]
        with pytest.raises(UnknownName, match="'ci'"):
            verify(project.proofs, trust=trust, origins=["ci"])

    def test_a_report_that_is_gone_is_neither_pass_nor_fail(self, project: TrailProject, refs: list[ProofRef]) -> None:
        project.report_file(2).unlink()
        (trail,) = project.verify().trails
        assert trail.ok
        assert trail.subjects_checked == ENTRIES - 1
        left = [item for item in trail.subjects_not_checked if item.index == 2]
        assert [(item.subject, item.reason, item.where) for item in left] == [
            ("data/demo/reports/r2.html", "absent", f"demo/{refs[2].name}"),
            ("snapshot:s2", "absent", f"demo/{refs[2].name}"),
        ]

    def test_a_report_that_a_later_run_replaced_is_not_checked_for_the_earlier(self, project: TrailProject) -> None:
        project.append(1)
        project.report_file(1).write_text("the next day's")
        digest = project.subject_digest("data/demo/reports/r1.html")
        assert digest is not None
        project.trail().append(Statement(a_run(), (Subject("data/demo/reports/r1.html", digest),)))
        (trail,) = project.verify().trails
        assert trail.ok
        assert trail.subjects_checked == 1
        assert [item.reason for item in trail.subjects_not_checked if item.subject.endswith("html")] == [
            "replaced by what entry 1 states"
        ]

    def test_putting_an_earlier_report_back_is_caught(self, project: TrailProject) -> None:
        project.append(1)
        old = project.report_file(1).read_text()
        project.report_file(1).write_text("the next day's")
        digest = str(project.subject_digest("data/demo/reports/r1.html"))
        project.trail().append(Statement(a_run(), (Subject("data/demo/reports/r1.html", digest),)))
        (project.root / "data/demo/reports/r1.html").write_text(old)
        assert the(project.verify(), "subject").index == 1

    def test_verifying_changes_no_file(self, project: TrailProject, refs: list[ProofRef]) -> None:
        before = {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()}
        project.verify(witness=project.witness)
        assert {path: path.read_bytes() for path in project.root.rglob("*") if path.is_file()} == before


class TestWhatCameOut:
    def test_a_byte_of_a_report(self, project: TrailProject, refs: list[ProofRef]) -> None:
        path = project.report_file(3)
        stated = project.subject_digest("data/demo/reports/r3.html")
        path.write_bytes(path.read_bytes().replace(b"3", b"4"))
        finding = the(project.verify(), "subject")
        assert finding.message == "subject data/demo/reports/r3.html of entry 3 is not what was sealed"
        assert (finding.where, finding.index) == (f"demo/{refs[3].name}", 3)
        assert (finding.expected, finding.found) == (
            stated,
            project.subject_digest("data/demo/reports/r3.html"),
        )

    def test_the_rows_of_a_snapshot(self, project: TrailProject, refs: list[ProofRef]) -> None:
        report = verify(
            project.proofs,
            trust=project.trust,
            subject_digest=lambda name: "e" * 64 if name == "snapshot:s2" else None,
        )
        finding = the(report, "subject")
        assert finding.message == "subject snapshot:s2 of entry 2 is not what was sealed"
        assert (finding.expected, finding.found) == ("d" * 64, "e" * 64)

    def test_a_snapshot_that_cant_be_opened(self, project: TrailProject, refs: list[ProofRef]) -> None:
        def damaged(name: str) -> str | None:
            if name == "snapshot:s2":
                raise SnapshotDamaged("not a database")
            return None

        report = verify(project.proofs, trust=project.trust, subject_digest=damaged)
        assert the(report, "subject").message == "subject snapshot:s2 of entry 2 can't be read: not a database"


class TestAProof:
    def test_its_statement(self, project: TrailProject, refs: list[ProofRef]) -> None:
        envelope = json.loads(refs[1].path.read_text())
        payload = base64.b64decode(envelope["payload"]).replace(b'"succeeded"', b'"abandoned"')
        envelope["payload"] = base64.b64encode(payload).decode()
        refs[1].path.write_text(json.dumps(envelope, indent=1) + "\n")
        report = project.verify()
        assert codes(report) == ["signature", "altered"]
        assert the(report, "signature").message == "entry 1: the signature doesn't fit the statement"
        altered = the(report, "altered")
        assert (altered.where, altered.index) == (f"demo/{refs[1].name}", 1)

    def test_its_signature(self, project: TrailProject, refs: list[ProofRef]) -> None:
        envelope = json.loads(refs[1].path.read_text())
        envelope["signatures"][0]["sig"] = base64.b64encode(bytes(64)).decode()
        refs[1].path.write_text(json.dumps(envelope))
        assert codes(project.verify()) == ["signature", "altered"]

    def test_a_space_that_changes_no_meaning(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[1].path.write_bytes(refs[1].path.read_bytes() + b" ")
        assert codes(project.verify()) == ["altered"]

    def test_garbage_in_its_place(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[1].path.write_bytes(b"\x00garbage")
        report = project.verify()
        assert codes(report) == ["envelope", "altered"]
        assert "entry 1 can't be read: not a DSSE envelope" in the(report, "envelope").message

    def test_its_file_is_gone(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[1].path.unlink()
        finding = the(project.verify(), "missing")
        assert finding.message == "entry 1 is in the log (log/tile/entries/000), but its file is missing"
        assert finding.where == f"demo/{refs[1].name}"

    def test_a_foreign_key_signed_the_same_statement(self, project: TrailProject, refs: list[ProofRef]) -> None:
        from sophia_kit.proofs.envelope import open_envelope, seal_envelope

        stranger = ProofSigner.generate()
        proof = open_envelope(refs[1].path.read_bytes(), [])
        refs[1].path.write_bytes(seal_envelope(proof.statement, proof.seal, stranger))
        finding = the(project.verify(), "signature")
        assert finding.message == "entry 1 is not signed by a key trusted for demo"
        assert (finding.expected, finding.found) == (project.signer.public.keyid, stranger.public.keyid)

    def test_two_change_places(self, project: TrailProject, refs: list[ProofRef]) -> None:
        one, two = refs[1].path.read_bytes(), refs[2].path.read_bytes()
        refs[1].path.write_bytes(two)
        refs[2].path.write_bytes(one)
        report = project.verify()
        assert [(f.code, f.index) for f in report.findings] == [
            ("misplaced", 1),
            ("misplaced", 2),
            ("altered", 1),
            ("altered", 2),
        ]
        misplaced = report.findings[0]
        assert (misplaced.expected, misplaced.found) == (f"demo/{refs[2].name}", f"demo/{refs[1].name}")

    def test_it_moves_to_another_job(self, project: TrailProject, refs: list[ProofRef]) -> None:
        moved = project.folder / "weekly" / refs[1].path.name
        moved.parent.mkdir()
        refs[1].path.rename(moved)
        edit_lines(
            project.folder / "log/tile/entries/000",
            lambda lines: lines.__setitem__(1, f"weekly/{moved.name}\n"),
        )
        finding = the(project.verify(), "misplaced")
        assert (finding.expected, finding.found) == (f"demo/{refs[1].name}", f"demo/weekly/{moved.name}")

    def test_a_whole_trail_moves_to_another_origin(self, project: TrailProject, refs: list[ProofRef]) -> None:
        project.folder.rename(project.proofs / "ci")
        trust = Trust("test", (TrustedKey("ci", project.signer.public),))
        report = verify(project.proofs, trust=trust)
        assert codes(report).count("misplaced") == ENTRIES
        assert "is of the log 'sophia-kit/test/demo', not of 'sophia-kit/test/ci'" in the(report, "checkpoint").message

    def test_an_extra_one_that_the_log_doesnt_know(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "daily_bi" / "20200101T000000.000000Z.json").write_text("{}")
        finding = the(project.verify(), "not-logged")
        assert finding.where == "demo/daily_bi/20200101T000000.000000Z.json"
        assert "nothing vouches for it" in finding.message


class TestTheLog:
    def test_an_entry_deleted_from_files_and_log(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[2].path.unlink()
        for tile in ("log/tile/0/000", "log/tile/entries/000"):
            edit_lines(project.folder / tile, lambda lines: lines.pop(2))
        report = project.verify()
        assert {"root", "tile"} <= set(codes(report))
        assert "removed, reordered, replaced or edited" in the(report, "root").message
        assert f"{ENTRIES - 1} lines" in {finding.found for finding in report.findings}

    def test_entries_reordered_in_the_log(self, project: TrailProject, refs: list[ProofRef]) -> None:
        for tile in ("log/tile/0/000", "log/tile/entries/000"):
            edit_lines(project.folder / tile, lambda lines: lines.insert(1, lines.pop(3)))
        report = project.verify()
        finding = the(report, "root")
        assert finding.where == "demo/log/checkpoint"
        assert bytes.hex(base64.b64decode(str(finding.expected))) == refs[-1].root
        first = next(finding for finding in report.findings if finding.code == "inconsistent")
        assert first.index == 1

    def test_only_the_list_of_files_reordered(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/tile/entries/000", lambda lines: lines.insert(1, lines.pop(3)))
        assert [(f.code, f.index) for f in project.verify().findings] == [
            ("altered", 1),
            ("altered", 2),
            ("altered", 3),
        ]

    def test_an_edited_tile(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/tile/0/000", lambda lines: lines.__setitem__(3, lines[0]))
        finding = the(project.verify(), "tile")
        assert finding.where == "demo/log/tile/0/000"
        assert finding.message == "line 4 of the tile was edited: it isn't the hash of what it stands for"
        assert finding.expected == encode_hash(leaf_hash(refs[3].path.read_bytes()))
        assert finding.found == encode_hash(leaf_hash(refs[0].path.read_bytes()))

    def test_a_tile_of_garbage(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "log/tile/0/000").write_bytes(b"\xfe\n")
        finding = the(project.verify(), "tile")
        assert finding.message.startswith("log/tile/0/000, line 1: ")

    def test_a_missing_tile(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "log/tile/0/000").unlink()
        assert the(project.verify(), "missing").where == "demo/log/tile/0/000"

    def test_a_tile_of_a_higher_level(self, project: TrailProject) -> None:
        trail = project.trail()
        for _ in range(257):
            trail.append(Statement(a_run()))
        edit_lines(
            project.folder / "log/tile/1/000",
            lambda lines: lines.__setitem__(0, f"{encode_hash(bytes(32))}\n"),
        )
        finding = the(project.verify(), "tile")
        assert (finding.where, finding.found) == ("demo/log/tile/1/000", encode_hash(bytes(32)))

    def test_a_file_that_is_no_part_of_it(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "log/tile/0/007").write_text("")
        assert the(project.verify(), "not-logged").where == "demo/log/tile/0/007"

    def test_lines_beyond_the_checkpoint(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/tile/0/000", lambda lines: lines.append(lines[0]))
        finding = the(project.verify(), "interrupted")
        assert (finding.where, finding.expected, finding.found) == ("demo/log/tile/0/000", "5 lines", "6 lines")

    def test_an_entry_that_repeats_another(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/tile/entries/000", lambda lines: lines.__setitem__(3, lines[0]))
        assert the(project.verify(), "repeated").message == "entry 3 (log/tile/entries/000) repeats entry 0"

    def test_an_entry_that_leads_out_of_the_trail(self, project: TrailProject, refs: list[ProofRef]) -> None:
        outside = project.root / "outside.json"
        outside.write_bytes(refs[1].path.read_bytes())
        edit_lines(project.folder / "log/tile/entries/000", lambda lines: lines.__setitem__(1, "../../outside.json\n"))
        assert the(project.verify(), "missing").index == 1


class TestCheckpoints:
    def test_one_that_is_gone(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "log/checkpoint").unlink()
        assert the(project.verify(), "checkpoint").message == "the log has no checkpoint"

    @pytest.mark.parametrize("content", [b"", b"garbage", b"sophia-kit/test/demo\n5\n", b"\xff\xff\n\n\n"])
    def test_one_that_is_none(self, project: TrailProject, refs: list[ProofRef], content: bytes) -> None:
        (project.folder / "log/checkpoint").write_bytes(content)
        assert the(project.verify(), "checkpoint").where == "demo/log/checkpoint"

    def test_an_edited_one(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/checkpoint", lambda lines: lines.__setitem__(1, "4\n"))
        finding = the(project.verify(), "checkpoint")
        assert "the signature by sophia-kit/test/demo" in finding.message
        assert "doesn't fit the text" in finding.message

    @pytest.mark.parametrize(
        "name", ["log/checkpoint", "log/tile/0/000", "log/tile/entries/000", "log/checkpoints/000"]
    )
    def test_a_folder_in_the_place_of_a_file(self, project: TrailProject, refs: list[ProofRef], name: str) -> None:
        (project.folder / name).unlink()
        (project.folder / name).mkdir()
        assert any(finding.where == f"demo/{name}" for finding in project.verify().findings)

    def test_one_by_a_foreign_key(self, project: TrailProject, refs: list[ProofRef]) -> None:
        rewrite(project, [ref.path for ref in refs], signer=ProofSigner.generate())
        report = project.verify()
        assert "no trusted key signed it as sophia-kit/test/demo" in the(report, "checkpoint").message
        assert codes(report).count("history") == ENTRIES - 1

    def test_one_of_a_foreign_log_by_the_same_key(
        self, project: TrailProject, refs: list[ProofRef], tmp_path: Path
    ) -> None:
        other = TrailProject(tmp_path / "other", signer=project.signer)
        trust = Trust("another", project.trust.keys)
        Trail(other.proofs, "demo", project.signer, trust).append(Statement(a_run()))
        (project.folder / "log/checkpoint").write_bytes((other.folder / "log/checkpoint").read_bytes())
        assert "is of the log 'sophia-kit/another/demo'" in the(project.verify(), "checkpoint").message

    def test_an_earlier_one_is_edited(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/checkpoints/000", lambda lines: lines.__setitem__(1, "7\n"))
        finding = the(project.verify(), "history")
        assert finding.where == "demo/log/checkpoints/000"
        assert finding.message.startswith("checkpoint 1: the signature by ")

    def test_an_earlier_one_is_missing(self, project: TrailProject, refs: list[ProofRef]) -> None:
        path = project.folder / "log/checkpoints/000"
        path.write_text("".join(path.read_text().partition("=\n\n")[2:]))
        assert "history" in codes(project.verify())

    def test_all_earlier_ones_are_missing(self, project: TrailProject, refs: list[ProofRef]) -> None:
        (project.folder / "log/checkpoints/000").unlink()
        finding = the(project.verify(), "history")
        assert (finding.message, finding.found) == ("earlier checkpoints are missing", "0")

    def test_two_earlier_ones_change_places(self, project: TrailProject, refs: list[ProofRef]) -> None:
        path = project.folder / "log/checkpoints/000"
        blocks = path.read_text().split("\n\n")
        blocks[0:4] = blocks[2:4] + blocks[0:2]
        path.write_text("\n\n".join(blocks))
        found = [(f.code, f.expected, f.found) for f in project.verify().findings]
        assert found == [("history", "size 1", "size 2"), ("history", "size 2", "size 1")]

    def test_an_earlier_one_is_torn(self, project: TrailProject, refs: list[ProofRef]) -> None:
        path = project.folder / "log/checkpoints/000"
        path.write_text(path.read_text() + "sophia-kit/te")
        assert "incomplete" in the(project.verify(), "interrupted").message


class TestAHistoryThatTheKeysHolderRewrites:
    """Signed with the real key: what was signed before, and what this machine saw, still tell."""

    def test_an_entry_left_out_and_everything_signed_again(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[2].path.unlink()
        rewrite(project, [ref.path for ref in refs if ref is not refs[2]])
        assert project.verify().ok, "without a witness there is nothing left to tell by"
        finding = the(project.verify(witness=project.witness), "rolled-back")
        assert (finding.expected, finding.found) == ("at least 5 entries", "4 entries")

    def test_an_entry_replaced_and_everything_signed_again(self, project: TrailProject, refs: list[ProofRef]) -> None:
        from sophia_kit.proofs.envelope import open_envelope, seal_envelope

        proof = open_envelope(refs[2].path.read_bytes(), [])
        better = replace(proof.statement, run=replace(proof.statement.run, outcome="failed"))
        refs[2].path.write_bytes(seal_envelope(better, proof.seal, project.signer))
        rewrite(project, [ref.path for ref in refs])
        assert project.verify().ok
        finding = the(project.verify(witness=project.witness), "rewritten")
        assert "the first 5 entries are not those that this machine saw before" in finding.message
        assert finding.expected == refs[-1].root
        project.append(9, witness=project.witness)
        assert the(project.verify(witness=project.witness), "rewritten").expected == refs[-1].root

    def test_the_newest_checkpoint_signed_again_but_not_the_earlier(
        self, project: TrailProject, refs: list[ProofRef]
    ) -> None:
        earlier = (project.folder / "log/checkpoints/000").read_bytes()
        rewrite(project, [ref.path for ref in reversed(refs)])
        (project.folder / "log/checkpoints/000").write_bytes(earlier)
        found = [finding for finding in project.verify().findings if finding.code == "inconsistent"]
        assert [finding.index for finding in found] == [0, 1, 2, 3]
        assert found[0].message.startswith("checkpoint 1 was signed for other entries")

    def test_a_log_set_back_to_a_genuine_checkpoint(self, project: TrailProject) -> None:
        project.fill(3, witness=project.witness)
        old = project.root / "old"
        shutil.copytree(project.folder / "log", old)
        project.fill(2, witness=project.witness)
        shutil.rmtree(project.folder / "log")
        old.rename(project.folder / "log")
        assert codes(project.verify()) == ["not-logged", "not-logged"]
        assert "rolled-back" in codes(project.verify(witness=project.witness))

    def test_a_log_set_back_with_its_files(self, project: TrailProject) -> None:
        project.fill(3, witness=project.witness)
        old = project.root / "old"
        shutil.copytree(project.folder, old)
        project.fill(2, witness=project.witness)
        shutil.rmtree(project.folder)
        old.rename(project.folder)
        assert project.verify().ok
        assert codes(project.verify(witness=project.witness)) == ["rolled-back"]

    def test_only_the_checkpoint_set_back(self, project: TrailProject) -> None:
        project.fill(3)
        old = (project.folder / "log/checkpoint").read_bytes()
        project.fill(2)
        (project.folder / "log/checkpoint").write_bytes(old)
        report = project.verify()
        assert {"rolled-back", "not-logged", "interrupted"} <= set(codes(report))
        assert {f.expected for f in report.findings if f.code == "rolled-back"} == {"at least 4 entries"}

    def test_the_whole_trail_is_gone(self, project: TrailProject, refs: list[ProofRef]) -> None:
        shutil.rmtree(project.folder)
        finding = the(project.verify(witness=project.witness), "rolled-back")
        assert (finding.expected, finding.found) == ("at least 5 entries", "0 entries")

    def test_what_fails_is_not_remembered(self, project: TrailProject, refs: list[ProofRef]) -> None:
        seen = dict(project.witness.seen)
        refs[0].path.write_bytes(b"x")
        project.append(8)
        project.verify(witness=project.witness)
        assert project.witness.seen == seen

    def test_what_holds_is_remembered(self, project: TrailProject, refs: list[ProofRef]) -> None:
        fresh = Memory()
        assert project.verify(witness=fresh).ok
        assert fresh.seen == {"demo": (ENTRIES, refs[-1].root)}


class TestTrust:
    def test_without_the_key_in_it_nothing_counts(self, project: TrailProject, refs: list[ProofRef]) -> None:
        report = project.verify(trust=Trust("test"))
        assert set(codes(report)) == {"checkpoint", "signature", "history"}
        signature = next(finding for finding in report.findings if finding.code == "signature")
        assert signature.expected == "a key for demo in trust.json"
        assert signature.found == project.signer.public.keyid

    def test_a_key_for_another_trail_doesnt_count(self, project: TrailProject, refs: list[ProofRef]) -> None:
        report = project.verify(trust=Trust("test", (TrustedKey("ci", project.signer.public),)))
        assert "signature" in codes(report)


class TestOneProof:
    def check(self, project: TrailProject, path: Path) -> TrailReport:
        return verify_proof(path, proofs_dir=project.proofs, trust=project.trust, subject_digest=project.subject_digest)

    def test_it_holds_by_itself_even_if_another_doesnt(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[0].path.write_bytes(b"x")
        report = self.check(project, refs[3].path)
        assert report.ok
        assert report.subjects_checked == 1

    def test_its_inclusion_is_proved_from_the_tiles(self, project: TrailProject, refs: list[ProofRef]) -> None:
        refs[3].path.write_bytes(refs[3].path.read_bytes() + b"\n")
        (finding,) = self.check(project, refs[3].path).findings
        assert (finding.code, finding.index) == ("inclusion", 3)

    def test_a_tile_was_edited(self, project: TrailProject, refs: list[ProofRef]) -> None:
        edit_lines(project.folder / "log/tile/0/000", lambda lines: lines.__setitem__(0, lines[1]))
        assert [finding.code for finding in self.check(project, refs[3].path).findings] == ["inclusion"]
        (project.folder / "log/tile/0/000").write_text("garbage\n")
        assert [finding.code for finding in self.check(project, refs[3].path).findings] == ["tile"]

    def test_one_that_isnt_in_the_log(self, project: TrailProject, refs: list[ProofRef]) -> None:
        extra = project.folder / "daily_bi" / "20200101T000000.000000Z.json"
        extra.write_bytes(refs[0].path.read_bytes())
        assert [finding.code for finding in self.check(project, extra).findings] == ["not-logged"]

    def test_what_is_no_proof_of_ours(self, project: TrailProject, refs: list[ProofRef], tmp_path: Path) -> None:
        with pytest.raises(ProofError, match="There is no proof"):
            self.check(project, tmp_path / "nothing.json")
        (tmp_path / "else.json").write_text("{}")
        with pytest.raises(ProofError, match="not in a trail"):
            self.check(project, tmp_path / "else.json")
        with pytest.raises(ProofError, match="There is no proof"):
            self.check(project, project.proofs / "demo")


def test_what_cant_be_read_is_an_error_and_no_finding(project: TrailProject, refs: list[ProofRef]) -> None:
    """A link in a circle is unreadable even for root."""
    report = project.root / "data/demo/reports/r1.html"

    def unreadable(name: str) -> str | None:
        return (project.root / name).read_text() if name.endswith("r1.html") else None

    report.unlink()
    report.symlink_to(report)
    with pytest.raises(StorageError, match=r"Can't read .*r1\.html: Too many levels"):
        verify(project.proofs, trust=project.trust, subject_digest=unreadable)


def test_flipping_any_byte_of_any_file_is_caught(project: TrailProject) -> None:
    project.fill(3, witness=project.witness)
    files = [path for path in project.folder.rglob("*") if path.is_file()]
    for path in files:
        content = path.read_bytes()
        for position in range(0, len(content), max(1, len(content) // 97)):
            path.write_bytes(content[:position] + bytes([content[position] ^ 1]) + content[position + 1 :])
            report = project.verify(witness=project.witness)
            assert not report.ok, (path, position)
            said = [f"{finding.where}: {finding.message}" for finding in report.findings]
            assert any(path.relative_to(project.folder).as_posix() in text for text in said), (path, position, said)
        path.write_bytes(content)
    assert project.verify(witness=project.witness).ok
