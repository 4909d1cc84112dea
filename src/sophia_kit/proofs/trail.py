"""A trail: the proofs of one origin, and the log that they are entered in."""

from __future__ import annotations

import hashlib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sophia_kit.core.clock import Clock, SystemClock
from sophia_kit.core.errors import ProofError, StorageError
from sophia_kit.core.files import atomic_write, storage_errors
from sophia_kit.core.settings import Settings
from sophia_kit.proofs.durable import append, folder_lock, make_durable_folder, reading, take_back
from sophia_kit.proofs.envelope import EnvelopeError, Proof, open_envelope, seal_envelope
from sophia_kit.proofs.keys import ProofSigner, PublicKey, ensure_signer
from sophia_kit.proofs.merkle import MerkleTree, leaf_hash, verify_consistency
from sophia_kit.proofs.note import Checkpoint, NoteError, open_note, sign_note
from sophia_kit.proofs.statement import Seal, Statement
from sophia_kit.proofs.tiles import (
    WIDTH,
    LogDamaged,
    LogFolder,
    RightEdge,
    next_checkpoint_note,
    next_entry_line,
)
from sophia_kit.proofs.trust import Trust, load_trust
from sophia_kit.proofs.witness import Witness

__all__ = ["LOG", "Entry", "ProofRef", "Trail", "open_trail", "origins_present", "read_entries"]

LOG = "log"
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*/\d{8}T\d{6}\.\d{6}Z\.json")


