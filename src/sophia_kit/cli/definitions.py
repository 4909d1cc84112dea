"""`sophia metrics`: the definitions themselves, for who writes them."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, print_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sophia_kit.metrics import Catalogue
    from sophia_kit.metrics.definition import Definition
    from sophia_kit.metrics.lint import Finding
    from sophia_kit.metrics.trial import Trial

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, help="The definitions of metrics: the package's and the project's own.")


@app.command("list")
def list_command(
    text: Annotated[str | None, typer.Argument(help="Only with this in name, label, description or synonyms.")] = None,
    owner: Annotated[str | None, typer.Option(help="Only of this owner.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only of this kind, e.g. ratio.")] = None,
    own: Annotated[bool, typer.Option("--own", help="Only those that the project itself defines.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the metrics."""
    catalogue = _catalogue()
    found = [
        item
        for item in catalogue
        if (text is None or item.mentions(text))
        and (owner is None or item.owner.lower() == _known(owner, {each.owner for each in catalogue}, "owner"))
        and (kind is None or item.kind == _known(kind, _kinds(), "kind"))
        and (not own or _own(catalogue, item))
    ]
    if format is Format.json:
        from sophia_kit.metrics.json_form import definition_record

        _write([definition_record(catalogue, item) for item in found])
        return
    from rich.table import Table

    out = console()
    table = Table(box=None, pad_edge=False)
    for column in ("Metric", "Label", "Kind", "Unit", "Owner", "Grains", "Dimensions"):
        table.add_column(column, no_wrap=column in ("Metric", "Owner"), overflow="fold")
    for item in found:
        kind_shown = item.kind.replace("_", " ")
        name = f"{item.name} (own)" if _own(catalogue, item) else item.name
        table.add_row(
            name, item.label, kind_shown, item.unit, item.owner, ", ".join(item.grains), ", ".join(item.dimensions)
        )
    if found:
        out.print(table)
    out.print(f"{len(found)} of {len(catalogue)} metrics", style="dim")


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="The metric, e.g. arr.")],
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show a definition as it is written, and the SQL that it becomes on each warehouse."""
    from sophia_kit.metrics.explanation import statements

    catalogue = _catalogue()
    definition = catalogue.get(name)
    origin, sql = catalogue.origin(name), statements(catalogue, definition)
    if format is Format.json:
        shown: dict[str, Any] = {
            "name": definition.name,
            "file": str(origin),
            "overrides": origin.overrides if origin else None,
            "digest": catalogue.digest(definition),
            "definition": _fields(catalogue, definition),
            "sql": sql,
        }
        _write(shown)
        return
    import yaml
    from rich.text import Text

    out = console()
    replaced = f", overrides {origin.overrides}" if origin and origin.overrides else ""
    out.print(Text(f"# {origin}{replaced}", style="dim"), soft_wrap=True)
    written = {definition.name: _fields(catalogue, definition)}
    text = yaml.safe_dump(written, sort_keys=False, allow_unicode=True, default_flow_style=None, width=110)
    out.print(Text(text.rstrip()), soft_wrap=True)
    for dialect, by_metric in sql.items():
        for metric, statement in by_metric.items():
            out.print(Text(f"\n-- {metric} on {_DIALECTS[dialect]}", style="dim"))
            out.print(Text(statement), soft_wrap=True)


@app.command("views")
def views_command(
    view: Annotated[str | None, typer.Argument(help="One view, with its columns, e.g. payments.")] = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show what a metric can be based on: the canonical views, or one with its columns and where it leads."""
    from sophia_kit.core.errors import UnknownName
    from sophia_kit.metrics.schema import canonical
    from sophia_kit.warehouse import models

    schema = canonical()
    if view is not None and view not in schema.views:
        raise UnknownName("view", view, schema.views)
    found = [
        {
            "view": name,
            "rows": _described(models()[name]),
            "columns": schema.columns(name),
            "leads_to": {hop.column: hop.view for hop in schema.relationships(name)},
        }
        for name in ([view] if view else sorted(schema.views))
    ]
    if format is Format.json:
        _write(found)
        return
    from rich.table import Table
    from rich.text import Text

    out = console()
    table = Table(box=None, pad_edge=False, show_header=view is None)
    table.add_column("View", no_wrap=True)
    table.add_column("One row")
    if view is None:
        for each in found:
            table.add_row(str(each["view"]), Text(str(each["rows"])))
    else:
        (each,) = found
        table.add_row("One row", Text(str(each["rows"])))
        table.add_row("Columns", ", ".join(schema.columns(view)))
        onward = schema.relationships(view)
        table.add_row("Leads to", ", ".join(f"{hop.view} (by {hop.column})" for hop in onward) or "no other view")
    out.print(table)


