"""`sophia alerts`: judge the rules, see what fires and what happened, silence."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.durations import duration
from sophia_kit.cli.output import Format, FormatOption
from sophia_kit.core.clock import end_of_day

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from sophia_kit.metrics.alerts.run import ActiveAlert, AlertRun
    from sophia_kit.state import AlertEvent, AlertSilence

__all__ = ["ACTIVE", "app"]

ACTIVE = 14
"""Exit status of a run after which something fires or can't be judged, and isn't silenced."""

app = typer.Typer(no_args_is_help=True, help="Alert rules: judge them, see what fires, silence.")

DemoOption = Annotated[bool, typer.Option("--demo", help="Of the demo company.")]
MemberOption = Annotated[
    list[str] | None,
    typer.Option("--member", help="Only this series, e.g. processor=Northgate; once for each dimension."),
]
RuleArgument = Annotated[str, typer.Argument(help="The rule: metric.rule, or its name where only one metric has it.")]

_STYLES = {
    "firing": "bold red", "reminder": "red", "unknown": "yellow", "pending": "cyan", "recovered": "green",
    "known": "green",
}  # fmt: skip


@app.command("run")
def run_command(
    metric: Annotated[str | None, typer.Argument(help="Only this metric's rules, e.g. payment_volume.")] = None,
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day up to which to judge; default: today.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option(formats=["%Y-%m-%d"], help="Where a rule begins that was never judged; judges nothing twice."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would happen, and remember nothing.")] = False,
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Judge every rule on the closed periods that it hasn't judged yet, and remember what comes of it.

    Exits with 14 when something fires or can't be judged afterwards, and isn't silenced.
    """
    import secrets

    from sophia_kit.metrics import Calendar, Catalogue
    from sophia_kit.metrics.alerts.run import run_alerts
    from sophia_kit.metrics.entry import current_engine
    from sophia_kit.state import State

    settings = open_settings(demo)
    clock = settings.clock()
    with State.open(settings.state_location) as state:
        run = run_alerts(
            current_engine(settings),
            Catalogue.load(settings.metrics_folder),
            state,
            clock,
            Calendar.of(settings.company),
            run_id=f"{clock.now():%Y%m%dT%H%M%SZ}-{secrets.token_hex(4)}",
            metric=metric,
            day=day.date() if day else None,
            since=since.date() if since else None,
            dry=dry_run,
        )
    if format is Format.json:
        _write(_run_record(run))
    else:
        _print_run(console(), run)
    if run.failures:
        raise run.failures[0].error
    if any(alert.loud for alert in run.active):
        raise typer.Exit(ACTIVE)