@dataclass(frozen=True, slots=True)
class ProofRef:
    """Where a proof was put.

    Attributes:
        origin: the trail.
        index: its place in the log, from 0.
        path: the file.
        name: the file's path below the trail's folder, as the log has it.
        sha256: digest of the file, 64 hex digits.
        size: how many entries the log has with it.
        root: the log's root (hex) with it.
    """

    origin: str
    index: int
    path: Path
    name: str
    sha256: str
    size: int
    root: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A proof file of a trail.

    Attributes:
        origin: the trail.
        name: the file's path below the trail's folder.
        index: its place in the log; None if the log doesn't have it.
        proof: what it says; None if it can't be read, and `problem` says why.
    """

    origin: str
    name: str
    index: int | None
    proof: Proof | None
    problem: str | None = None


class Trail:
    """The trail of `origin` below `proofs_dir`, open for appending.

    Safe among processes and threads: one appends at a time. A process killed at any moment leaves at most one
    proof that is written but not in the log; the next append enters it first. The newest checkpoint alone says
    how long the log is; what stands in the tiles beyond it is dropped.

    `trust` names the project and, beside the signer's own key, those that may have signed what is there.
    `witness` is told of every new checkpoint that continues what it remembers.
    `clock` gives the real time.
    """

    def __init__(
        self,
        proofs_dir: Path,
        origin: str,
        signer: ProofSigner,
        trust: Trust,
        *,
        witness: Witness | None = None,
        clock: Clock | None = None,
        wait_s: float = 30.0,
    ) -> None:
        self.origin = origin
        self.folder = proofs_dir / origin
        self.log = LogFolder(self.folder / LOG)
        self._signer = signer
        self._trust = trust
        self._keys = (signer.public, *trust.keys_of(origin))
        self._log_name = trust.log_name(origin)
        self._witness = witness
        self._clock = clock or SystemClock()
        self._wait_s = wait_s

    def append(self, statement: Statement) -> ProofRef:
        """Seal `statement`, write it as `<job>/<UTC time>.json` and enter it in the log.

        Raises:
            ProofError: the log is damaged, or the statement can't be written as JSON. Where the log is damaged
                the signed proof is kept all the same, to be entered once the log is whole.
            StorageError: the disk refused; nothing of the append remains.
            Busy: another process kept the trail for longer than `wait_s`.
        """
        make_durable_folder(self.log.folder)
        with folder_lock(self.folder, self._wait_s), storage_errors(self.folder):
            return self._append(statement)

    def entries(self) -> tuple[Entry, ...]:
        """Every proof file of the trail, oldest first."""
        return read_entries(self.folder.parent, self.origin, self._keys)

    def _append(self, statement: Statement) -> ProofRef:
        try:
            head, edge = self._open()
            continues = self._continues_witness(head)
            for name, content in self._orphans(edge.size):
                head = self._enter(head, edge, name, content)
        except LogDamaged as damage:
            name, _ = self._write(statement)
            raise self._kept_out(name, damage) from None
        name, content = self._write(statement)
        try:
            head = self._enter(head, edge, name, content)
        except LogDamaged as damage:
            raise self._kept_out(name, damage) from None
        except (StorageError, OSError):
            (self.folder / name).unlink(missing_ok=True)
            raise
        if self._witness is not None and continues:
            self._witness.remember_checkpoint(self.origin, head.size, head.root.hex())
        return ProofRef(
            origin=self.origin,
            index=head.size - 1,
            path=self.folder / name,
            name=name,
            sha256=hashlib.sha256(content).hexdigest(),
            size=head.size,
            root=head.root.hex(),
        )

    def _kept_out(self, name: str, damage: LogDamaged) -> ProofError:
        return ProofError(
            f"The log of the trail {self.origin} is damaged, so {self.folder / name} could not be entered: {damage}.",
            hint="Run `sophia proofs verify` for the whole picture, then restore the log's files; the proof is "
            "signed and kept, and the next run enters it. If the key that signed the log is lost, move "
            f"{self.folder} away, and a new trail begins.",
        )

    def _open(self) -> tuple[Checkpoint, RightEdge]:
        """The newest checkpoint and the tiles that it vouches for.

        Raises:
            LogDamaged: they don't fit, or someone else has signed.
        """
        head = read_checkpoint(self.log, self._log_name, self._keys)
        if head is None:
            if self.log.read_checkpoints(0):
                raise LogDamaged("log/checkpoint is missing, but log/checkpoints holds earlier ones")
            head = Checkpoint(self._log_name, 0, RightEdge(self.log, 0).root())
        edge = RightEdge(self.log, head.size)
        if edge.root() != head.root:
            raise LogDamaged(f"the tiles don't give the root that log/checkpoint states for {head.size} entries")
        return head, edge

    def _continues_witness(self, head: Checkpoint) -> bool:
        """Whether the log contains what the witness remembers of it."""
        seen = None if self._witness is None else self._witness.checkpoint(self.origin)
        if seen is None:
            return True
        size, root = seen
        if size >= head.size:
            return size == head.size and root == head.root.hex()
        return contains(self.log, head, size, bytes.fromhex(root))

    def _write(self, statement: Statement) -> tuple[str, bytes]:
        """Sign the statement and write it under a name that was never used; returns name and content."""
        at = self._clock.now().astimezone(UTC)
        while (self.folder / (name := proof_name(statement.run.job, at))).exists():
            at += timedelta(microseconds=1)
        content = seal_envelope(statement, Seal(self.origin, at), self._signer)
        make_durable_folder(self.folder / statement.run.job)
        atomic_write(self.folder / name, content, replace=False)
        return name, content

    def _enter(self, head: Checkpoint, edge: RightEdge, name: str, content: bytes) -> Checkpoint:
        """Enter a proof file in the log. The checkpoint is replaced last: until then, nothing has happened."""
        lines = [next_entry_line(self.log, head.size, name)]
        if head.size:
            lines.append(next_checkpoint_note(self.log, head.size, read_note(self.log)))
        lines += edge.add(leaf_hash(content))
        append(lines)
        new = Checkpoint(self._log_name, edge.size, edge.root())
        note = sign_note(new.text, self._log_name, self._signer.public.raw, self._signer.sign)
        try:
            atomic_write(self.log.checkpoint, note.encode())
        except (StorageError, OSError):
            # Once the checkpoint has taken its place the entry counts, even if the disk fails just after.
            if read_note(self.log) != note:
                take_back(lines)
            raise
        return new

    def _orphans(self, size: int) -> list[tuple[str, bytes]]:
        """Names and contents of proofs of ours that an interrupted append left out of the log, oldest first."""
        folders = [folder for folder in self.folder.iterdir() if folder.is_dir() and folder.name != LOG]
        contents = {folder.name: os.listdir(folder) for folder in folders}  # noqa: PTH208  # ten times as fast
        # Appending costs the same however many there are: only when the numbers differ is each looked at.
        if sum(map(len, contents.values())) == size:
            return []
        present = [f"{job}/{file}" for job, files in contents.items() for file in files]
        self._sweep([self.folder / name for name in present])
        known = set(logged_names(self.log, size))
        found = []
        for name in sorted(present, key=lambda name: name.partition("/")[2]):
            if name in known or not _NAME.fullmatch(name):
                continue
            content = (self.folder / name).read_bytes()
            try:
                proof = open_envelope(content, self._keys)
            except EnvelopeError:
                continue
            if proof.signed_by is not None and misplaced(proof, self.origin, name) is None:
                found.append((name, content))
        return found

    def _sweep(self, files: list[Path]) -> None:
        """Remove what writers left that were killed while they wrote; the lock is held, so none is at work."""
        for file in (*files, *self.log.folder.iterdir()):
            if file.name.startswith("."):
                file.unlink(missing_ok=True)


def open_trail(settings: Settings, *, witness: Witness | None = None) -> Trail:
    """The trail that this run's evidence belongs to, with the key that signs it.

    Raises:
        ConfigError: the key or `trust.json` is wrong.
        StorageError: the key can't be written.
    """
    signer = ensure_signer(settings)
    return Trail(settings.proofs_dir, settings.origin, signer, load_trust(settings), witness=witness)


def origins_present(proofs_dir: Path) -> tuple[str, ...]:
    """The trails below `proofs_dir`: every folder that holds at least one file."""
    if not proofs_dir.is_dir():
        return ()
    return tuple(
        sorted(
            folder.name
            for folder in proofs_dir.iterdir()
            if folder.is_dir() and any(path.is_file() for path in folder.rglob("*"))
        )
    )


def read_entries(proofs_dir: Path, origin: str, keys: tuple[PublicKey, ...]) -> tuple[Entry, ...]:
    """Every proof file of a trail, oldest first. Reads; for whether it holds, see `verify`.

    Raises:
        StorageError: a file can't be read.
    """
    with reading(proofs_dir / origin):
        return _read_entries(proofs_dir / origin, keys)


def _read_entries(folder: Path, keys: tuple[PublicKey, ...]) -> tuple[Entry, ...]:
    origin = folder.name
    log = LogFolder(folder / LOG)
    index = {name: place for place, name in enumerate(logged_names(log))}
    found = []
    for path in sorted(folder.glob("*/*.json"), key=lambda path: path.name):
        name = path.relative_to(folder).as_posix()
        if not _NAME.fullmatch(name) or not path.is_file():
            continue
        try:
            proof = open_envelope(path.read_bytes(), keys)
        except EnvelopeError as error:
            found.append(Entry(origin, name, index.get(name), None, str(error)))
        else:
            found.append(Entry(origin, name, index.get(name), proof))
    return tuple(found)


def proof_name(job: str, at: datetime) -> str:
    """The path, below the trail's folder, of a proof of `job` that was sealed `at` (UTC)."""
    return f"{job}/{at:%Y%m%dT%H%M%S.%f}Z.json"


