"""What a verification found."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Finding", "TrailReport", "UncheckedSubject", "VerifyReport"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that fails.

    Attributes:
        code: what kind of thing, in kebab case; docs/proofs.md lists all.
        where: the file, from the proofs' folder on, or the name of a subject.
        message: what is wrong with it, in a sentence.
        index: the entry's place in the log, if it is about one.
        expected: what should be there.
        found: what is there.
    """

    code: str
    where: str
    message: str
    index: int | None = None
    expected: str | None = None
    found: str | None = None


@dataclass(frozen=True, slots=True)
class UncheckedSubject:
    """A subject that a proof names and that nobody could compare: neither pass nor fail."""

    where: str
    index: int
    subject: str
    reason: str


@dataclass(frozen=True, slots=True)
class TrailReport:
    """What was found in one trail.

    Attributes:
        origin: the trail.
        log: the log's name.
        size: entries that the newest checkpoint vouches for; 0 if it can't be read.
        root: the root (hex) that it states; None if it can't be read.
        findings: everything that fails; empty means that the trail holds.
        subjects_checked: subjects whose digest was compared, wherever they matched or not.
        subjects_not_checked: subjects that are absent.
    """

    origin: str
    log: str
    size: int
    root: str | None
    findings: tuple[Finding, ...]
    subjects_checked: int
    subjects_not_checked: tuple[UncheckedSubject, ...]

    @property
    def ok(self) -> bool:
        return not self.findings


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What was found in all trails that were looked at."""

    trails: tuple[TrailReport, ...]

    @property
    def ok(self) -> bool:
        return all(trail.ok for trail in self.trails)

    @property
    def findings(self) -> tuple[Finding, ...]:
        return tuple(finding for trail in self.trails for finding in trail.findings)
