"""A run of a job: load, notebook, evidence. However it ends, it leaves a proof."""

from __future__ import annotations

import json
import os
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import Interrupted, JobFailed, ProofError, SophiaError
from sophia_kit.core.files import file_lock
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import IngestReport, Progress, ProgressEvent, run_ingest
from sophia_kit.jobs.evidence import (
    NotebookResult,
    SnapshotSeal,
    StateWitness,
    read_result,
    seal_snapshot,
)
from sophia_kit.jobs.inputs import code_state, file_digest, file_subject
from sophia_kit.jobs.process import NotebookProcess
from sophia_kit.jobs.registry import Job, find_job
from sophia_kit.proofs import (
    ClockReading,
    CodeState,
    Outcome,
    ProofRef,
    Run,
    Statement,
    Subject,
    Trail,
    open_trail,
)
from sophia_kit.state import Run as RunRecord
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

__all__ = ["JobRun", "Stage", "run_job"]

# The share of a load's tables after which the notebook's process starts.
_AFTER_TABLES = 0.4

Stage = Callable[[str], None]
"""Told the name of each stage as it begins: `load`, `notebook`, `seal`."""


@dataclass(frozen=True, slots=True)
class JobRun:
    """A run that succeeded.

    Attributes:
        report_dir: where the notebook left its report.
        load: what the load did; None when the job was asked not to load.
        proof: where its evidence lies.
        abandoned: proofs sealed for earlier runs that had vanished.
    """

    run_id: str
    job: str
    report_dir: Path
    result: NotebookResult
    load: IngestReport | None
    proof: ProofRef
    abandoned: tuple[ProofRef, ...]
    elapsed_s: float


@dataclass(slots=True)
class _Record:
    """What is known of the run so far; whatever is missing at its end stays out of the proof."""

    load: IngestReport | None = None
    result: NotebookResult | None = None
    seal: SnapshotSeal | None = None
    subjects: tuple[Subject, ...] = ()
    errors: tuple[Mapping[str, Any], ...] = ()
    outcome: Outcome = "failed"
    code: CodeState = field(default_factory=lambda: CodeState(None, None, "the run ended before it was looked at"))


def run_job(
    settings: Settings,
    name: str,
    arguments: Mapping[str, str],
    *,
    load: bool = True,
    delivered: Callable[[], Awaitable[None]] | None = None,
    wait_s: float = 0.0,
    stage: Stage = lambda name: None,
    progress: Progress | None = None,
) -> JobRun:
    """Load what is configured, run the job's notebook on the new snapshot, and seal what came out.

    `arguments` are passed to the notebook as options, `{"day": "2025-12-31"}` as `--day 2025-12-31`. With `load`
    false the current snapshot is used as it is; `delivered` is as `ingest` takes it. A second run of the same job
    waits up to `wait_s` seconds.

    Raises:
        UnknownName: no such job.
        Busy: another run of it is at work.
        Unconfigured: nothing is configured to load from.
        JobFailed: the notebook failed, or took too long.
        SophiaError: anything else that ends a run; its proof says failed.
    """
    job = find_job(settings, name)
    began = time.monotonic()
    lock = settings.locks_dir / f"job-{name}.lock"
    queue = "Wait for it to end; `sophia run` with --wait SECONDS queues behind it."
    with (
        file_lock(lock, what=f"The job {name}", wait_s=wait_s, hint=queue),
        State.open(settings.state_location) as state,
    ):
        trail = open_trail(settings, witness=StateWitness(state))
        abandoned = _seal_orphans(settings, state, trail, job)
        started_at = SystemClock().now()
        run_id = f"{started_at:%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}"
        parameters = json.dumps(dict(arguments), sort_keys=True)
        state.start_run(
            run_id=run_id,
            job=name,
            origin=settings.origin,
            parameters=parameters,
            pid=os.getpid(),
            started_at=started_at,
        )
        record = _Record()
        run_dir = settings.reports_dir / run_id
        failure: BaseException | None = None
        try:
            _work(settings, state, job, arguments, record, run_dir, run_id, load, delivered, stage, progress)
            record.outcome = "succeeded"
        except KeyboardInterrupt:
            failure = Interrupted("Interrupted by the keyboard.", hint="Nothing was half-written; run it again.")
        except BaseException as error:  # noqa: BLE001  # raised again below, once it is in the evidence
            failure = error
        if failure is not None:
            record.outcome = "interrupted" if isinstance(failure, Interrupted) else "failed"
            record.errors = (_problem(failure),)
        stage("seal")
        proof = _seal(trail, _statement(settings, job, arguments, record, run_id, started_at), failure)
        state.finish_run(
            run_id, outcome=record.outcome, ended_at=SystemClock().now(), proof=_relative(settings, proof.path)
        )
        if failure is not None:
            raise failure
        assert record.result is not None
        return JobRun(run_id, name, run_dir, record.result, record.load, proof, abandoned, time.monotonic() - began)


