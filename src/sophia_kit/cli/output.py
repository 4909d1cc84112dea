"""Output formats that commands share."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date, datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from _typeshed import DataclassInstance
    from rich.console import Console
    from rich.table import Table

__all__ = ["Format", "FormatOption", "plain_table", "print_json", "print_table"]

_WIDEST = 1000


class Format(StrEnum):
    table = "table"
    json = "json"


FormatOption = Annotated[Format, typer.Option("--format", help="Table for reading, JSON for programs.")]


def print_json(records: Sequence[DataclassInstance]) -> None:
    """Print dataclasses as a JSON array; decimals as strings, so that no digit is lost."""
    sys.stdout.write(json.dumps([asdict(record) for record in records], default=_plain, indent=2) + "\n")


def plain_table(*columns: str) -> Table:
    """A table without lines."""
    from rich.table import Table

    return Table(*columns, box=None, pad_edge=False)


def print_table(table: Table, out: Console | None = None) -> None:
    """Print a line a row, also where it is wider than the window: a name that is cut off can't be copied, and of a
    number the rest would be taken for the whole."""
    from sophia_kit.cli.context import console

    out = out or console()
    window = out.width
    out.width = _WIDEST
    out.width = max(window, out.measure(table).maximum)
    out.print(table)
    out.width = window


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal | Path):
        return str(value)
    if isinstance(value, datetime | date):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} has no JSON form")
