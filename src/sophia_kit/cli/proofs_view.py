"""How proofs and verifications read, in a terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Group, RenderableType
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sophia_kit.cli.context import relative

if TYPE_CHECKING:
    from sophia_kit.proofs import Authorship, Entry, FileDigest, TrailReport, VerifyReport

__all__ = ["Listing", "list_table", "listing", "show_json", "show_page", "verify_page"]

_OUTCOME = {"succeeded": "green", "failed": "bold red", "abandoned": "yellow", "interrupted": "yellow"}


@dataclass(frozen=True, slots=True)
class Listing:
    """A proof in a list. What can't be read is None, and `problem` says why."""

    path: str
    origin: str
    index: int | None
    sealed_at: datetime | None
    job: str | None
    run_id: str | None
    outcome: str | None
    demo: bool | None
    signed_by: str | None
    problem: str | None


def listing(entry: Entry, root: Path) -> Listing:
    """The entry as JSON lists it."""
    proof = entry.proof
    run = None if proof is None else proof.statement.run
    return Listing(
        path=_path(entry, root),
        origin=entry.origin,
        index=entry.index,
        sealed_at=None if proof is None else proof.seal.at,
        job=None if run is None else run.job,
        run_id=None if run is None else run.run_id,
        outcome=None if run is None else run.outcome,
        demo=None if run is None else run.demo,
        signed_by=None if proof is None else proof.signed_by,
        problem=entry.problem,
    )


def list_table(entries: list[Entry]) -> Table:
    """One row a proof."""
    table = _table("Sealed at (UTC)", "Trail", "Entry", "Job", "Outcome", "Data", "Run")
    for entry in entries:
        place = "not in the log" if entry.index is None else str(entry.index)
        if entry.proof is None:
            table.add_row(entry.name, entry.origin, place, "", f"[bold red]{escape(entry.problem or '')}[/]", "", "")
            continue
        run, seal = entry.proof.statement.run, entry.proof.seal
        signed = "" if entry.proof.signed_by else " [bold red](not signed by a trusted key)[/]"
        table.add_row(
            f"{seal.at:%Y-%m-%d %H:%M:%S}",
            entry.origin,
            place,
            run.job,
            f"[{_OUTCOME[run.outcome]}]{run.outcome}[/]{signed}",
            _data(run.demo),
            run.run_id,
        )
    return table


def show_json(entry: Entry, root: Path) -> dict[str, Any]:
    """The statement as it was signed, with where it lies and who signed it."""
    proof = entry.proof
    return {
        "path": _path(entry, root),
        "index": entry.index,
        "keyids": [] if proof is None else list(proof.keyids),
        "signed_by": None if proof is None else proof.signed_by,
        "problem": entry.problem,
        "statement": None if proof is None else proof.statement.wire(proof.seal),
    }