def _problem(failure: BaseException) -> Mapping[str, Any]:
    known = failure if isinstance(failure, SophiaError) else SophiaError(f"{type(failure).__name__}: {failure}")
    return known.problem()


def _seal(trail: Trail, statement: Statement, failure: BaseException | None) -> ProofRef:
    """Enter the evidence; where that fails after the run itself had failed, both are told."""
    try:
        return trail.append(statement)
    except SophiaError as lost:
        if failure is None:
            raise
        raise ProofError(
            f"{failure} And the run's evidence could not be sealed: {lost.message}", hint=lost.hint, path=lost.path
        ) from failure


def _work(
    settings: Settings,
    state: State,
    job: Job,
    arguments: Mapping[str, str],
    record: _Record,
    run_dir: Path,
    run_id: str,
    load: bool,
    delivered: Callable[[], Awaitable[None]] | None,
    stage: Stage,
    progress: Progress | None,
) -> None:
    record.code = code_state(settings.root)
    store = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots)
    options = [part for option, value in sorted(arguments.items()) for part in (f"--{option}", value)]
    # The notebook's imports take seconds of one core: they happen during the load, though not at its beginning. While
    # all sources are read, those want the cores and the memory.
    with NotebookProcess(settings, job.notebook, options, run_dir=run_dir, run_id=run_id) as notebook:
        if load:
            stage("load")

            def follow(event: ProgressEvent) -> None:
                if progress is not None:
                    progress(event)
                if event.tables_done >= _AFTER_TABLES * event.tables:
                    notebook.start()

            record.load = run_ingest(
                settings, state, store, settings.clock(), delivered=delivered, progress=follow, run_id=run_id
            )
        snapshot = store.current()
        stage("notebook")
        with ThreadPoolExecutor(1, "digest") as pool:
            sealing = pool.submit(seal_snapshot, snapshot, settings)
            end = notebook.run(job.time_limit_s)
            record.seal = sealing.result()
    if end.exit_code != 0:
        raise JobFailed(
            f"The notebook of {job.name} ended with {end.exit_code}: {end.last_words}",
            hint=f"Its whole output is in {_relative(settings, run_dir / 'output.log')}.",
        )
    record.result = read_result(run_dir)
    if record.result.snapshot_id != snapshot.snapshot_id:
        record.seal = None
        raise JobFailed(
            "Another snapshot was published while the notebook ran, so its numbers and the sealed rows differ.",
            hint="Run the job again.",
        )
    record.subjects = tuple(file_subject(file, settings.root) for file in sorted(record.result.files))


def _statement(
    settings: Settings, job: Job, arguments: Mapping[str, str], record: _Record, run_id: str, started_at: datetime
) -> Statement:
    seal, result = record.seal, record.result
    subjects = record.subjects
    if seal is not None:
        subjects = (*subjects, Subject(f"snapshot:{seal.snapshot_id}", seal.sha256))
    clock = settings.clock()
    run = Run(
        job=job.name,
        run_id=run_id,
        outcome=record.outcome,
        demo=settings.demo or (seal is not None and seal.demo),
        started_at=started_at,
        ended_at=SystemClock().now(),
        clock=ClockReading(clock.now(), clock.frozen),
        code=record.code,
        parameters=dict(arguments),
        lock=file_digest(settings.root / "uv.lock", settings.root),
        notebook=file_digest(job.notebook, settings.root),
        snapshot_id=None if seal is None else seal.snapshot_id,
        freshness=() if result is None else result.freshness,
        metrics=() if result is None else result.metrics,
        narrative=None if result is None else result.narrative,
        errors=record.errors,
    )
    return Statement(run, subjects)


def _seal_orphans(settings: Settings, state: State, trail: Trail, job: Job) -> tuple[ProofRef, ...]:
    """Seal the runs of this job that vanished without a trace; the job's lock is held, so none of them lives."""
    sealed = []
    for orphan in state.orphans(job.name):
        if orphan.origin == settings.origin:
            proof = trail.append(_abandoned(settings, job, orphan))
            state.finish_run(
                orphan.run_id,
                outcome="abandoned",
                ended_at=SystemClock().now(),
                proof=_relative(settings, proof.path),
            )
            sealed.append(proof)
    return tuple(sealed)


def _abandoned(settings: Settings, job: Job, orphan: RunRecord) -> Statement:
    record = _Record(outcome="abandoned")
    gone = JobFailed(
        f"Run {orphan.run_id} (process {orphan.pid} on {orphan.host}) vanished without finishing.",
        hint="It was killed, or the machine went down. Readers stayed on the snapshot before.",
    )
    record.errors = (gone.problem(),)
    record.code = CodeState(None, None, "the run vanished before it was recorded")
    statement = _statement(settings, job, json.loads(orphan.parameters), record, orphan.run_id, orphan.started_at)
    return replace(statement, run=replace(statement.run, demo=settings.demo))


def _relative(settings: Settings, path: Path) -> str:
    return path.relative_to(settings.root).as_posix() if path.is_relative_to(settings.root) else str(path)