def misplaced(proof: Proof, origin: str, name: str) -> tuple[str, str] | None:
    """Where a proof says that it belongs and where it is, if these differ."""
    says = f"{proof.seal.origin}/{proof_name(proof.statement.run.job, proof.seal.at.astimezone(UTC))}"
    return None if says == f"{origin}/{name}" else (says, f"{origin}/{name}")


def logged_names(log: LogFolder, size: int | None = None) -> list[str]:
    """The paths of the first `size` entries of a log, or of all lines that are there."""
    names: list[str] = []
    number = 0
    while (size is None or len(names) < size) and (lines := log.read_entries(number)):
        names += lines[:WIDTH]
        number += 1
    return names[:size]


def read_note(log: LogFolder) -> str:
    """The newest checkpoint as a signed note; empty if there is none."""
    return log.checkpoint.read_bytes().decode(errors="replace") if log.checkpoint.is_file() else ""


def read_checkpoint(log: LogFolder, log_name: str, keys: tuple[PublicKey, ...]) -> Checkpoint | None:
    """The newest checkpoint of a log; None if it has none.

    Raises:
        LogDamaged: it is malformed, of another log, or not signed by one of `keys`.
    """
    if not log.checkpoint.is_file():
        return None
    note = read_note(log)
    return parse_checkpoint(note, log_name, keys, where=log.shown(log.checkpoint))


def parse_checkpoint(note: str, log_name: str, keys: tuple[PublicKey, ...], *, where: str) -> Checkpoint:
    """The checkpoint in a signed note.

    Raises:
        LogDamaged: it is malformed, of another log, or not signed by one of `keys`.
    """
    first = note.partition("\n")[0]
    if first != log_name:
        raise LogDamaged(f"{where} is of the log {first[:100]!r}, not of {log_name!r}")
    try:
        return Checkpoint.parse(open_note(note, log_name, keys))
    except NoteError as error:
        raise LogDamaged(f"{where}: {error}") from None


def contains(log: LogFolder, head: Checkpoint, size: int, root: bytes) -> bool:
    """Whether the log with this head extends the one of `size` entries with `root`, by its tiles."""
    hashes: list[bytes] = []
    for number in range(-(-head.size // WIDTH)):
        hashes += log.read_hashes(0, number, WIDTH)
    if len(hashes) < head.size:
        return False
    tree = MerkleTree(hashes[: head.size])
    proof = tree.consistency_proof(size)
    return verify_consistency(size, root, head.size, head.root, proof)
