"""The landing zone: `<path>/<table>/<delivery>.parquet`, as a data platform delivers it.

A delivery is named after its day (`2025-12-31.parquet`) and holds the records that are new or changed since the
one before, or all of them. What was read is remembered by name, size and digest, so a file that is delivered
again with other content is read again. `_manifest.json` beside the tables may say `{"demo": true}`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from sophia_kit.core.errors import IngestError
from sophia_kit.ingest.contract import Contract

__all__ = ["Delivery", "Landing", "new_deliveries"]

_BATCH_ROWS = 40_960
_READ_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Delivery:
    """A delivered file, as it was when it was looked at.

    Attributes:
        day: the day it is named after; None when it isn't named after one.
        digest: SHA-256 (hex) of its content.
    """

    name: str
    path: Path
    size: int
    modified_ns: int
    digest: str

    @property
    def day(self) -> date | None:
        try:
            return date.fromisoformat(Path(self.name).stem)
        except ValueError:
            return None

    def rows(self) -> int:
        """How many rows the file says it has.

        Raises:
            IngestError: it isn't readable as Parquet.
        """
        with self._readable():
            return int(pq.read_metadata(self.path).num_rows)

    def batches(self) -> Iterator[pl.DataFrame]:
        """The rows, in batches of about 40,000.

        Raises:
            IngestError: it isn't readable as Parquet, or changed while it was read.
        """
        with self._readable(), self._open() as file:
            for batch in file.iter_batches(_BATCH_ROWS, use_threads=False):
                frame = pl.from_arrow(batch)
                assert isinstance(frame, pl.DataFrame)
                yield frame
        # Arrow keeps what it freed; over the files of a history that adds up to more than the rows in flight.
        pa.default_memory_pool().release_unused()
        now = self.path.stat()
        if (now.st_size, now.st_mtime_ns) != (self.size, self.modified_ns):
            raise IngestError(
                f"{self.path} changed while it was read.",
                hint="Let the platform write under another name and rename the finished file; then load again.",
            )

    def _open(self) -> pq.ParquetFile:
        """Not through a memory map: a file that is cut short meanwhile would end the process."""
        return pq.ParquetFile(self.path, memory_map=False, pre_buffer=False, buffer_size=_READ_BYTES)

    def _readable(self) -> _Readable:
        return _Readable(self.path)


class _Readable:
    """Turns what the Parquet reader and the disk raise into one error."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, (pa.ArrowException, OSError, pl.exceptions.PolarsError)):
            first = (str(error).splitlines() or [type(error).__name__])[0]
            raise IngestError(
                f"{self._path} can't be read as Parquet: {first}",
                hint="Have the file delivered again; its table stays as it was until then.",
            ) from error


class Landing:
    """Reads one landing zone.

    Attributes:
        demo: whether the manifest says that the data is the fictional company's.

    Raises:
        IngestError: the folder isn't there, or its manifest can't be read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        if not path.is_dir():
            raise IngestError(
                f"The landing zone {path} is not a folder.", hint="Set landing.path in sophia.toml to the right one."
            )
        self.demo = _demo(path / "_manifest.json")

    def deliveries(self, contract: Contract, known: Mapping[str, Any]) -> list[Delivery]:
        """The files of a table in order of their names; digests of unchanged ones are taken from `known`.

        Raises:
            IngestError: a file can't be read.
        """
        return [_look(path, known) for path in self._files(contract)]

    def size(self, contract: Contract) -> int:
        """Bytes of a table's files; 0 when they can't be looked at: `deliveries` says why."""
        try:
            return sum(path.stat().st_size for path in self._files(contract))
        except OSError:
            return 0

    def _files(self, contract: Contract) -> list[Path]:
        folder = self.path / contract.resource
        if not folder.is_dir():
            return []
        return sorted(path for path in folder.glob("*.parquet") if not path.name.startswith((".", "_")))


def new_deliveries(deliveries: list[Delivery], known: Mapping[str, Any]) -> list[Delivery]:
    """Those whose content was not read before."""
    return [one for one in deliveries if one.name not in known or known[one.name][2] != one.digest]


def _look(path: Path, known: Mapping[str, Any]) -> Delivery:
    try:
        found = path.stat()
        before = known.get(path.name)
        if before is not None and before[:2] == [found.st_size, found.st_mtime_ns]:
            digest = str(before[2])
        else:
            with path.open("rb") as file:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise IngestError(f"{path} can't be read: {error.strerror}.", hint="Check the file's permissions.") from error
    return Delivery(path.name, path, found.st_size, found.st_mtime_ns, digest)


def _demo(manifest: Path) -> bool:
    try:
        content = json.loads(manifest.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return False
    except (OSError, ValueError) as error:
        raise IngestError(f"{manifest} can't be read: {error}", hint='It is JSON such as {"demo": true}.') from None
    if not isinstance(content, dict) or not isinstance(content.get("demo", False), bool):
        raise IngestError(f"{manifest} doesn't say whether it is demo data.", hint='It is JSON such as {"demo": true}.')
    return bool(content.get("demo", False))