def _described(sql: str) -> str:
    """What a model's first comment says of it, in one line."""
    lines = []
    for line in sql.splitlines():
        text = line.removeprefix("--").strip()
        if not line.startswith("--") or not text:
            break
        lines.append(text)
    return " ".join(lines).removeprefix("One row: ")


@app.command("lint")
def lint_command(
    ignore: Annotated[list[str] | None, typer.Option(help="Leave out a rule; may be repeated.")] = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Look for mistakes, and for what rules of good definitions remark on. Exits with 1 when there is any."""
    from sophia_kit.metrics.lint import lint

    findings = lint(open_settings().metrics_folder, ignore or ())
    if format is Format.json:
        print_json(findings)
    else:
        _print_findings(findings)
    if findings:
        raise typer.Exit(1)


@app.command("test")
def try_command(
    names: Annotated[list[str] | None, typer.Argument(help="The metrics, e.g. arr mrr; all by default.")] = None,
    own: Annotated[bool, typer.Option("--own", help="Only those that the project itself defines.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="On the demo company.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Try definitions on the current snapshot: they compile, answer at each grain, and have their tests' values.

    Exits with 1 when one fails.
    """
    from sophia_kit.metrics import Calendar, Catalogue
    from sophia_kit.metrics.entry import current_engine
    from sophia_kit.metrics.trial import trials

    settings = open_settings(demo)
    catalogue = Catalogue.load(settings.metrics_folder)
    chosen = list(names or [item.name for item in catalogue])
    if own:
        chosen = [name for name in chosen if _own(catalogue, catalogue.get(name))]
    found = list(trials(catalogue, chosen, current_engine(settings), settings.clock(), Calendar.of(settings.company)))
    if format is Format.json:
        print_json(found)
    else:
        _print_trials(found)
    if not all(trial.passed for trial in found):
        raise typer.Exit(1)


_DIALECTS = {"duckdb": "DuckDB", "snowflake": "Snowflake"}


def _catalogue() -> Catalogue:
    from sophia_kit.metrics import Catalogue

    return Catalogue.load(open_settings().metrics_folder)


def _own(catalogue: Catalogue, definition: Definition) -> bool:
    origin = catalogue.origin(definition.name)
    return origin is not None and origin.own


def _kinds() -> Iterable[str]:
    from sophia_kit.metrics.definition import KINDS

    return KINDS


def _known(asked: str, known: Iterable[str], what: str) -> str:
    """The name asked for as it is compared; refuses one that nothing has."""
    from sophia_kit.core.errors import UnknownName

    name = asked.lower()
    if name not in {each.lower() for each in known}:
        raise UnknownName(what, asked, known)
    return name


def _fields(catalogue: Catalogue, definition: Definition) -> dict[str, Any]:
    """The definition's keys and values, as the file has them."""
    source = catalogue.source(definition.name)
    assert source is not None
    fields: dict[str, Any] = source.content["metrics"][definition.name]
    return fields


def _write(content: object) -> None:
    sys.stdout.write(json.dumps(content, indent=2, default=str) + "\n")


def _print_findings(findings: tuple[Finding, ...]) -> None:
    from rich.text import Text

    out = console()
    if not findings:
        out.print("Nothing to remark.")
        return
    for item in findings:
        place = item.file if item.line is None else f"{item.file}:{item.line}"
        out.print(Text(f"{place}: {item.rule}: {item.message}", style="bold"), soft_wrap=True)
        if item.hint:
            out.print(Text(f"  {item.hint}"), soft_wrap=True)
    plural = "finding" if len(findings) == 1 else "findings"
    out.print(Text(f"{len(findings)} {plural}. docs/metric-rules.md explains each rule.", style="dim"))


def _print_trials(found: list[Trial]) -> None:
    from rich.table import Table
    from rich.text import Text

    out = console()
    if any(trial.demo for trial in found):
        out.print(Text("DEMO DATA", style="bold yellow"))
    table = Table(box=None, pad_edge=False)
    for column in ("Metric", "Result", "Now", "Tests"):
        table.add_column(column, no_wrap=column in ("Metric", "Result"))
    for trial in found:
        counted = [check for check in trial.tests if check.status != "skipped"]
        tests = f"{sum(check.status == 'passed' for check in counted)} of {len(counted)}" if counted else "none"
        now = ", ".join(f"{check.subject} {check.detail.split(':')[0]}" for check in trial.values)
        table.add_row(trial.metric, "passed" if trial.passed else Text("FAILED", style="bold red"), now, tests)
    if found:
        out.print(table)
    for trial in found:
        for check in (trial.compiled, *trial.values, *trial.tests):
            if check.status == "failed":
                place = f" ({trial.file})" if trial.file else ""
                out.print(Text(f"{trial.metric}{place}, {check.subject}: {check.detail}", style="red"), soft_wrap=True)
    failed = sum(not trial.passed for trial in found)
    out.print(Text(f"{len(found)} tried, {failed} failed", style="dim"))
