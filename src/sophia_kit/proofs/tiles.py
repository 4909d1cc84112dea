"""The files of a log: tiles after C2SP tlog-tiles, as text, one line a hash, so that a diff can be read.

    log/tile/<level>/<NNN>     base64 hashes; a full tile has 256; level 0 are the leaves, each hash of level
                               n + 1 is the root of a full tile of level n
    log/tile/entries/<NNN>     the paths of the entries, relative to the trail's folder, in the order of the leaves
    log/checkpoints/<NNN>      every earlier checkpoint, each followed by an empty line, in the order of sizes
    log/checkpoint             the newest checkpoint, which alone says how long the log is

`<NNN>` is the tile's number in three digits, 1234067 being `x001/x234/067`.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path

from sophia_kit.proofs.durable import Line
from sophia_kit.proofs.merkle import EMPTY_ROOT, Peaks, fold_peaks
from sophia_kit.proofs.note import NoteError, decode_hash, split_notes

__all__ = ["WIDTH", "LogDamaged", "LogFolder", "RightEdge", "encode_hash"]

WIDTH = 256
_LINE = 45  # 44 base64 characters and a newline


class LogDamaged(Exception):
    """The files of a log contradict each other. The message says which and how."""


def encode_hash(value: bytes) -> str:
    """A hash as a tile holds it."""
    return base64.b64encode(value).decode()


@dataclass(frozen=True, slots=True)
class LogFolder:
    """Where the files of one log are."""

    folder: Path

    @property
    def checkpoint(self) -> Path:
        return self.folder / "checkpoint"

    def tile(self, level: int, number: int) -> Path:
        return self.folder / "tile" / str(level) / _numbered(number)

    def entries(self, number: int) -> Path:
        return self.folder / "tile" / "entries" / _numbered(number)

    def checkpoints(self, number: int) -> Path:
        return self.folder / "checkpoints" / _numbered(number)

    def read_hashes(self, level: int, number: int, width: int | None = None) -> list[bytes]:
        """The first `width` hashes of a tile, or all lines of it; those that are there, if there are fewer.

        Raises:
            LogDamaged: a line is not a hash.
        """
        path = self.tile(level, number)
        lines = _complete_lines(path)[:width]
        found = []
        for index, line in enumerate(lines, start=1):
            try:
                found.append(decode_hash(line))
            except NoteError as error:
                raise LogDamaged(f"{self.shown(path)}, line {index}: {error}") from None
        return found

    def read_entries(self, number: int) -> list[str]:
        """The paths in a tile of entries."""
        return _complete_lines(self.entries(number))

    def read_checkpoints(self, number: int) -> list[str]:
        """The complete notes in a file of earlier checkpoints."""
        path = self.checkpoints(number)
        return split_notes(path.read_bytes().decode(errors="replace")) if path.is_file() else []

    def shown(self, path: Path) -> str:
        """`path` as messages name it: from the trail's folder on."""
        return path.relative_to(self.folder.parent).as_posix()


class RightEdge:
    """The incomplete tiles on the right of a log of `size` entries: all that appending needs to know.

    Raises:
        LogDamaged: a tile is shorter than the size demands.
    """

    def __init__(self, log: LogFolder, size: int) -> None:
        self._log = log
        self.size = size
        self._levels: list[Peaks] = []
        level = 0
        while count := size >> (8 * level):
            width = count % WIDTH
            hashes = log.read_hashes(level, count // WIDTH, width) if width else []
            if len(hashes) < width:
                path = log.shown(log.tile(level, count // WIDTH))
                raise LogDamaged(f"{path} has {len(hashes)} hashes, the checkpoint's size {size} demands {width}")
            self._levels.append(Peaks(hashes))
            level += 1

    def root(self) -> bytes:
        """The root of the whole log."""
        if not self.size:
            return EMPTY_ROOT
        return fold_peaks([peak for level in reversed(self._levels) for peak in level.roots])

    def add(self, leaf: bytes) -> list[Line]:
        """Take an entry in, and return the lines to write."""
        lines: list[Line] = []
        level, value = 0, leaf
        while True:
            if level == len(self._levels):
                self._levels.append(Peaks())
            peaks = self._levels[level]
            number = (self.size >> (8 * level)) // WIDTH
            content = f"{encode_hash(value)}\n".encode()
            lines.append(Line(self._log.tile(level, number), peaks.count * _LINE, content))
            peaks.add(value)
            if peaks.count < WIDTH:
                break
            (value,) = peaks.roots
            self._levels[level] = Peaks()
            level += 1
        self.size += 1
        return lines


def next_entry_line(log: LogFolder, size: int, path: str) -> Line:
    """The line that makes `path` the entry after `size` others.

    Raises:
        LogDamaged: the tile of entries is shorter than `size` demands.
    """
    file, width = log.entries(size // WIDTH), size % WIDTH
    lines = log.read_entries(size // WIDTH)
    if len(lines) < width:
        raise LogDamaged(f"{log.shown(file)} has {len(lines)} lines, the checkpoint's size {size} demands {width}")
    return Line(file, sum(len(line.encode()) + 1 for line in lines[:width]), f"{path}\n".encode())


def next_checkpoint_note(log: LogFolder, size: int, note: str) -> Line:
    """What keeps `note`, the checkpoint of `size` entries, before a newer one takes its place.

    Raises:
        LogDamaged: earlier checkpoints are missing, or later ones are there: the log has been set back.
    """
    number, width = divmod(size - 1, WIDTH)
    file = log.checkpoints(number)
    kept = log.read_checkpoints(number)
    if len(kept) < width:
        raise LogDamaged(f"{log.shown(file)} has {len(kept)} checkpoints, the log's size {size} demands {width}")
    if kept[width + 1 :] or kept[width : width + 1] not in ([], [note]) or log.checkpoints(number + 1).exists():
        raise LogDamaged(f"{log.shown(file)} holds checkpoints that log/checkpoint, of size {size}, doesn't know")
    return Line(file, sum(len(old.encode()) + 1 for old in kept[:width]), f"{note}\n".encode())


def _numbered(number: int) -> str:
    groups = [f"{number % 1000:03}"]
    while number := number // 1000:
        groups.append(f"x{number % 1000:03}")
    return "/".join(reversed(groups))


def _complete_lines(path: Path) -> list[str]:
    """The lines of a file, without a last one that was cut off; none if there is no file."""
    if not path.is_file():
        return []
    return path.read_bytes().decode(errors="replace").split("\n")[:-1]
