"""What a proof costs: entering one in a log of 1,000, and verifying the 1,000.

Targets: an append under 5 ms (hashing the subjects not included), verifying 1,000 under 2 s. The rival does the
least that could be called the same with the standard parts alone: it signs the statement, and hashes every file of
the trail again for the root, resp. checks every signature with securesystemslib and hashes every file once. It
neither waits for the disk nor keeps, or checks, any checkpoint but the last. An append waits for the disk seven times:
on a busy disk that is most of its time.
"""

from __future__ import annotations

import hashlib
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

from rich.console import Console
from rich.table import Table
from securesystemslib.dsse import Envelope

from sophia_kit.proofs import (
    ClockReading,
    CodeState,
    FileDigest,
    MetricReading,
    ProofSigner,
    Run,
    SourceFreshness,
    Statement,
    Subject,
    Trail,
    Trust,
    TrustedKey,
    verify,
)

ENTRIES = 1_000
APPENDS = 200
TARGET_APPEND_S = 0.005
TARGET_VERIFY_S = 2.0
NOW = datetime(2026, 3, 1, 2, tzinfo=UTC)


def statement() -> Statement:
    """A run as large as the daily one: 40 metric values, 25 sources, 4 subjects."""
    run = Run(
        job="daily_bi",
        run_id="20260301T020000Z-0badcafe",
        outcome="succeeded",
        demo=True,
        started_at=NOW,
        ended_at=NOW,
        clock=ClockReading(NOW, frozen=True),
        code=CodeState("a" * 40, clean=True),
        lock=FileDigest("uv.lock", "b" * 64),
        notebook=FileDigest("notebooks/daily_bi.py", "c" * 64),
        parameters={"day": "2025-12-31"},
        freshness=tuple(SourceFreshness(f"table_{n}", "landing", "fresh", NOW) for n in range(25)),
        metrics=tuple(MetricReading(f"m_{n}", Decimal("123456.78"), "USD", "2025-12", "$123k") for n in range(40)),
    )
    return Statement(run, tuple(Subject(f"data/demo/reports/{n}", "d" * 64) for n in range(4)))


def naive_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word by word."""
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\x01" + naive_root(leaves[:split]) + naive_root(leaves[split:])).digest()


def naive_leaves(folder: Path) -> list[bytes]:
    return [hashlib.sha256(b"\x00" + path.read_bytes()).digest() for path in sorted(folder.glob("*/*.json"))]


def naive_append(folder: Path, number: int, signer: ProofSigner) -> None:
    envelope = Envelope(json.dumps({"predicate": "x" * 6_000}).encode(), "application/vnd.in-toto+json", {})
    envelope.sign(signer.crypto)
    (folder / "daily_bi" / f"{number:06}.json").write_text(json.dumps(envelope.to_dict()))
    (folder / "root").write_bytes(naive_root(naive_leaves(folder)))


def naive_verify(folder: Path, signer: ProofSigner, root: bytes) -> None:
    for path in sorted(folder.glob("*/*.json")):
        Envelope.from_dict(json.loads(path.read_text())).verify([signer.public.sslib], threshold=1)
    assert naive_root(naive_leaves(folder)) == root


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    signer = ProofSigner.generate()
    trust = Trust("bench", (TrustedKey("demo", signer.public),))
    with tempfile.TemporaryDirectory() as scratch:
        proofs, rival = Path(scratch) / "proofs", Path(scratch) / "rival"
        (rival / "daily_bi").mkdir(parents=True)
        trail = Trail(proofs, "demo", signer, trust)
        run = statement()
        for _ in range(ENTRIES - APPENDS):
            trail.append(run)
        # Turn by turn, so that a busy moment of the machine meets both alike.
        ours, theirs = [], []
        for path in sorted((proofs / "demo" / "daily_bi").iterdir()):
            (rival / "daily_bi" / path.name).write_bytes(path.read_bytes())
        for number in range(APPENDS):
            ours.append(seconds(lambda: trail.append(run)))
            theirs.append(seconds(lambda number=number: naive_append(rival, number, signer)))  # type: ignore[misc]
        last = trail.entries()[-1]
        assert last.index == ENTRIES - 1
        for path in (rival / "daily_bi").iterdir():
            path.unlink()
        for path in sorted((proofs / "demo" / "daily_bi").iterdir()):
            (rival / "daily_bi" / path.name).write_bytes(path.read_bytes())
        report = verify(proofs, trust=trust)
        assert report.ok
        assert report.trails[0].size == ENTRIES
        root = bytes.fromhex(report.trails[0].root or "")
        verify_s = statistics.median(seconds(lambda: verify(proofs, trust=trust)) for _ in range(5))
        naive_s = statistics.median(seconds(lambda: naive_verify(rival, signer, root)) for _ in range(5))
    table = Table(title=f"Proofs, in a log of {ENTRIES:,} entries")
    for heading in ("work", "ours, ms", "rival, ms", "ours / rival", "target, ms", "ours / target"):
        table.add_column(heading, justify="left" if heading == "work" else "right")
    rows: list[tuple[str, float, float, float]] = [
        ("append, fastest", min(ours), min(theirs), TARGET_APPEND_S),
        ("append, median", statistics.median(ours), statistics.median(theirs), TARGET_APPEND_S),
        (f"verify {ENTRIES:,}", verify_s, naive_s, TARGET_VERIFY_S),
    ]
    for name, mine, rivals, target in rows:
        values = (mine * 1e3, rivals * 1e3, mine / rivals, target * 1e3, mine / target)
        table.add_row(name, *(f"{value:,.2f}" for value in values))
    Console().print(table)


if __name__ == "__main__":
    main()
