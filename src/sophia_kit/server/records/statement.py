"""The SQL of a page: declared columns, bound filters, the caller's rows, and what comes after a position.

Nothing that a caller sends becomes part of a statement's text.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

from sophia_kit.core.errors import AccessRefused
from sophia_kit.metrics import NOT_SET
from sophia_kit.metrics.dialects import dialect_of
from sophia_kit.metrics.schema import canonical

if TYPE_CHECKING:
    from sophia_kit.metrics import Principal
    from sophia_kit.server.records.resource import Filter, Resource
    from sophia_kit.warehouse import Dialect

__all__ = ["Statement"]


class Statement:
    """A SELECT over a resource, as it is put together.

    Attributes:
        params: what is bound, by name.
    """

    def __init__(self, resource: Resource, dialect: Dialect) -> None:
        self.params: dict[str, Any] = {}
        self._resource = resource
        self._dialect = dialect_of(dialect)
        self._joins = list(resource.joins)
        self._conditions = [resource.where] if resource.where else []

    def restrict(self, principal: Principal, asked: Mapping[str, Sequence[str]]) -> None:
        """Only rows that the principal may see. `asked` are the members that filters name, by dimension.

        Raises:
            AccessRefused: rows can't be told apart by what restricts the principal, no member is permitted, or a filter
                names one that isn't.
        """
        for index, dimension in enumerate(dict.fromkeys(name for name, _ in principal.attributes)):
            members = principal.permits(dimension)
            path = self._resource.dimensions.get(dimension)
            if path is None:
                raise AccessRefused(
                    f"{principal.name} may see some of {dimension} only, and {self._resource.name} can't be told apart "
                    "by it.",
                    hint=f"Ask for rows that have a {dimension}, or who administers access.",
                )
            if not members:
                raise AccessRefused(
                    f"{principal.name} may see no {dimension} at all.",
                    hint="Ask who administers access for a member of it.",
                )
            for member in asked.get(dimension, ()):
                if member not in members:
                    raise AccessRefused(
                        f"{principal.name} may not see {dimension} {member!r}.",
                        hint=f"Permitted: {', '.join(members)}.",
                    )
            self._among(f"coalesce(CAST({self._reach(path)} AS VARCHAR), '{NOT_SET}')", f"principal_{index}", members)

    def filter(self, item: Filter, value: Any) -> None:
        """Only rows that meet a filter."""
        sql = self._resource.column(item.column).sql
        name = f"filter_{item.name}"
        match item.kind:
            case "among":
                self._among(f"CAST({sql} AS VARCHAR)", name, value)
                return
            case "is":
                self._conditions.append(sql if value else f"NOT ({sql})")
                return
            case "from":
                condition = f"{sql} >= {_typed(name, value)}"
            case "before":
                condition = f"{sql} < {_typed(name, value)}"
            case "contains":
                condition = f"contains(lower({sql}), lower(${name}))"
            case "under":
                value = value.rstrip("/")
                condition = f"({sql} = ${name} OR left({sql}, length(${name}) + 1) = ${name} || '/')"
        self._bind(name, value)
        self._conditions.append(condition)

    def only(self, column: str, members: Sequence[str]) -> None:
        """Only rows with one of these texts in a column."""
        self._among(self._resource.column(column).sql, f"only_{column}", members)

    def after(self, position: Sequence[Any]) -> None:
        """Only rows that come after a position: the values of the columns that rows are ordered by."""
        sign = "<" if self._resource.descending else ">"
        ways, same = [], ""
        for name, value in zip(self._resource.order, position, strict=True):
            sql = self._resource.column(name).sql
            bound = _typed(f"after_{name}", value)
            self._bind(f"after_{name}", value)
            ways.append(f"({same}{sql} {sign} {bound})")
            same += f"{sql} = {bound} AND "
        self._conditions.append(f"({' OR '.join(ways)})")

    def rows(self, columns: Sequence[str], limit: int) -> str:
        """The SELECT of at most `limit` rows, in order."""
        way = " DESC" if self._resource.descending else ""
        ordered = ", ".join(f"{self._resource.column(name).sql}{way}" for name in self._resource.order)
        return f"{self.unordered(columns)}\nORDER BY {ordered}\nLIMIT {int(limit)}"

    def distinct(self, column: str) -> str:
        """The SELECT of the values of a column, each once."""
        return f"SELECT DISTINCT {column} FROM (\n{self.unordered([column])}\n) AS of_it"  # noqa: S608  # a declared name

    def unordered(self, columns: Sequence[str]) -> str:
        """The SELECT of all rows."""
        listed = ",\n".join(f"  {self._resource.column(name).sql} AS {name}" for name in columns)
        where = "\nWHERE " + "\n  AND ".join(self._conditions) if self._conditions else ""
        return "\n".join([f"SELECT\n{listed}", f"FROM {self._resource.view} AS base", *self._joins]) + where

    def _among(self, sql: str, name: str, members: Sequence[str]) -> None:
        condition, _ = self._dialect.among(sql, name, len(members))
        self.params |= self._dialect.bind(name, list(members))
        self._conditions.append(condition)

    def _bind(self, name: str, value: Any) -> None:
        if isinstance(value, datetime):
            value = value.astimezone(UTC).replace(tzinfo=None) if value.tzinfo else value
        self.params[name] = value

    def _reach(self, path: str) -> str:
        """SQL of a column that a dimension's path leads to."""
        resolved = canonical().resolve_path(self._resource.view, path)
        here = "base"
        for hop in resolved.hops:
            alias = f"reached_{len(self._joins)}"
            self._joins.append(f"LEFT JOIN {hop.view} AS {alias} ON {alias}.{hop.key} = {here}.{hop.column}")
            here = alias
        return f"{here}.{resolved.column}"


def _typed(name: str, value: Any) -> str:
    """A parameter in SQL. The cast keeps a day a day on every engine."""
    if isinstance(value, datetime):
        return f"CAST(${name} AS TIMESTAMP)"
    return f"CAST(${name} AS DATE)" if isinstance(value, date) else f"${name}"
