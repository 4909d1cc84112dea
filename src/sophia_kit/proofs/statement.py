"""What a run states: an in-toto Statement v1 about the digests of what came out, with the run as predicate.

In its JSON form metric values are decimal strings, so that no digit is lost, and times are ISO 8601 in UTC.
"""

from __future__ import annotations

import functools
import platform
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any, Final, Literal

import rfc8785
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, PlainSerializer, ValidationError
from pydantic_core import PydanticSerializationError

from sophia_kit.core.errors import InputError, ProofError
from sophia_kit.proofs.canonical import canonical_json

__all__ = [
    "PREDICATE_TYPE",
    "STATEMENT_TYPE",
    "Authorship",
    "ClockReading",
    "CodeState",
    "FileDigest",
    "MetricReading",
    "Outcome",
    "Run",
    "Seal",
    "SourceFreshness",
    "Statement",
    "Subject",
]

STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:sophia-kit:predicate:run:v1"

Outcome = Literal["succeeded", "failed", "abandoned", "interrupted"]
Scalar = str | int | bool | None
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


def _utc(moment: datetime) -> str:
    if moment.tzinfo is None:
        raise ValueError(f"{moment.isoformat()} has no time zone")
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _digits(value: Decimal) -> str:
    if not value.is_finite():
        raise ValueError(f"{value} is not a number; an unknown value is None")
    return format(value, "f")


Moment = Annotated[AwareDatetime, PlainSerializer(_utc, when_used="json-unless-none")]
Amount = Annotated[Decimal, PlainSerializer(_digits, when_used="json-unless-none")]

_JOB = re.compile(r"[a-z0-9][a-z0-9_-]*")
_RESERVED = "log"


@dataclass(frozen=True, slots=True)
class Subject:
    """Something the run made or read, by its digest.

    Attributes:
        name: the path of a file, relative to the project's root, with `/`; or `snapshot:<id>`.
        sha256: of the file's bytes, or of the snapshot's canonical sorted rows; 64 hex digits.
    """

    name: Annotated[str, Field(min_length=1)]
    sha256: Sha256


@dataclass(frozen=True, slots=True)
class ClockReading:
    """What the run took for the present. In demo commands the clock stands still."""

    time: Moment
    frozen: bool


@dataclass(frozen=True, slots=True)
class CodeState:
    """The code that ran.

    Attributes:
        commit: the git commit, 40 or 64 hex digits; None when it can't be said.
        clean: whether the work tree was as committed; None when it can't be said.
        reason: why one of them is None.
    """

    commit: str | None
    clean: bool | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class FileDigest:
    """A file that had a part in the run. `sha256` is None when it couldn't be read, and `reason` says why."""

    path: str
    sha256: Sha256 | None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class SourceFreshness:
    """How old a table was. `as_of` is None when nothing has been loaded; `status` is then `unknown`."""

    table: str
    source_system: str | None
    status: Literal["fresh", "stale", "unknown"]
    as_of: Moment | None


@dataclass(frozen=True, slots=True)
class MetricReading:
    """A metric value as the run reported it.

    Attributes:
        name: the metric's name.
        value: exact; None when unknown, and `unknown` says why.
        unit: unit of `value`.
        period: the period in words or as `2025-12`; its meaning is the metric's.
        display: the text that readers saw.
        members: dimension to member, empty for a total.
        unknown: the reason of an unknown value.
    """

    name: str
    value: Amount | None
    unit: str
    period: str
    display: str
    members: Mapping[str, str | None] = field(default_factory=dict)
    unknown: str | None = None


@dataclass(frozen=True, slots=True)
class Authorship:
    """Who wrote the prose of a report.

    Attributes:
        author: `model` when a model's text stands; it refers to facts, and its numbers were filled in.
        model: the model that wrote it, or whose text was refused, by its configured name; None when none answered.
        version: the model's name as its provider gave it, and which prompt and check were in force.
        reason: why it was this author.
    """

    author: Literal["rules", "model"]
    reason: str
    model: str | None = None
    version: str | None = None


@functools.cache
def _kit_version() -> str:
    try:
        return version("sophia-kit")
    except PackageNotFoundError:
        return "unknown"


