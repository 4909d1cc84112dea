"""What compiling asks of a dialect."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from sqlglot import exp

__all__ = ["SqlDialect"]


class SqlDialect(Protocol):
    """The parts of a statement that warehouses write differently.

    Attributes:
        number: the type of every value: wide enough for sums of amounts (two places) times rates (eight places).
        expands_lists: whether a list is bound as one parameter for each item, so that a statement is for so many
            periods and members as it was compiled for.
    """

    @property
    def number(self) -> str: ...

    @property
    def expands_lists(self) -> bool: ...

    def expression(self, tree: exp.Expression) -> str:
        """SQL of a checked expression whose columns are qualified."""

    def count_where(self, condition: str) -> str:
        """How many rows of the group meet a condition."""

    def texts_where(self, text: str, condition: str) -> str:
        """The distinct texts of the group's rows that meet a condition, in one value."""

    def texts_of(self, column: str) -> str:
        """The texts of a column made by `texts_where`, in one value."""

    def read_texts(self, value: Any) -> list[str]:
        """The texts of such a value as it arrives."""

    def periods(self, columns: Mapping[str, str], count: int) -> tuple[str, tuple[str, ...]]:
        """A SELECT of a row for each period, from parameter to the column of DATE it fills; and its parameters."""

    def within_period(self, time: str, opening: str) -> tuple[tuple[tuple[str, str], ...], str, str]:
        """How rows whose day lies in a period meet it: further steps (name, SELECT), the join, and the alias that has
        `period_start`. `opening` is the column of `periods` with the first day that counts."""

    def among(self, expression: str, parameter: str, count: int) -> tuple[str, tuple[str, ...]]:
        """Whether a text is one of the members of a parameter; and its parameters."""

    def bind(self, parameter: str, items: Sequence[Any]) -> dict[str, Any]:
        """A list of items as the parameters that `periods` and `among` read."""
