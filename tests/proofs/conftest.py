"""A trail in a temporary project, and a run to put into it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from sophia_kit.proofs import (
    ClockReading,
    CodeState,
    FileDigest,
    MetricReading,
    Outcome,
    ProofRef,
    ProofSigner,
    Run,
    SourceFreshness,
    Statement,
    Subject,
    Trail,
    Trust,
    TrustedKey,
    VerifyReport,
    verify,
)

START = datetime(2026, 3, 1, 2, 0, 0, 123456, tzinfo=UTC)


class SteppingClock:
    """Every reading is a minute after the one before."""

    frozen = False

    def __init__(self, start: datetime = START) -> None:
        self._next = start

    def now(self) -> datetime:
        now, self._next = self._next, self._next + timedelta(minutes=1)
        return now


class Memory:
    """A witness that remembers while the test lasts."""

    def __init__(self) -> None:
        self.seen: dict[str, tuple[int, str]] = {}

    def checkpoint(self, origin: str) -> tuple[int, str] | None:
        return self.seen.get(origin)

    def remember_checkpoint(self, origin: str, size: int, root_hex: str) -> None:
        self.seen[origin] = (size, root_hex)


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def a_run(job: str = "daily_bi", *, run_id: str = "r1", outcome: Outcome = "succeeded", demo: bool = True) -> Run:
    return Run(
        job=job,
        run_id=run_id,
        outcome=outcome,
        demo=demo,
        started_at=START,
        ended_at=START + timedelta(seconds=9, microseconds=1),
        clock=ClockReading(datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC), frozen=True),
        code=CodeState("a" * 40, clean=True),
        lock=FileDigest("uv.lock", "b" * 64),
        parameters={"day": "2025-12-31", "segment": None, "periods": 3, "strict": True},
        notebook=FileDigest("notebooks/daily_bi.py", "c" * 64),
        snapshot_id="s1",
        freshness=(
            SourceFreshness("raw.payments", "landing", "fresh", datetime(2026, 1, 1, tzinfo=UTC)),
            SourceFreshness("raw.surveys", None, "unknown", None),
        ),
        metrics=(
            MetricReading("arr", Decimal("12345678901234567890.10"), "USD", "2025-12", "$12.3T"),
            MetricReading("nrr", None, "ratio", "2025-12", "unknown", {"segment": "SMB"}, "no rate for EUR"),
        ),
    )


@dataclass
class TrailProject:
    """A project folder with one trail, `demo`, whose key is trusted."""

    root: Path
    signer: ProofSigner = field(default_factory=ProofSigner.generate)
    clock: SteppingClock = field(default_factory=SteppingClock)
    witness: Memory = field(default_factory=Memory)

    @property
    def proofs(self) -> Path:
        return self.root / "proofs"

    @property
    def folder(self) -> Path:
        return self.proofs / "demo"

    @property
    def trust(self) -> Trust:
        return Trust("test", (TrustedKey("demo", self.signer.public),))

    def trail(self, *, signer: ProofSigner | None = None, witness: Memory | None = None) -> Trail:
        return Trail(self.proofs, "demo", signer or self.signer, self.trust, witness=witness, clock=self.clock)

    def report_file(self, number: int) -> Path:
        path = self.root / "data" / "demo" / "reports" / f"r{number}.html"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"<p>report {number}</p>")
        return path

    def append(self, number: int = 1, *, witness: Memory | None = None) -> ProofRef:
        file = self.report_file(number)
        report = Subject(file.relative_to(self.root).as_posix(), sha256(file))
        rows = Subject(f"snapshot:s{number}", "d" * 64)
        statement = Statement(a_run(run_id=f"r{number}"), (report, rows))
        return self.trail(witness=witness).append(statement)

    def fill(self, count: int, *, witness: Memory | None = None) -> list[ProofRef]:
        return [self.append(number, witness=witness) for number in range(count)]

    def subject_digest(self, name: str) -> str | None:
        path = self.root / name
        return sha256(path) if path.is_file() else None

    def verify(self, *, trust: Trust | None = None, witness: Memory | None = None) -> VerifyReport:
        return verify(
            self.proofs,
            trust=trust or self.trust,
            witness=witness,
            subject_digest=self.subject_digest,
        )


@pytest.fixture
def project(tmp_path: Path) -> TrailProject:
    root = tmp_path / "project"
    root.mkdir()
    return TrailProject(root)