@app.command("list")
def list_command(
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List what fires, what is on its way to, what can't be judged, and what is silenced."""
    from sophia_kit.metrics.alerts.run import active_alerts
    from sophia_kit.state import State

    settings = open_settings(demo)
    now = settings.clock().now()
    with State.open(settings.state_location) as state:
        active, silences = active_alerts(state, now), state.alerts.silences(now)
        judged = bool(state.alerts.series())
    if format is Format.json:
        records = [_alert_record(item) for item in active]
        _write({"judged": judged, "alerts": records, "silences": [_record(item) for item in silences]})
        return
    out = console()
    _title(out, "Alerts", demo=settings.demo)
    if judged:
        _print_active(out, active, complete=True)
    else:
        out.print("No rule has been judged yet: `sophia alerts run` does it.")
    _print_silences(out, silences)


@app.command("history")
def history_command(
    metric: Annotated[str | None, typer.Argument(help="Only of this metric, e.g. payment_volume.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many events to show.")] = 50,
    demo: DemoOption = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List what happened to alerts, newest first."""
    from sophia_kit.metrics import Catalogue
    from sophia_kit.state import State

    settings = open_settings(demo)
    name = None if metric is None else Catalogue.load(settings.metrics_folder).get(metric).name
    with State.open(settings.state_location) as state:
        events = state.alerts.events(metric=name, limit=limit)
    if format is Format.json:
        _write([_record(event) for event in events])
        return
    out = console()
    _title(out, "Alert history", demo=settings.demo)
    _print_events(out, events)


@app.command("silence")
def silence_command(
    rule: RuleArgument,
    reason: Annotated[str, typer.Option(help="Why; whoever lists the silences reads it.")],
    member: MemberOption = None,
    until: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="Its last day, in the company's time zone.")
    ] = None,
    for_: Annotated[str | None, typer.Option("--for", help="How long, e.g. 12h, 3d or 2w.")] = None,
    demo: DemoOption = False,
) -> None:
    """Judge a rule as ever, and tell nothing of it for a while."""
    from sophia_kit.metrics import Catalogue
    from sophia_kit.metrics.alerts.silence import silence_rule
    from sophia_kit.state import State

    settings = open_settings(demo)
    now = settings.clock().now()
    end = _end(now, until.date() if until else None, for_, settings.company.time_zone)
    with State.open(settings.state_location) as state:
        found = silence_rule(
            state,
            Catalogue.load(settings.metrics_folder),
            rule,
            members=_members(member or []),
            now=now,
            until=end,
            reason=reason,
        )
    console().print(f"{_name(found)} is silenced until {found.ends_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC.")


@app.command("unsilence")
def unsilence_command(rule: RuleArgument, member: MemberOption = None, demo: DemoOption = False) -> None:
    """End the silences of a rule. What fires still is told by the next run."""
    from sophia_kit.metrics import Catalogue
    from sophia_kit.metrics.alerts.silence import end_silences
    from sophia_kit.state import State

    settings = open_settings(demo)
    catalogue = Catalogue.load(settings.metrics_folder)
    with State.open(settings.state_location) as state:
        ended = end_silences(state, catalogue, rule, members=_members(member or []), now=settings.clock().now())
    for item in ended:
        console().print(f"{_name(item)} is no longer silenced.")


def _end(now: datetime, until: date | None, length: str | None, time_zone: str) -> datetime:
    from zoneinfo import ZoneInfo

    from sophia_kit.core.errors import InputError

    if (until is None) == (length is None):
        raise InputError("A silence needs an end.", hint="Give either --until 2025-12-31 or --for 3d.")
    if until is not None:
        return end_of_day(until, ZoneInfo(time_zone))
    return now + duration(length or "", option="--for")


def _members(texts: list[str]) -> tuple[tuple[str, str], ...]:
    from sophia_kit.core.errors import InputError

    found = []
    for text in texts:
        dimension, sign, member = text.partition("=")
        if not sign or not dimension.strip() or not member.strip():
            raise InputError(f"--member {text!r} can't be read.", hint="Say e.g. processor=Northgate.")
        found.append((dimension.strip(), member.strip()))
    return tuple(found)


def _name(item: ActiveAlert | AlertEvent | AlertSilence) -> str:
    """`payment_success_rate.processor_trouble (Northgate)`."""
    from sophia_kit.metrics.alerts.wording import name_text

    named = item if not hasattr(item, "series") else item.series
    return name_text(f"{named.metric}.{named.rule}", named.members)


def _title(out: Console, text: str, *, demo: bool) -> None:
    from rich.text import Text

    title = Text(text, style="bold")
    if demo:
        title.append("  DEMO DATA", style="bold yellow")
    out.print(title)


def _print_run(out: Console, run: AlertRun) -> None:
    _title(out, "Alerts", demo=run.demo)
    if not run.rules:
        out.print("There is no alert rule. docs/alerts.md says how to write one.")
        return
    counted = f"{_count(run.rules, 'rule')}, {_count(run.periods, 'period')}"
    out.print(f"{counted} judged up to {run.day}", style="dim")
    if run.events:
        out.print()
        _print_events(out, run.events)
    for failure in run.failures:
        out.print(f"{failure.metric}.{failure.rule} was not judged.", style="bold red", markup=False)
    out.print()
    _print_active(out, run.active, complete=not run.failures)


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def _print_events(out: Console, events: Sequence[AlertEvent]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not events:
        out.print("Nothing has happened yet.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("Period", "Event", "Rule", "What"):
        table.add_column(column, overflow="fold", no_wrap=column in ("Period", "Event"))
    for event in events:
        table.add_row(
            "" if event.period_start is None else f"{event.period_start}",
            _event_text(event),
            Text(_name(event)),
            Text(event.summary),
        )
    out.print(table)


def _event_text(event: AlertEvent) -> Any:
    from rich.text import Text

    word: str = event.event
    if event.alert == "unknown":
        word = {"firing": "unknown", "recovered": "known"}.get(word, f"unknown, {word}")
    return Text(f"{word}, silenced" if event.silenced else word, style=_STYLES.get(word, ""))


def _print_active(out: Console, active: Sequence[ActiveAlert], *, complete: bool) -> None:
    from rich.table import Table
    from rich.text import Text

    if not active:
        if complete:
            out.print("Nothing fires, and everything could be judged.", style="green")
        else:
            out.print("Nothing fires of what could be judged.")
        return
    table = Table(box=None, pad_edge=False)
    for column in ("State", "Since", "Severity", "Rule", "What"):
        table.add_column(column, overflow="fold", no_wrap=column in ("State", "Since", "Severity"))
    for item in active:
        series, suffix = item.series, ", silenced" if item.silence else ""
        name = Text(_name(item))
        if series.status != "ok":
            since = "" if series.since is None else f"{series.since}"
            state = Text(series.status + suffix, style=_STYLES[series.status])
            table.add_row(state, since, series.severity, name, Text(series.summary or ""))
        if series.unknown_code is not None:
            state = Text("unknown" + suffix, style=_STYLES["unknown"])
            table.add_row(state, f"{series.unknown_since}", series.severity, name, Text(series.unknown_reason or ""))
    out.print(table)


def _print_silences(out: Console, silences: Sequence[AlertSilence]) -> None:
    from rich.table import Table
    from rich.text import Text

    if not silences:
        return
    table = Table(box=None, pad_edge=False, title="Silenced", title_justify="left")
    for column in ("Rule", "Until (UTC)", "Why"):
        table.add_column(column, overflow="fold")
    for item in silences:
        table.add_row(Text(_name(item)), f"{item.ends_at.astimezone(UTC):%Y-%m-%d %H:%M}", Text(item.reason))
    out.print()
    out.print(table)


def _run_record(run: AlertRun) -> dict[str, Any]:
    return {
        "run_id": run.run_id,
        "at": run.at,
        "day": run.day,
        "demo": run.demo,
        "rules": run.rules,
        "periods": run.periods,
        "events": [_record(event) for event in run.events],
        "active": [_alert_record(item) for item in run.active],
        "failures": [
            {"metric": item.metric, "rule": item.rule, "error": item.error.problem()} for item in run.failures
        ],
    }


def _alert_record(item: ActiveAlert) -> dict[str, Any]:
    return _record(item.series) | {"silenced_until": item.silence.ends_at if item.silence else None}


def _record(item: Any) -> dict[str, Any]:
    """A record as programs get it: its fields, the members as a mapping."""
    return asdict(item) | {"members": dict(item.members)}


def _write(content: Any) -> None:
    sys.stdout.write(json.dumps(content, default=_plain, indent=2) + "\n")


def _plain(value: object) -> str:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
