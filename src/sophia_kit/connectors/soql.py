"""SOQL, the part of it that the kit speaks: one SELECT over one object, built and checked here alone.

    SELECT field, ... FROM object [WHERE condition AND ...] [ORDER BY field [ASC|DESC], ...] [LIMIT n]

Clauses that write are outside of it: `FOR VIEW`, `FOR REFERENCE`, `FOR UPDATE`, `UPDATE TRACKING`, `UPDATE VIEWSTAT`.
Grammar: Salesforce, "SOQL and SOSL Reference", SELECT syntax and Reserved Keywords.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal

from sophia_kit.core.errors import QueryRefused

__all__ = ["Condition", "Order", "Select", "Value", "require_select"]

Value = str | int | bool | date | datetime | None
Operator = Literal["=", "!=", "<", "<=", ">", ">="]

_OPERATORS = ("=", "!=", "<", "<=", ">", ">=")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_{1,2}[A-Za-z0-9]+)*")
_RESERVED = re.compile(
    "and|asc|by|desc|excludes|false|first|for|from|group|having|in|includes|last|like|limit|not|null|nulls|or|order|"
    "select|true|update|using|where|with",
    re.IGNORECASE,
)
_HINT = "The kit reads Salesforce with one SELECT over one object, built in connectors/soql.py."


@dataclass(frozen=True, slots=True)
class Condition:
    """`field operator value`; a `datetime` needs its time zone."""

    field: str
    operator: Operator
    value: Value

    def __str__(self) -> str:
        if self.operator not in _OPERATORS:
            raise _refused(f"{self.operator!r} is not an operator")
        return f"{_path(self.field)} {self.operator} {literal(self.value)}"


@dataclass(frozen=True, slots=True)
class Order:
    """A field to sort by."""

    field: str
    descending: bool = False

    def __str__(self) -> str:
        return _path(self.field) + (" DESC" if self.descending else "")


@dataclass(frozen=True, slots=True)
class Select:
    """A query. `str()` of it is SOQL.

    Raises (on `str()`):
        QueryRefused: no fields, a name that is no identifier, or a value that has no literal.
    """

    fields: tuple[str, ...]
    source: str
    where: tuple[Condition, ...] = ()
    order_by: tuple[Order, ...] = ()
    limit: int | None = None

    def __str__(self) -> str:
        if not self.fields:
            raise _refused("it selects no field")
        text = f"SELECT {', '.join(_path(name) for name in self.fields)} FROM {_identifier(self.source)}"  # noqa: S608
        if self.where:
            text += " WHERE " + " AND ".join(str(condition) for condition in self.where)
        if self.order_by:
            text += " ORDER BY " + ", ".join(str(order) for order in self.order_by)
        if self.limit is not None:
            if self.limit < 0:
                raise _refused("its limit is negative")
            text += f" LIMIT {self.limit}"
        return text


def literal(value: Value) -> str:
    """`value` as SOQL writes it: strings quoted and escaped, times in UTC without quotes."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise _refused("a time in it has no time zone")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, date):
        return value.isoformat()
    return "'" + "".join(_ESCAPES.get(character, character) for character in value) + "'"


def require_select(text: str) -> Select:
    """Parse SOQL; what comes back says the same as `text`.

    Raises:
        QueryRefused: anything outside the grammar above.
    """
    return _Parser(text).query()


