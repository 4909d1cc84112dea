"""Verification of trails, offline: signatures, digests, inclusion, consistency. See docs/proofs.md for every code."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

from sophia_kit.core.errors import ProofError, SophiaError, UnknownName
from sophia_kit.proofs.durable import reading
from sophia_kit.proofs.envelope import EnvelopeError, Proof, open_envelope
from sophia_kit.proofs.keys import PublicKey
from sophia_kit.proofs.log_check import LogCheck
from sophia_kit.proofs.merkle import MerkleTree, leaf_hash, verify_consistency, verify_inclusion
from sophia_kit.proofs.note import Checkpoint
from sophia_kit.proofs.report import Finding, TrailReport, UncheckedSubject, VerifyReport
from sophia_kit.proofs.tiles import WIDTH, LogDamaged, LogFolder
from sophia_kit.proofs.trail import LOG, logged_names, misplaced, origins_present, read_checkpoint
from sophia_kit.proofs.trust import Trust
from sophia_kit.proofs.witness import Witness

__all__ = ["ORIGINS", "SubjectDigest", "verify", "verify_proof"]

ORIGINS = ("ci", "local", "demo")

SubjectDigest = Callable[[str], str | None]
"""Gives the SHA-256 (hex) that the subject of that name has now, or None if it is absent."""


def verify(
    proofs_dir: Path,
    *,
    trust: Trust,
    origins: Iterable[str] | None = None,
    witness: Witness | None = None,
    subject_digest: SubjectDigest | None = None,
) -> VerifyReport:
    """Verify whole trails: those named, or every one that is present or that `witness` remembers.

    A trail that holds is remembered by the witness.

    Raises:
        ProofError: there is no trail at all.
        UnknownName: one of `origins` is neither present nor remembered.
        StorageError: a file can't be read.
    """
    known = set(origins_present(proofs_dir))
    if witness is not None:
        known |= {origin for origin in ORIGINS if (seen := witness.checkpoint(origin)) and seen[0] > 0}
    if not known:
        raise ProofError(
            f"There is no trail of proofs in {proofs_dir}.",
            hint="A trail begins with a run, e.g. `sophia demo`.",
        )
    chosen = sorted(known) if origins is None else list(origins)
    for origin in chosen:
        if origin not in known:
            raise UnknownName("trail", origin, known)
    with reading(proofs_dir):
        checks = (_TrailCheck(proofs_dir, origin, trust, witness, subject_digest) for origin in chosen)
        return VerifyReport(tuple(check.run() for check in checks))


def verify_proof(
    path: Path, *, proofs_dir: Path, trust: Trust, subject_digest: SubjectDigest | None = None
) -> TrailReport:
    """Verify one proof: its signature, its place, its inclusion in its log's newest checkpoint, its subjects.

    Raises:
        ProofError: the file doesn't exist or is not in a trail below `proofs_dir`.
        StorageError: a file can't be read.
    """
    where = path.resolve()
    if not where.is_file():
        raise ProofError(f"There is no proof {path}.", hint="`sophia proofs list` shows all.")
    if not where.is_relative_to(proofs_dir.resolve()) or len(where.relative_to(proofs_dir.resolve()).parts) < 3:
        raise ProofError(f"{path} is not in a trail below {proofs_dir}.", hint="`sophia proofs list` shows all.")
    origin, *rest = where.relative_to(proofs_dir.resolve()).parts
    check = _TrailCheck(proofs_dir, origin, trust, None, subject_digest)
    with reading(proofs_dir):
        return check.run_one("/".join(rest))


class _TrailCheck:
    """Collects what fails in one trail."""

    def __init__(
        self,
        proofs_dir: Path,
        origin: str,
        trust: Trust,
        witness: Witness | None,
        subject_digest: SubjectDigest | None,
    ) -> None:
        self.origin = origin
        self.folder = proofs_dir / origin
        self.log = LogFolder(self.folder / LOG)
        self.log_name = trust.log_name(origin)
        self.keys: tuple[PublicKey, ...] = trust.keys_of(origin)
        self.witness = witness
        self.subject_digest = subject_digest
        self.findings: list[Finding] = []
        self.unchecked: list[UncheckedSubject] = []
        self.checked = 0

    def run(self) -> TrailReport:
        head = self._head()
        names = logged_names(self.log)
        names = names if head is None else names[: head.size]
        leaves, proofs = self._entries(names)
        log = LogCheck(self.log, self.log_name, self.keys, head, names, leaves)
        log.run()
        self.findings += log.findings
        self._unlogged(set(names))
        self._subjects(proofs)
        self._witness(head, log.tree)
        if self.witness is not None and head is not None and not self.findings:
            self.witness.remember_checkpoint(self.origin, head.size, head.root.hex())
        return self._report(head)

    def run_one(self, name: str) -> TrailReport:
        head = self._head()
        names = logged_names(self.log)
        if head is not None and name in names[: head.size]:
            index = names.index(name)
            self._inclusion(name, index, head)
            proof = self._open(name, (self.folder / name).read_bytes(), index)
            self._subjects([] if proof is None else [(index, name, proof)])
        else:
            self._unlogged(set(names), only=name)
        return self._report(head)

    def _head(self) -> Checkpoint | None:
        try:
            head = read_checkpoint(self.log, self.log_name, self.keys)
        except LogDamaged as damage:
            self._fail("checkpoint", self.log.shown(self.log.checkpoint), str(damage))
            return None
        if head is None and self.folder.is_dir():
            self._fail("checkpoint", self.log.shown(self.log.checkpoint), "the log has no checkpoint")
        return head

    def _entries(self, names: list[str]) -> tuple[list[bytes | None], list[tuple[int, str, Proof]]]:
        """The leaf hash of each logged file, None where it is missing; and the proofs that can be believed."""
        leaves: list[bytes | None] = []
        proofs: list[tuple[int, str, Proof]] = []
        first: dict[str, int] = {}
        for index, name in enumerate(names):
            listed = self.log.shown(self.log.entries(index // WIDTH))
            if first.setdefault(name, index) != index:
                message = f"entry {index} ({listed}) repeats entry {first[name]}"
                self._fail("repeated", name, message, index=index)
            content = self._read(name)
            if content is None:
                message = f"entry {index} is in the log ({listed}), but its file is missing"
                self._fail("missing", name, message, index=index)
                leaves.append(None)
                continue
            leaves.append(leaf_hash(content))
            proof = self._open(name, content, index)
            if proof is not None:
                proofs.append((index, name, proof))
        return leaves, proofs

    def _read(self, name: str) -> bytes | None:
        path = self.folder / name
        if ".." in path.parts or not path.is_file():
            return None
        return path.read_bytes()

    def _open(self, name: str, content: bytes, index: int | None) -> Proof | None:
        """The proof, if it is one, in its place, and signed by a key that counts."""
        entry = "the proof" if index is None else f"entry {index}"
        try:
            proof = open_envelope(content, self.keys)
        except EnvelopeError as error:
            self._fail("envelope", name, f"{entry} can't be read: {error}", index=index)
            return None
        if proof.signed_by is None:
            trusted = {key.keyid for key in self.keys}
            if trusted.intersection(proof.keyids):
                message = f"{entry}: the signature doesn't fit the statement"
            else:
                message = f"{entry} is not signed by a key trusted for {self.origin}"
            self._fail(
                "signature",
                name,
                message,
                index=index,
                expected=" or ".join(sorted(trusted)) or f"a key for {self.origin} in trust.json",
                found=", ".join(proof.keyids) or "no signature",
            )
            return None
        if wrong := misplaced(proof, self.origin, name):
            says, found = wrong
            message = f"{entry} belongs elsewhere: its own statement says where"
            self._fail("misplaced", name, message, index=index, expected=says, found=found)
            return None
        return proof

    def _inclusion(self, name: str, index: int, head: Checkpoint) -> None:
        """One entry's inclusion, proved from the tiles alone."""
        hashes: list[bytes] = []
        try:
            for number in range(-(-head.size // WIDTH)):
                hashes += self.log.read_hashes(0, number)
        except LogDamaged as damage:
            self._fail("tile", self.log.shown(self.log.checkpoint), str(damage))
            return
        content = self._read(name)
        leaf = leaf_hash(content or b"")
        tree = MerkleTree(hashes[: head.size])
        proof = tree.inclusion_proof(index) if index < len(tree) else ()
        if not verify_inclusion(leaf, index, head.size, proof, head.root):
            message = f"entry {index} is not included in the log that log/checkpoint signs"
            self._fail("inclusion", name, message, index=index)

    def _unlogged(self, names: set[str], only: str | None = None) -> None:
        """Files of the trail that the log doesn't know."""
        for path in sorted(self.folder.rglob("*")):
            name = path.relative_to(self.folder).as_posix()
            inside_log = path.is_relative_to(self.log.folder)
            if inside_log or not path.is_file() or name in names or only not in (None, name):
                continue
            before = len(self.findings)
            ours = self._open(name, path.read_bytes(), None) is not None
            del self.findings[before:]
            why = (
                "it is signed as it should be: an append was interrupted, and the next one enters it; "
                "or the log has been set back"
                if ours
                else "nothing vouches for it"
            )
            self._fail("not-logged", name, f"the file is not in the log; {why}")

    def _subjects(self, proofs: list[tuple[int, str, Proof]]) -> None:
        """Compare what the proofs name with what is there now."""
        stated: dict[tuple[str, str], int] = {}
        for index, _, proof in proofs:
            for subject in proof.statement.subjects:
                stated[subject.name, subject.sha256] = index
        now: dict[str, str | SophiaError | None] = {}
        for index, name, proof in proofs:
            for subject in proof.statement.subjects:
                if subject.name not in now:
                    now[subject.name] = self._digest_now(subject.name)
                found = now[subject.name]
                where = f"{self.origin}/{name}"
                if found is None:
                    reason = "absent" if self.subject_digest is not None else "nobody to ask"
                    self.unchecked.append(UncheckedSubject(where, index, subject.name, reason))
                    continue
                if isinstance(found, SophiaError):
                    self.checked += 1
                    message = f"subject {subject.name} of entry {index} can't be read: {found.message}"
                    self._fail("subject", name, message, index=index, expected=subject.sha256)
                    continue
                later = stated.get((subject.name, found), -1)
                if found != subject.sha256 and later > index:
                    reason = f"replaced by what entry {later} states"
                    self.unchecked.append(UncheckedSubject(where, index, subject.name, reason))
                    continue
                self.checked += 1
                if found != subject.sha256:
                    message = f"subject {subject.name} of entry {index} is not what was sealed"
                    self._fail("subject", name, message, index=index, expected=subject.sha256, found=found)

    def _digest_now(self, subject: str) -> str | SophiaError | None:
        if self.subject_digest is None:
            return None
        try:
            return self.subject_digest(subject)
        except SophiaError as error:
            return error

    def _witness(self, head: Checkpoint | None, tree: MerkleTree) -> None:
        """The log continues what was seen of it before."""
        seen = None if self.witness is None else self.witness.checkpoint(self.origin)
        if seen is None:
            return
        size, root = seen
        has = 0 if head is None else head.size
        checkpoint = self.log.shown(self.log.checkpoint)
        if size > has:
            message = "the log is shorter than it was when this machine last saw it: it has been set back"
            self._fail("rolled-back", checkpoint, message, expected=f"at least {size} entries", found=f"{has} entries")
            return
        if head is None or len(tree) != head.size:
            return
        if not verify_consistency(size, bytes.fromhex(root), head.size, head.root, tree.consistency_proof(size)):
            message = (
                f"the first {size} entries are not those that this machine saw before: the history has been rewritten"
            )
            self._fail("rewritten", checkpoint, message, expected=root, found=tree.root(size).hex())

    def _fail(
        self,
        code: str,
        name: str,
        message: str,
        *,
        index: int | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        self.findings.append(Finding(code, f"{self.origin}/{name}", message, index, expected, found))

    def _report(self, head: Checkpoint | None) -> TrailReport:
        return TrailReport(
            origin=self.origin,
            log=self.log_name,
            size=0 if head is None else head.size,
            root=None if head is None else head.root.hex(),
            findings=tuple(self.findings),
            subjects_checked=self.checked,
            subjects_not_checked=tuple(self.unchecked),
        )
