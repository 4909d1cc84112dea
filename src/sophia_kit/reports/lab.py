"""What the metric lab shows: a definition as it is being written, tried on the warehouses that there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sophia_kit.core.clock import company_day
from sophia_kit.core.errors import InputError, SophiaError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Catalogue, MetricResult, metric
from sophia_kit.metrics.explanation import statements
from sophia_kit.metrics.lint import MISTAKE, Finding, lint_text

if TYPE_CHECKING:
    from sophia_kit.metrics.change import ChangeExplanation
    from sophia_kit.warehouse import Dialect, Engine

__all__ = [
    "LAB_OPTIONS",
    "Answer",
    "Draft",
    "Explained",
    "LabParameters",
    "answer_on_snowflake",
    "ask_draft",
    "chosen_metric",
    "draft_definition",
    "explain_draft",
    "lab_day",
    "lab_parameters",
    "sql_of",
]

EDITOR: Final = "the editor"
"""What findings call the text."""

LAB_OPTIONS: Final = ("file", "metric", "day")
"""What a script and a query string may name."""

PERIODS: Final = 13

EXAMPLE: Final = """\
metrics:
  card_share:
    label: Card share
    description: Payments by card that succeeded, over all payments that succeeded.
    source: Payments team, agreed in January 2026
    owner: Payments
    kind: ratio
    base: payments
    time: attempted_day
    filter: status = 'succeeded'
    numerator: {expression: count(*), filter: method = 'card'}
    denominator: {expression: count(*)}
    unit: ratio
    format: percent
    higher_is_better: null
    additive: none
    grains: [month, day, week, quarter, year]
    dimensions:
      segment: accounts.segment
      processor: processor
    synonyms: [share of card payments]
    tests:
      - {day: 2025-12-31, grain: year, expect: 0.2504, demo: true}
"""


@dataclass(frozen=True, slots=True)
class LabParameters:
    """What the lab is opened with.

    Attributes:
        text: definitions in YAML.
        metric: the one that is tried; None is the first of the text.
        day: the company day that it is asked for; None is today.
    """

    text: str = EXAMPLE
    metric: str | None = None
    day: date | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A text of definitions, read.

    Attributes:
        names: the metrics that it defines; empty when it has a mistake.
        catalogue: the project's, with them; None when the text has a mistake.
    """

    text: str
    findings: tuple[Finding, ...]
    names: tuple[str, ...]
    catalogue: Catalogue | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a warehouse answers, or why it doesn't: one of both is None."""

    result: MetricResult | None
    reason: str | None


def lab_parameters(options: Mapping[str, Any]) -> LabParameters:
    """The parameters from a script's options or an app's query string: `file`, `metric`, `day`.

    Raises:
        InputError: there is no such file, or the day is none.
    """
    given = {name: str(options[name]) for name in LAB_OPTIONS if options.get(name)}
    text, day = EXAMPLE, None
    if "file" in given:
        try:
            text = Path(given["file"]).read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{given['file']} can't be read: {error}", hint="Name a YAML file.") from None
    if "day" in given:
        try:
            day = date.fromisoformat(given["day"])
        except ValueError:
            raise InputError(f"{given['day']!r} is not a day.", hint="Write it as YYYY-MM-DD.") from None
    return LabParameters(text, given.get("metric"), day)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why the metric changed since the period before, or why that can't be said: one of both is None."""

    explanation: ChangeExplanation | None
    reason: str | None


def draft_definition(text: str, settings: Settings) -> Draft:
    """Read a text as if it stood in the project's folder.

    Raises:
        DefinitionError: a mistake in the project's own files, not in the text.
    """
    over = Catalogue.load(settings.metrics_folder)
    findings = lint_text(text, EDITOR, over)
    if any(item.rule == MISTAKE for item in findings):
        return Draft(text, findings, (), None)
    catalogue = over.extended(text, EDITOR)
    names = [item.name for item in catalogue if str(catalogue.origin(item.name)).startswith(f"{EDITOR}:")]
    return Draft(text, findings, tuple(names), catalogue)


def chosen_metric(draft: Draft, name: str | None) -> str:
    """The metric of the draft that is tried: the one asked for, or its first.

    Raises:
        UnknownName: the draft doesn't define it.
    """
    if name is not None and name not in draft.names:
        raise UnknownName("metric of the text", name, draft.names)
    return name or draft.names[0]


def lab_day(params: LabParameters, settings: Settings) -> date:
    """The company day that is asked for: today, unless the parameters say another."""
    return params.day or company_day(settings.clock().now(), settings.company.time_zone)


def ask_draft(draft: Draft, name: str, settings: Settings, *, day: date, by: str | None = None) -> Answer:
    """Thirteen periods of a metric of the draft, on the project's current snapshot in DuckDB."""
    from sophia_kit.warehouse import SnapshotStore, Warehouse

    try:
        snapshot = SnapshotStore(settings.snapshots_dir, keep=settings.warehouse.keep_snapshots).current()
    except SophiaError as error:
        return Answer(None, _told(error))
    with Warehouse.open(snapshot, settings) as warehouse:
        return _answer(draft, name, settings, day, by, warehouse)


def answer_on_snowflake(draft: Draft, name: str, settings: Settings, *, day: date, by: str | None = None) -> Answer:
    """The same on Snowflake; says so when that isn't configured."""
    from sophia_kit.warehouse.snowflake import SnowflakeWarehouse

    if settings.demo and settings.snowflake.base_url is None:
        return Answer(None, "The demo company is on DuckDB alone.")
    try:
        warehouse = SnowflakeWarehouse.open(settings)
    except SophiaError as error:
        return Answer(None, _told(error))
    with warehouse:
        return _answer(draft, name, settings, day, by, warehouse)


def _answer(draft: Draft, name: str, settings: Settings, day: date, by: str | None, engine: Engine) -> Answer:
    assert draft.catalogue is not None
    try:
        result = metric(
            name,
            by=by or (),
            periods=PERIODS,
            day=day,
            settings=settings,
            warehouse=engine,
            catalogue=draft.catalogue,
        )
    except SophiaError as error:
        return Answer(None, _told(error))
    return Answer(result, None)


def _told(error: SophiaError) -> str:
    return f"{error.title}. {error.message}" + (f" {error.hint}" if error.hint else "")


def explain_draft(draft: Draft, name: str, settings: Settings, *, day: date) -> Explained:
    """Why a metric of the draft changed since the period before, by each of its dimensions."""
    from sophia_kit.metrics.change import explain_change

    assert draft.catalogue is not None
    try:
        return Explained(explain_change(name, day=day, settings=settings, catalogue=draft.catalogue), None)
    except SophiaError as error:
        return Explained(None, _told(error))


def sql_of(draft: Draft, name: str) -> dict[Dialect, str]:
    """By dialect, the statements that the metric becomes."""
    assert draft.catalogue is not None
    found = statements(draft.catalogue, draft.catalogue.get(name))
    return {
        dialect: "\n\n".join(f"-- {metric_name}\n{sql}" for metric_name, sql in by_metric.items())
        for dialect, by_metric in found.items()
    }