def show_page(entry: Entry) -> RenderableType:
    """Everything a proof states."""
    title = f"{entry.origin}/{entry.name}"
    if entry.proof is None:
        return Text(f"{title} can't be read: {entry.problem}", style="bold red")
    proof, run = entry.proof, entry.proof.statement.run
    if proof.signed_by:
        signed = f"by the trusted key {proof.signed_by[:16]}…"
    else:
        signed = f"[bold red]not by a trusted key[/] ({', '.join(key[:16] for key in proof.keyids) or 'no signature'})"
    tree = {True: "clean", False: "[yellow]with uncommitted changes[/]", None: "unknown whether clean"}[run.code.clean]
    code = f"{run.code.commit or 'unknown commit'}, {tree}" + (
        f" ({escape(run.code.reason)})" if run.code.reason else ""
    )
    facts = Table(box=None, pad_edge=False, show_header=False)
    facts.add_column(style="bold")
    facts.add_column(overflow="fold")
    rows = [
        ("Proof", escape(title)),
        ("Signed", signed),
        ("In the log", "[bold red]no[/]" if entry.index is None else f"entry {entry.index}"),
        ("Outcome", f"[{_OUTCOME[run.outcome]}]{run.outcome}[/]"),
        ("Data", _data(run.demo)),
        ("Job", f"{run.job}, run {escape(run.run_id)}"),
        ("Parameters", escape(", ".join(f"{key}={value}" for key, value in run.parameters.items())) or "none"),
        ("Clock", f"{run.clock.time:%Y-%m-%d %H:%M:%S} UTC{' (frozen)' if run.clock.frozen else ''}"),
        ("Real time", f"{run.started_at:%Y-%m-%d %H:%M:%S} to {run.ended_at:%H:%M:%S} UTC"),
        ("Code", code),
        ("Lock", _file(run.lock)),
        ("Notebook", "none" if run.notebook is None else _file(run.notebook)),
        ("Snapshot", escape(run.snapshot_id or "none")),
        *([] if run.narrative is None else [("Prose by", escape(_author(run.narrative)))]),
        ("Versions", f"sophia-kit {run.kit_version}, Python {run.python_version}"),
    ]
    for row in rows:
        facts.add_row(*row)
    parts: list[RenderableType] = [facts]
    if run.errors:
        table = _table("Error", "What went wrong", "Hint")
        for error in run.errors:
            table.add_row(*(escape(str(error.get(key) or "")) for key in ("code", "detail", "hint")))
        parts += ["", table]
    if run.metrics:
        table = _table("Metric", "Period", "Members", "Shown as", "Value", "Unit")
        for metric in run.metrics:
            members = ", ".join(f"{dimension}={member}" for dimension, member in metric.members.items())
            value = f"unknown: {metric.unknown}" if metric.value is None else f"{metric.value:f}"
            table.add_row(*map(escape, (metric.name, metric.period, members, metric.display, value, metric.unit)))
        parts += ["", table]
    if run.freshness:
        table = _table("Table", "Source", "Freshness", "As of (UTC)")
        for source in run.freshness:
            as_of = "never loaded" if source.as_of is None else f"{source.as_of:%Y-%m-%d %H:%M:%S}"
            table.add_row(source.table, source.source_system or "", source.status, as_of)
        parts += ["", table]
    if proof.statement.subjects:
        table = _table("Subject", "SHA-256")
        for subject in proof.statement.subjects:
            table.add_row(escape(subject.name), subject.sha256)
        parts += ["", table]
    return Group(*parts)


def verify_page(report: VerifyReport) -> RenderableType:
    """A row a trail, then everything that fails."""
    table = _table("Trail", "Entries", "Subjects", "Verdict")
    for trail in report.trails:
        verdict = "[green]holds[/]" if trail.ok else f"[bold red]fails: {len(trail.findings)}[/]"
        table.add_row(trail.origin, str(trail.size), _subjects(trail), verdict)
    parts: list[RenderableType] = [table]
    for finding in report.findings:
        lines = Table(box=None, pad_edge=False, show_header=False)
        lines.add_column(style="bold")
        lines.add_column(overflow="fold")
        lines.add_row("Fails", f"[bold red]{finding.code}[/]: {escape(finding.message)}")
        lines.add_row("Where", escape(finding.where))
        for label, text in (("Expected", finding.expected), ("Found", finding.found)):
            if text is not None:
                lines.add_row(label, escape(text))
        parts += ["", lines]
    return Group(*parts)


def _subjects(trail: TrailReport) -> str:
    reasons = Counter(subject.reason.split(" by ")[0] for subject in trail.subjects_not_checked)
    left = ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()))
    return f"{trail.subjects_checked} checked" + (f"; not checked: {left}" if left else "")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _author(narrative: Authorship) -> str:
    who = narrative.author if narrative.author == "rules" else f"the model {narrative.model}"
    version = f" ({narrative.version})" if narrative.version else ""
    return f"{who}{version}. {narrative.reason}"


def _data(demo: bool) -> str:
    return "[yellow]DEMO DATA[/]" if demo else "live"


def _file(file: FileDigest) -> str:
    return escape(f"{file.path} {file.sha256 or f'unknown: {file.reason}'}")


def _path(entry: Entry, root: Path) -> str:
    return relative(root / "proofs" / entry.origin / entry.name, root)
