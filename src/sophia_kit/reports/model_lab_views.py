"""The model lab's contents as rows and text: ready to be shown, nothing to compute."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

    from sophia_kit.reports.model_lab import Comparison

__all__ = ["cost_text", "model_rows", "print_comparison", "trial_rows"]


def cost_text(cost: Decimal | None) -> str:
    """US dollars with six places: a prompt costs a thousandth of a cent."""
    return "unknown" if cost is None else f"${cost:.6f}"


def model_rows(comparison: Comparison) -> list[dict[str, str]]:
    """A row a model: what its answers cost, took, and how far they agree."""
    return [
        {
            "Model": one.model,
            "Answered": f"{one.answered} of {one.answered + one.failed}",
            "Cost": cost_text(one.cost_usd),
            "Median time": "unknown" if one.seconds is None else f"{one.seconds:.2f} s",
            "Tokens": "unknown" if one.tokens is None else f"{one.tokens:,}",
            "Agreement": "unknown" if one.agreement is None else f"{one.agreement:.0%}",
            "Right": "unknown" if one.right is None else f"{one.right:.0%}",
        }
        for one in comparison.figures
    ]


def trial_rows(comparison: Comparison) -> list[dict[str, str]]:
    """A row an answer, prompt by prompt."""
    return [
        {
            "Prompt": one.prompt.text,
            "Model": one.model,
            "Answer": one.problem or "" if one.text is None else one.text,
            "Right": "" if one.right is None else "yes" if one.right else "NO",
            "Time": "" if one.seconds is None else f"{one.seconds:.2f} s",
            "Cost": "" if one.text is None else cost_text(one.cost_usd),
        }
        for one in comparison.trials
    ]


def print_comparison(comparison: Comparison, *, to: Console | None = None) -> None:
    """Print each model's figures, and every trial that has a problem. `to` defaults to standard output."""
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    out = to or Console(highlight=False)
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    rows = model_rows(comparison)
    for name in rows[0]:
        table.add_column(name, justify="left" if name == "Model" else "right", no_wrap=True)
    for row in rows:
        table.add_row(*map(Text, row.values()))
    out.print(table)
    for trial in comparison.trials:
        if trial.problem is not None:
            out.print(Text(f"{trial.model}: {trial.problem}"), soft_wrap=True)
