"""`sophia ask`: a question in plain English, and the metric query that answers it."""

from __future__ import annotations

import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.metrics import print_explanation, print_result
from sophia_kit.cli.output import Format, FormatOption

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.metrics.question import Answer

__all__ = ["ASKS", "DECLINED", "ask_command"]

ASKS = 12
"""Exit status when it has to be asked again, more exactly."""
DECLINED = 13
"""Exit status when the catalogue doesn't answer it."""


def ask_command(
    question: Annotated[list[str], typer.Argument(help="The question, e.g. top 5 customers by revenue.")],
    day: Annotated[
        datetime | None, typer.Option(formats=["%Y-%m-%d"], help="The day it is asked on; default: today.")
    ] = None,
    explain: Annotated[bool, typer.Option("--explain", help="Show what the metric is, too.")] = False,
    demo: Annotated[bool, typer.Option("--demo", help="Ask the demo company.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Answer a question in plain English with a metric, or ask back, or say why not."""
    from sophia_kit.metrics import explain as explain_metric
    from sophia_kit.metrics.json_form import json_text
    from sophia_kit.metrics.question import ask
    from sophia_kit.metrics.question.json_form import answer_record

    settings = open_settings(demo)
    answer = ask(" ".join(question), day=day.date() if day else None, settings=settings)
    if format is Format.json:
        sys.stdout.write(json_text(answer_record(answer, demo=demo)))
    else:
        out = console()
        _print_answer(out, answer, demo=demo)
        if explain and answer.query is not None:
            out.print()
            print_explanation(out, explain_metric(answer.query.metric, settings=settings))
    if answer.status != "answered":
        raise typer.Exit(ASKS if answer.status == "asks" else DECLINED)


def _print_answer(out: Console, answer: Answer, *, demo: bool) -> None:
    from rich.text import Text

    from sophia_kit.metrics.question.json_form import full_command

    for note in answer.notes:
        out.print(Text(f"Note: {note}.", style="dim"), soft_wrap=True)
    if answer.result is None:
        out.print(Text(answer.reason or "", style="yellow"), soft_wrap=True)
        if answer.options:
            out.print("Did you mean:" if answer.status == "asks" else "Nearest in the catalogue:")
        for option in answer.options:
            out.print(Text(f"  {option.understood}"), soft_wrap=True)
            out.print(Text(f"    {full_command(option, demo=demo)}", style="dim"), soft_wrap=True)
        return
    out.print(Text(f"Understood: {answer.understood}"), soft_wrap=True)
    if answer.change is not None:
        out.print(Text(answer.change.text()), soft_wrap=True)
    else:
        print_result(out, answer.result)
    if answer.total is not None:
        out.print(Text(f"All together: {answer.total.display}"))
    out.print(Text(full_command(answer, demo=demo), style="dim"), soft_wrap=True)
