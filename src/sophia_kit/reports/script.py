"""A notebook that runs as a script: what it prints, and how it ends."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from html import escape
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any, NoReturn, TypeVar

from sophia_kit.core.errors import AccessRefused, Interrupted, SophiaError
from sophia_kit.core.settings import load_settings
from sophia_kit.reports.model import DailyBrief, Kpi
from sophia_kit.reports.parameters import parse_arguments
from sophia_kit.reports.reader import reader_of
from sophia_kit.reports.views import change_fact, title_of

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.metrics.principal import Principal

__all__ = ["Surface", "print_summary", "script_errors", "started_as_script"]

_WIDEST = 1000

_Result = TypeVar("_Result")


def started_as_script(file: str) -> bool:
    """Whether this process was started to run the notebook at `file`, as `python notebooks/daily_bi.py` is."""
    return bool(sys.argv[0]) and Path(sys.argv[0]).resolve() == Path(file).resolve()


class Surface:
    """Where a notebook runs: as a script, in an app or an editor, in Jupyter, or in a program that imported it.

    Args:
        file: the notebook's `__file__`; in Jupyter it has none.
        marimo: the module, which the library doesn't import.

    Attributes:
        script: whether this process was started to run the notebook, with nobody to show anything to.
    """

    def __init__(self, file: str | None, marimo: ModuleType) -> None:
        self._marimo = marimo
        # `marimo run` and `marimo edit` name the notebook as the program, too.
        self.script = started_as_script(file or "") and not marimo.running_in_notebook()

    def principal(self) -> Principal | None:
        """Who reads an app that `sophia serve` publishes, as its sign-in told; None for the owner of the process.

        Raises:
            AccessRefused: it is an app, readers have to sign in, and nobody told who this one is.
        """
        if not self._marimo.running_in_notebook() or self._marimo.app_meta().mode != "run":
            return None
        request = self._marimo.app_meta().request
        found = None if request is None else reader_of(request.user)
        if found is None and load_settings().server.authentication != "off":
            raise AccessRefused(
                "Readers of apps have to sign in, and nobody told who this one is.", hint="Open it by `sophia serve`."
            )
        return found

    def arguments(self, known: Sequence[str]) -> dict[str, Any]:
        """What the notebook was started with: a script's options, `known` all of them; in an app or an editor its
        arguments, and what they don't name from the query string. Nothing where a program imported it.

        Raises:
            UnknownName, InputError: a script's options are wrong; see `parse_arguments`.
        """
        if self.script:
            return dict(parse_arguments(sys.argv[1:], known))
        if self._marimo.running_in_notebook():
            return {**self._marimo.query_params().to_dict(), **self._marimo.cli_args().to_dict()}
        return {}

    def attempt(self, work: Callable[[], _Result]) -> _Result:
        """Do it. A user's mistake ends a script with one message, shows itself in an app, and is raised elsewhere."""
        if self.script:
            with script_errors():
                return work()
        try:
            return work()
        except SophiaError as error:
            if not self._marimo.running_in_notebook():
                raise
            told = f"<strong>{escape(error.title)}.</strong> {escape(error.message)}<br>{escape(error.hint or '')}"
            self._marimo.stop(predicate=True, output=self._marimo.callout(self._marimo.Html(told), kind="danger"))
            raise


@contextmanager
def script_errors() -> Iterator[None]:
    """End the process with one message and the error's exit code, without a traceback."""
    try:
        yield
    except SophiaError as error:
        _end(error)
    except KeyboardInterrupt:
        _end(Interrupted("Interrupted by the keyboard.", hint="Nothing was half-written; run it again."))


def _end(error: SophiaError) -> NoReturn:
    where = f"\nWhere: {error.path}" if error.path is not None else ""
    hint = f"\nHint: {error.hint}" if error.hint else ""
    sys.stderr.write(f"{error.title}. {error.message}{where}{hint}\n")
    raise SystemExit(error.exit_code)


def print_summary(brief: DailyBrief, page: Path, *, to: Console | None = None) -> None:
    """Print the key figures as a table, and where the page lies. `to` defaults to standard output."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = to or Console(highlight=False)
    head = brief.header
    if head.demo:
        out.print("DEMO DATA: a fictional company; no number here is about a real one.")
    scope = f"segment {head.segment}" if head.segment else "whole company"
    table = Table(
        title=Text(f"{head.company}, {head.day.isoformat()}, {scope}"),
        title_justify="left",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    table.add_column("Metric")
    for name in ("Value", "vs before", "vs year ago", "vs target"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("Period", no_wrap=True)
    for kpi in (*brief.kpis, *brief.day_kpis):
        changes = (change_fact(brief, kpi, kind) for kind in ("prior_period", "prior_year", "target"))
        cells = ["" if fact is None else fact.display for fact in changes]
        table.add_row(*(Text(cell) for cell in (kpi.value.label, kpi.value.display, *cells, _period(kpi))))
    # In a narrow window labels are wrapped; a number that is cut off would be taken for another.
    labels = [kpi.value.label for kpi in (*brief.kpis, *brief.day_kpis)]
    wraps = max(map(len, labels), default=0) - max((len(word) for label in labels for word in label.split()), default=0)
    window, out.width = out.width, _WIDEST
    out.width = max(window, out.measure(table).maximum - wraps)
    out.print(table)
    out.width = window
    for kpi in (*brief.kpis, *brief.day_kpis):
        if kpi.value.unknown is not None:
            out.print(Text(f"{title_of(kpi)} is unknown: {kpi.value.unknown.reason}"))
    here = Path.cwd()
    shown = page.relative_to(here) if page.is_relative_to(here) else page
    out.print(Text(f"Brief   {shown}"), soft_wrap=True)


def _period(kpi: Kpi) -> str:
    status = kpi.value.freshness.status
    marks = {"fresh": "", "stale": ", STALE", "unknown": ", AGE UNKNOWN"}
    return kpi.value.period.label + marks[status]