@dataclass(frozen=True, slots=True)
class Run:
    """The predicate: what ran on what, and how it ended.

    Attributes:
        job: the job's name, `[a-z0-9][a-z0-9_-]*`.
        run_id: unique per run.
        outcome: `abandoned` is sealed by a later run for one that vanished.
        demo: whether it ran on demo data.
        started_at: real time.
        ended_at: real time; of an abandoned run, when it was found.
        clock: what the run took for the present.
        code: the code that ran.
        parameters: as the job was given them.
        lock: uv.lock.
        notebook: the notebook that ran; None when the run ended before one was chosen.
        snapshot_id: the snapshot that was read; None when there was none.
        freshness: one per table that was read.
        metrics: the values that were reported.
        narrative: who wrote the report's prose; None when there is none.
        errors: RFC 9457 problem objects, as `SophiaError.problem` gives them.
    """

    job: str
    run_id: Annotated[str, Field(min_length=1)]
    outcome: Outcome
    demo: bool
    started_at: Moment
    ended_at: Moment
    clock: ClockReading
    code: CodeState
    lock: FileDigest
    parameters: Mapping[str, Scalar] = field(default_factory=dict)
    notebook: FileDigest | None = None
    snapshot_id: str | None = None
    freshness: tuple[SourceFreshness, ...] = ()
    metrics: tuple[MetricReading, ...] = ()
    narrative: Authorship | None = None
    errors: tuple[Mapping[str, Any], ...] = ()
    kit_version: str = field(default_factory=_kit_version)
    python_version: str = field(default_factory=platform.python_version)


@dataclass(frozen=True, slots=True)
class Seal:
    """What the trail adds when it takes a statement in.

    Attributes:
        origin: the trail.
        at: real time, which is also the file's name.
    """

    origin: str
    at: Moment


@dataclass(frozen=True, slots=True)
class Statement:
    """A run and the digests of what came out of it.

    Raises:
        InputError: the job's name can't be a folder's.
    """

    run: Run
    subjects: tuple[Subject, ...] = ()

    def __post_init__(self) -> None:
        if not _JOB.fullmatch(self.run.job) or self.run.job == _RESERVED:
            raise InputError(
                f"{self.run.job!r} can't be the name of a job.",
                hint="Use lower-case letters, digits, - and _, beginning with a letter or digit; not 'log'.",
            )

    def payload(self, seal: Seal) -> bytes:
        """The in-toto Statement as canonical JSON (RFC 8785): what is signed.

        Raises:
            ProofError: a value JSON can't carry exactly, such as an integer above 2**53, or a time without zone.
        """
        try:
            return canonical_json(self.wire(seal))
        except (rfc8785.CanonicalizationError, PydanticSerializationError) as error:
            raise ProofError(
                f"The statement of run {self.run.run_id} can't be written as JSON: {error}",
                hint="Pass numbers that must keep their digits as Decimal or str, and times with their zone.",
            ) from None

    def wire(self, seal: Seal) -> dict[str, Any]:
        """The in-toto Statement as JSON objects."""
        wire = _Wire(
            type_=STATEMENT_TYPE,
            subject=[_Subject(name=s.name, digest=_Digest(sha256=s.sha256)) for s in self.subjects],
            predicate_type=PREDICATE_TYPE,
            predicate=_Predicate(run=self.run, seal=seal),
        )
        return wire.model_dump(mode="json", by_alias=True, warnings="error")

    @classmethod
    def parse(cls, payload: bytes) -> tuple[Statement, Seal]:
        """The statement and the seal in `payload`; fields that this version doesn't know are ignored.

        Raises:
            ValueError: not a statement of this kind; the message says where it isn't.
        """
        try:
            found = _Wire.model_validate_json(payload)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from None
        subjects = tuple(Subject(s.name, s.digest.sha256) for s in found.subject)
        try:
            return cls(found.predicate.run, subjects), found.predicate.seal
        except InputError as error:
            raise ValueError(error.message) from None


class _Digest(BaseModel):
    sha256: Sha256


class _Subject(BaseModel):
    name: Annotated[str, Field(min_length=1)]
    digest: _Digest


class _Predicate(BaseModel):
    run: Run
    seal: Seal


class _Wire(BaseModel):
    model_config = ConfigDict(populate_by_name=True)

    type_: Annotated[Literal["https://in-toto.io/Statement/v1"], Field(alias="_type")]
    subject: list[_Subject]
    predicate_type: Annotated[Literal["urn:sophia-kit:predicate:run:v1"], Field(alias="predicateType")]
    predicate: _Predicate