_ESCAPES = {"\\": "\\\\", "'": "\\'", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_UNESCAPES = {written[1]: meant for meant, written in _ESCAPES.items()}

_TOKEN = re.compile(
    r"""\s*(?:
      (?P<time>\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?(?:Z|[+-]\d{2}:\d{2}))
    | (?P<date>\d{4}-\d{2}-\d{2})
    | (?P<number>-?\d+)(?![\w.])
    | (?P<string>'(?:[^'\\]|\\.)*')
    | (?P<name>[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*)*)
    | (?P<operator>!=|<=|>=|=|<|>)
    | (?P<comma>,)
    )""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


class _Parser:
    def __init__(self, text: str) -> None:
        self._tokens = [*_tokens(text), _Token("end", "")]
        self._at = 0

    def query(self) -> Select:
        self._keyword("SELECT")
        fields = [self._name()]
        while self._accept("comma"):
            fields.append(self._name())
        self._keyword("FROM")
        source = _identifier(self._name())
        where: list[Condition] = []
        if self._said("WHERE"):
            where.append(self._condition())
            while self._said("AND"):
                where.append(self._condition())
        order: list[Order] = []
        if self._said("ORDER"):
            self._keyword("BY")
            order.append(self._order())
            while self._accept("comma"):
                order.append(self._order())
        limit = int(self._take("number").text) if self._said("LIMIT") else None
        self._take("end")
        found = Select(tuple(fields), source, tuple(where), tuple(order), limit)
        str(found)
        return found

    def _condition(self) -> Condition:
        name = self._name()
        operator = self._take("operator").text
        token = self._tokens[self._at]
        self._at += 1
        known: dict[str, Operator] = {"=": "=", "!=": "!=", "<": "<", "<=": "<=", ">": ">", ">=": ">="}
        return Condition(name, known[operator], _value(token))

    def _order(self) -> Order:
        name = self._name()
        if self._said("DESC"):
            return Order(name, descending=True)
        self._said("ASC")
        return Order(name)

    def _name(self) -> str:
        return _path(self._take("name").text)

    def _said(self, word: str) -> bool:
        token = self._tokens[self._at]
        if token.kind == "name" and token.text.upper() == word:
            self._at += 1
            return True
        return False

    def _keyword(self, word: str) -> None:
        if not self._said(word):
            raise _refused(f"{word} is missing where {self._shown()} stands")

    def _accept(self, kind: str) -> bool:
        if self._tokens[self._at].kind == kind:
            self._at += 1
            return True
        return False

    def _take(self, kind: str) -> _Token:
        token = self._tokens[self._at]
        if token.kind != kind:
            raise _refused(f"{self._shown()} is not expected where a {kind} belongs")
        self._at += 1
        return token

    def _shown(self) -> str:
        return repr(self._tokens[self._at].text[:40]) if self._tokens[self._at].text else "the end"


def _tokens(text: str) -> Iterator[_Token]:
    at, end = 0, len(text.rstrip())
    while at < end:
        match = _TOKEN.match(text, at, end)
        if match is None or match.lastgroup is None:
            raise _refused(f"{text[at : at + 40].strip()!r} is outside the grammar")
        yield _Token(match.lastgroup, match.group(match.lastgroup))
        at = match.end()


def _value(token: _Token) -> Value:
    try:
        if token.kind == "string":
            return re.sub(r"\\(.)", _unescaped, token.text[1:-1], flags=re.DOTALL)
        if token.kind == "number":
            return int(token.text)
        if token.kind == "time":
            return datetime.fromisoformat(token.text)
        if token.kind == "date":
            return date.fromisoformat(token.text)
    except ValueError as error:
        raise _refused(f"{token.text[:40]!r} is not a value: {error}") from None
    words: dict[str, Value] = {"null": None, "true": True, "false": False}
    if token.kind == "name" and token.text.lower() in words:
        return words[token.text.lower()]
    raise _refused(f"{token.text[:40]!r} is not a value")


def _unescaped(match: re.Match[str]) -> str:
    try:
        return _UNESCAPES[match.group(1)]
    except KeyError:
        raise _refused(f"{match.group(0)!r} is not an escape") from None


def _path(text: str) -> str:
    parts: Sequence[str] = text.split(".")
    if len(parts) > 6:
        raise _refused(f"{text[:80]!r} crosses more than five relations")
    return ".".join(_identifier(part) for part in parts)


def _identifier(text: str) -> str:
    if len(text) > 255 or not _IDENTIFIER.fullmatch(text) or _RESERVED.fullmatch(text):
        raise _refused(f"{text[:80]!r} is not the name of a field or object")
    return text


def _refused(reason: str) -> QueryRefused:
    return QueryRefused(f"This SOQL was not sent: {reason}.", hint=_HINT, provider="salesforce")
