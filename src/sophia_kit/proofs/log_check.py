"""Whether the files of a log are what its entries and its signed checkpoints say they must be."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import count
from pathlib import Path

from sophia_kit.proofs.keys import PublicKey
from sophia_kit.proofs.merkle import MerkleTree, Peaks
from sophia_kit.proofs.note import Checkpoint, split_notes
from sophia_kit.proofs.report import Finding
from sophia_kit.proofs.tiles import WIDTH, LogDamaged, LogFolder, encode_hash
from sophia_kit.proofs.trail import parse_checkpoint

__all__ = ["LogCheck"]


class LogCheck:
    """Compares the files of a log with `leaves`: the leaf hash per logged path, None where the file is missing.

    `head` is the newest checkpoint, its signature verified; None if there is no such. After `run`, `findings` says
    what fails and `tree` is the tree that the checkpoint vouches for, as far as one could be found.
    """

    def __init__(
        self,
        log: LogFolder,
        log_name: str,
        keys: tuple[PublicKey, ...],
        head: Checkpoint | None,
        names: Sequence[str],
        leaves: Sequence[bytes | None],
    ) -> None:
        self.findings: list[Finding] = []
        self.tree = MerkleTree()
        self._log = log
        self._log_name = log_name
        self._keys = keys
        self._head = head
        self._size = len(names) if head is None else head.size
        self._names = names
        self._leaves = leaves
        # Whether `tree` has the root that `head` states.
        self._anchored = False

    def run(self) -> None:
        stored = self._read_leaf_tiles()
        self._compare_leaves(stored)
        self._compare_upper_tiles()
        self._check_entry_lines()
        self._check_history()
        self._check_files()

    def _read_leaf_tiles(self) -> list[bytes | None]:
        """The leaf hashes that the tiles hold, None where they can't be read."""
        stored: list[bytes | None] = []
        for number in range(_tiles(self._size)):
            width = min(WIDTH, self._size - number * WIDTH)
            hashes = self._read_tile(0, number)
            if hashes is not None:
                self._check_width(self._log.tile(0, number), len(hashes), width)
            stored += ([*(hashes or [])] + [None] * width)[:width]
        return stored

    def _compare_leaves(self, stored: list[bytes | None]) -> None:
        by_tiles, by_files = _whole(stored), _whole(self._leaves[: self._size])
        root = None if self._head is None else self._head.root
        tiles_hold = by_tiles is not None and root in (None, by_tiles.root())
        files_hold = by_files is not None and len(by_files) == self._size and root in (None, by_files.root())
        self._anchored = tiles_hold or files_hold
        if tiles_hold and by_tiles is not None:
            self.tree = by_tiles
        elif by_files is not None:
            self.tree = by_files
        elif by_tiles is not None:
            self.tree = by_tiles
        for index, (leaf, line) in enumerate(zip(self._leaves, stored, strict=False)):
            if leaf is None or line is None or leaf == line:
                continue
            tile = self._log.tile(0, index // WIDTH)
            if files_hold and not tiles_hold:
                self._mismatch("tile", tile, index % WIDTH, expected=leaf, found=line, index=index)
            else:
                self._fail(
                    "altered",
                    self._log.folder.parent / self._names[index],
                    f"entry {index} is not the file that was logged: its hash differs from the log's",
                    index=index,
                    expected=encode_hash(line),
                    found=encode_hash(leaf),
                )
        if root is not None and not tiles_hold and not files_hold:
            self._fail(
                "root",
                self._log.checkpoint,
                f"the {self._size} entries that are there don't give the root that was signed: "
                "entries have been removed, reordered, replaced or edited",
                expected=encode_hash(root),
                found=encode_hash(self.tree.root()) if len(self.tree) else "no complete list of entries",
            )

    def _compare_upper_tiles(self) -> None:
        hashes = [self.tree.leaf(index) for index in range(len(self.tree))]
        for level in count(1):
            hashes = [
                Peaks(hashes[start : start + WIDTH]).roots[0] for start in range(0, len(hashes) - WIDTH + 1, WIDTH)
            ]
            if not hashes:
                return
            for number in range(_tiles(len(hashes))):
                expected = hashes[number * WIDTH : (number + 1) * WIDTH]
                found = self._read_tile(level, number)
                if found is None:
                    continue
                self._check_width(self._log.tile(level, number), len(found), len(expected))
                for line, (right, wrong) in enumerate(zip(expected, found, strict=False)):
                    if right != wrong:
                        tile = self._log.tile(level, number)
                        self._mismatch("tile", tile, line, expected=right, found=wrong)

    def _check_entry_lines(self) -> None:
        for number in range(_tiles(self._size)):
            width = min(WIDTH, self._size - number * WIDTH)
            self._check_width(self._log.entries(number), len(self._log.read_entries(number)), width)

    def _check_history(self) -> None:
        """Every earlier checkpoint is there, is signed, and is continued by the newest one."""
        notes: list[tuple[Path, str]] = []
        for number in count():
            path = self._log.checkpoints(number)
            if not path.is_file():
                break
            content = path.read_bytes().decode(errors="replace")
            kept = split_notes(content)
            if len("".join(f"{note}\n" for note in kept)) != len(content):
                self._fail("interrupted", path, "its last checkpoint is incomplete: a write was cut off")
            notes += [(path, note) for note in kept]
        if self._head is not None and len(notes) < self._size - 1:
            self._fail(
                "history",
                self._log.checkpoints(_tiles(max(len(notes), 1)) - 1),
                "earlier checkpoints are missing",
                expected=f"{self._size - 1} checkpoints",
                found=str(len(notes)),
            )
        for place, (path, note) in enumerate(notes):
            self._check_earlier(place, path, note)
            if not self._anchored and self.findings[-1:] and self.findings[-1].code == "inconsistent":
                # The entries aren't those that were signed: the first checkpoint to disagree says from where on.
                break

    def _check_earlier(self, place: int, path: Path, note: str) -> None:
        where = f"checkpoint {place % WIDTH + 1}"
        try:
            earlier = parse_checkpoint(note, self._log_name, self._keys, where=where)
        except LogDamaged as damage:
            self._fail("history", path, str(damage))
            return
        if earlier.size != place + 1:
            self._fail(
                "history",
                path,
                f"{where} is not the one that belongs there",
                expected=f"size {place + 1}",
                found=f"size {earlier.size}",
            )
        elif earlier.size > self._size:
            self._fail(
                "rolled-back",
                self._log.checkpoint,
                f"{self._log.shown(path)} holds a later checkpoint that was signed: the log has been set back",
                expected=f"at least {earlier.size} entries",
                found=f"{self._size} entries",
            )
        elif earlier.size <= len(self.tree) and self.tree.root(earlier.size) != earlier.root:
            self._fail(
                "inconsistent",
                path,
                f"{where} was signed for other entries than the first {earlier.size} of this log: "
                f"entry {place} was removed, moved, replaced or edited, or all signed anew",
                index=earlier.size - 1,
                expected=encode_hash(earlier.root),
                found=encode_hash(self.tree.root(earlier.size)),
            )

    def _check_files(self) -> None:
        """No file of the log is missing or superfluous."""
        needed: set[Path] = set()
        for level in count():
            hashes = self._size >> (8 * level)
            if not hashes:
                break
            needed |= {self._log.tile(level, number) for number in range(_tiles(hashes))}
        needed |= {self._log.entries(number) for number in range(_tiles(self._size))}
        # After an append that was interrupted, the newest checkpoint may stand among the earlier ones already.
        earlier = {self._log.checkpoints(number) for number in range(_tiles(self._size))}
        allowed = needed | earlier | {self._log.checkpoint}
        present = {path for path in self._log.folder.rglob("*") if path.is_file()}
        for path in sorted(needed - present):
            self._fail("missing", path, "the file is missing from the log")
        for path in sorted(present - allowed):
            self._fail("not-logged", path, "the file is no part of the log that was signed")

    def _read_tile(self, level: int, number: int) -> list[bytes] | None:
        try:
            return self._log.read_hashes(level, number)
        except LogDamaged as damage:
            self._fail("tile", self._log.tile(level, number), str(damage))
            return None

    def _check_width(self, path: Path, found: int, expected: int) -> None:
        if found > expected:
            message = "lines beyond the newest checkpoint: an append was interrupted, or the log was set back"
            self._fail("interrupted", path, message, expected=f"{expected} lines", found=f"{found} lines")
        elif found < expected and path.exists():
            self._fail("tile", path, "lines are missing", expected=f"{expected} lines", found=f"{found} lines")

    def _mismatch(
        self, code: str, tile: Path, line: int, *, expected: bytes, found: bytes, index: int | None = None
    ) -> None:
        self._fail(
            code,
            tile,
            f"line {line + 1} of the tile was edited: it isn't the hash of what it stands for",
            index=index,
            expected=encode_hash(expected),
            found=encode_hash(found),
        )

    def _fail(
        self,
        code: str,
        path: Path,
        message: str,
        *,
        index: int | None = None,
        expected: str | None = None,
        found: str | None = None,
    ) -> None:
        where = path.relative_to(self._log.folder.parent.parent).as_posix()
        self.findings.append(Finding(code, where, message, index, expected, found))


def _tiles(count_of_lines: int) -> int:
    """How many tiles hold so many lines."""
    return -(-count_of_lines // WIDTH)


def _whole(leaves: Iterable[bytes | None]) -> MerkleTree | None:
    """The tree of the leaves; None if one of them is."""
    known = list(leaves)
    whole = [leaf for leaf in known if leaf is not None]
    return MerkleTree(whole) if len(whole) == len(known) else None
