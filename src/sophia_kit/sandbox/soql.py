"""The part of SOQL that the sandbox understands.

    SELECT COUNT() | field, ... FROM object
    [WHERE field (= | != | < | <= | > | >=) value [AND ...]]  [ORDER BY field [ASC|DESC], ...]  [LIMIT n]

Values are 'text', true, false, null, numbers, days and moments (2025-12-31T23:59:59Z). After Salesforce's "SOQL and
SOSL Reference". Anything else is refused as Salesforce refuses what it can't parse: MALFORMED_QUERY.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

__all__ = ["Condition", "Query", "SoqlError", "moment_text", "parse"]

_TOKEN = re.compile(
    r"\s*(?:(?P<moment>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))|(?P<day>\d{4}-\d\d-\d\d)"
    r"|(?P<number>-?\d+(?:\.\d+)?)|(?P<text>'(?:[^'\\]|\\.)*')|(?P<word>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<sign>!=|<>|<=|>=|=|<|>|,|\(|\)))"
)
_SIGNS = ("=", "!=", "<>", "<", "<=", ">", ">=")


class SoqlError(Exception):
    """A query that can't be answered: an error code of Salesforce, and what is wrong."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


@dataclass(frozen=True, slots=True)
class Condition:
    field: str
    sign: str
    value: Any

    def holds(self, record: Mapping[str, Any]) -> bool:
        """As in SOQL: null is equal to null only, and less or greater than nothing. Text compares without case."""
        found, wanted = record[self.field], self.value
        if isinstance(found, str) and isinstance(wanted, str):
            found, wanted = found.lower(), wanted.lower()
        if self.sign == "=":
            return bool(found == wanted)
        if self.sign in ("!=", "<>"):
            return bool(found != wanted)
        if found is None or wanted is None or isinstance(found, str) != isinstance(wanted, str):
            return False
        if self.sign == "<":
            return bool(found < wanted)
        if self.sign == "<=":
            return bool(found <= wanted)
        return bool(found > wanted if self.sign == ">" else found >= wanted)


@dataclass(frozen=True, slots=True)
class Query:
    """A parsed query; `fields` is empty for COUNT()."""

    fields: tuple[str, ...]
    source: str
    where: tuple[Condition, ...]
    order: tuple[tuple[str, bool], ...]
    limit: int | None


def moment_text(moment: datetime) -> str:
    """A moment as Salesforce writes it; such texts sort as the moments do."""
    moment = moment.astimezone(UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}+0000"


class _Tokens:
    def __init__(self, text: str) -> None:
        self._text = text
        self._found: list[tuple[str, str]] = []
        place, text = 0, text.rstrip()
        while place < len(text):
            match = _TOKEN.match(text, place)
            if match is None:
                raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text[place:].strip()[:20]}'")
            self._found.append((str(match.lastgroup), match[str(match.lastgroup)]))
            place = match.end()
        self._place = 0

    def peek(self) -> tuple[str, str]:
        return self._found[self._place] if self._place < len(self._found) else ("end", "<EOF>")

    def take(self) -> tuple[str, str]:
        token = self.peek()
        self._place += 1
        return token

    def accept(self, word: str) -> bool:
        kind, text = self.peek()
        if kind in ("word", "sign") and text.upper() == word:
            self._place += 1
            return True
        return False

    def expect(self, word: str) -> None:
        if not self.accept(word):
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{self.peek()[1]}', expected {word}")

    def name(self) -> str:
        kind, text = self.take()
        if kind != "word":
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}', expected a name")
        return text


def parse(text: str) -> Query:
    """Parse a query.

    Raises:
        SoqlError: MALFORMED_QUERY.
    """
    tokens = _Tokens(text)
    tokens.expect("SELECT")
    fields: list[str] = []
    if tokens.accept("COUNT"):
        tokens.expect("(")
        tokens.expect(")")
    else:
        fields.append(tokens.name())
        while tokens.accept(","):
            fields.append(tokens.name())
    tokens.expect("FROM")
    source = tokens.name()
    where: list[Condition] = []
    if tokens.accept("WHERE"):
        where.append(_condition(tokens))
        while tokens.accept("AND"):
            where.append(_condition(tokens))
    order: list[tuple[str, bool]] = []
    if tokens.accept("ORDER"):
        tokens.expect("BY")
        order.append(_order(tokens))
        while tokens.accept(","):
            order.append(_order(tokens))
    limit = None
    if tokens.accept("LIMIT"):
        kind, digits = tokens.take()
        if kind != "number" or not digits.isdigit():
            raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{digits}', expected a number")
        limit = int(digits)
    if tokens.peek()[0] != "end":
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{tokens.peek()[1]}'")
    return Query(tuple(fields), source, tuple(where), tuple(order), limit)


def _order(tokens: _Tokens) -> tuple[str, bool]:
    field = tokens.name()
    descending = tokens.accept("DESC")
    if not descending:
        tokens.accept("ASC")
    return field, descending


def _condition(tokens: _Tokens) -> Condition:
    field = tokens.name()
    sign = tokens.take()[1]
    if sign not in _SIGNS:
        raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{sign}', expected a comparison")
    return Condition(field, sign, _value(*tokens.take()))


def _value(kind: str, text: str) -> Any:
    if kind == "moment":
        return moment_text(datetime.fromisoformat(text))
    if kind == "day":
        return text
    if kind == "number":
        return float(text)
    if kind == "text":
        return re.sub(r"\\(.)", r"\1", text[1:-1])
    plain = {"true": True, "false": False, "null": None}
    if kind == "word" and text.lower() in plain:
        return plain[text.lower()]
    raise SoqlError("MALFORMED_QUERY", f"unexpected token: '{text}', expected a value")
