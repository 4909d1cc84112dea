"""Reads contracts from YAML. Every mistake is located by file and line.

table: payments                 name of the raw table; also the file's name
description: A payment attempt.
source: landing                 the connector, or `landing`
resource: payments              the object or folder at the source
source_system: payments_platform
freshness_hours: 36
deleted_field: is_deleted       optional
days: {paid_day: paid_at}       optional: company day of a timestamp
new_fields: note                optional: fields not named here are noted, not stored
columns:
  - {name: source_id, from: source_id, type: string, required: true}
  - {name: email, from: email, type: string, privacy: hash}
  - {name: amount, from: amount, type: "decimal(18,2)", min: 0}
  - {name: modified_at, from: modified_at, type: timestamp, required: true}
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import NoReturn, cast

import yaml

from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.yaml_text import LOADER
from sophia_kit.ingest.contract import (
    KEY,
    MODIFIED,
    RESERVED,
    Column,
    Contract,
    Kind,
    NewFields,
    Privacy,
    privacy_problem,
)

__all__ = ["load_contracts", "read_contract"]

_NAME = re.compile(r"^[a-z][a-z0-9_]*$")
_DECIMAL = re.compile(r"^decimal\((\d+),\s*(\d+)\)$")
_KINDS = ("string", "bool", "int", "date", "timestamp")
_TOP = ("table", "description", "source", "resource", "source_system", "freshness_hours", "columns")
_TOP_OPTIONAL = ("deleted_field", "days", "new_fields")
_COLUMN = ("name", "from", "type")
_COLUMN_OPTIONAL = ("required", "min", "max", "values", "privacy")
_PRIVACY = ("keep", "hash", "drop")
_NEW_FIELDS = ("keep", "note")


def load_contracts(directory: Path | None = None) -> dict[str, Contract]:
    """The contracts in `directory` (default: those of the library), by table.

    Raises:
        DefinitionError: a file is wrong, or none is there.
    """
    if directory is None:
        return dict(_library())
    return _load(directory)


@cache
def _library() -> dict[str, Contract]:
    return _load(resources.files("sophia_kit.ingest") / "contracts")


def _load(directory: Traversable) -> dict[str, Contract]:
    files = sorted((file for file in directory.iterdir() if file.name.endswith(".yaml")), key=lambda file: file.name)
    if not files:
        raise DefinitionError("no contract (*.yaml) in this folder", file=str(directory))
    contracts = [read_contract(file.read_text(encoding="utf-8"), file.name) for file in files]
    delivered: dict[tuple[str, str], str] = {}
    for contract in contracts:
        other = delivered.setdefault((contract.source, contract.resource), contract.table)
        if other != contract.table:
            raise DefinitionError(
                f"{contract.source} {contract.resource} is already the source of table {other}",
                file=f"{contract.table}.yaml",
            )
    return {contract.table: contract for contract in contracts}


def read_contract(text: str, file: str) -> Contract:
    """One contract from YAML; `file` is its name, `<table>.yaml`.

    Raises:
        DefinitionError: names the line, what is wrong and what would be right.
    """
    try:
        root = yaml.compose(text, Loader=LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        raise DefinitionError(
            f"not valid YAML: {error.problem}",
            file=file,
            line=mark.line + 1 if mark else None,
            hint="Text that holds ': ' or starts with a special character needs quotes.",
        ) from None
    except yaml.YAMLError as error:
        raise DefinitionError(f"not valid YAML: {error}", file=file) from None
    if root is None:
        raise DefinitionError("the file is empty", file=file, hint="docs/ingest.md shows a contract.")
    return _Reader(file).contract(root)


class _Reader:
    def __init__(self, file: str) -> None:
        self._file = file

    def contract(self, root: yaml.Node) -> Contract:
        top = self._mapping(root, "the contract", _TOP, _TOP_OPTIONAL)
        table = self._identifier(top["table"], "table")
        if self._file != f"{table}.yaml":
            self._wrong(top["table"], f"table {table!r} belongs in {table}.yaml")
        columns_node = top["columns"]
        if not isinstance(columns_node, yaml.SequenceNode) or not columns_node.value:
            self._wrong(columns_node, "columns must be a list of columns")
        columns = tuple(self._column(node) for node in columns_node.value)
        self._check_columns(columns, columns_node)
        hours = self._number(top["freshness_hours"], "freshness_hours")
        if hours <= 0:
            self._wrong(top["freshness_hours"], "freshness_hours must be above 0")
        deleted = self._text(top["deleted_field"], "deleted_field") if "deleted_field" in top else None
        if deleted is not None and deleted in {column.field for column in columns}:
            self._wrong(top["deleted_field"], f"deleted_field {deleted!r} is also the source of a column")
        days = self._days(top["days"], columns) if "days" in top else ()
        for column, node in zip(columns, columns_node.value, strict=True):
            if (problem := privacy_problem(column, column.privacy, days)) is not None:
                self._wrong(node, problem)
            if column.privacy == "drop" and column.required:
                self._wrong(node, f"{column.name} is required, and what is dropped isn't even asked for")
        return Contract(
            table=table,
            description=self._text(top["description"], "description"),
            source=self._identifier(top["source"], "source"),
            resource=self._text(top["resource"], "resource"),
            source_system=self._identifier(top["source_system"], "source_system"),
            freshness_hours=float(hours),
            columns=columns,
            deleted_field=deleted,
            days=days,
            new_fields=cast(NewFields, self._choice(top.get("new_fields"), "new_fields", _NEW_FIELDS)),
        )

    def _column(self, node: yaml.Node) -> Column:
        entry = self._mapping(node, "a column", _COLUMN, _COLUMN_OPTIONAL)
        name = self._identifier(entry["name"], "name")
        if name in RESERVED:
            self._wrong(entry["name"], f"column {name!r} is written by the loader; choose another name")
        kind, precision, scale = self._type(entry["type"])
        for limit in ("min", "max"):
            if limit in entry and kind not in ("int", "decimal"):
                self._wrong(entry[limit], f"{limit} is for int and decimal columns; {name} is {kind}")
        if "values" in entry and kind != "string":
            self._wrong(entry["values"], f"values is for string columns; {name} is {kind}")
        low = self._number(entry["min"], "min") if "min" in entry else None
        high = self._number(entry["max"], "max") if "max" in entry else None
        if low is not None and high is not None and low > high:
            self._wrong(entry["min"], f"min {low} is above max {high}")
        required = self._flag(entry["required"], "required") if "required" in entry else False
        privacy = cast(Privacy, self._choice(entry.get("privacy"), "privacy", _PRIVACY))
        return Column(
            name=name,
            field=self._text(entry["from"], "from"),
            kind=kind,
            precision=precision,
            scale=scale,
            required=required,
            minimum=low,
            maximum=high,
            values=self._values(entry["values"]) if "values" in entry else None,
            privacy=privacy,
        )

    def _type(self, node: yaml.Node) -> tuple[Kind, int, int]:
        text = self._text(node, "type")
        if text in _KINDS:
            return cast(Kind, text), 0, 0
        if (match := _DECIMAL.match(text)) is None:
            self._wrong(node, f"no such type: {text!r}", f"One of {', '.join(_KINDS)}, decimal(18,2).")
        precision, scale = int(match[1]), int(match[2])
        if not 1 <= precision <= 38 or scale > precision:
            self._wrong(node, f"{text}: precision is 1 to 38, scale 0 to precision")
        return "decimal", precision, scale

    def _check_columns(self, columns: tuple[Column, ...], node: yaml.Node) -> None:
        for attribute, what in (("name", "name"), ("field", "from")):
            seen = [getattr(column, attribute) for column in columns]
            for index, value in enumerate(seen):
                if value in seen[:index]:
                    self._wrong(node.value[index], f"{what} {value!r} is given twice")
        by_name = {column.name: column for column in columns}
        for name, kind in ((KEY, "string"), (MODIFIED, "timestamp")):
            column = by_name.get(name)
            if column is None or column.kind != kind or not column.required:
                where = node if column is None else node.value[columns.index(column)]
                self._wrong(where, f"a required column {name} of type {kind} is needed")

    def _days(self, node: yaml.Node, columns: tuple[Column, ...]) -> tuple[tuple[str, str], ...]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, "days must map a name to a timestamp column")
        kinds = {column.name: column.kind for column in columns}
        days: list[tuple[str, str]] = []
        for key, value in node.value:
            day, of = self._identifier(key, "days"), self._text(value, "days")
            if day in kinds or day in RESERVED or day in {name for name, _ in days}:
                self._wrong(key, f"days: {day!r} is already a column")
            if kinds.get(of) != "timestamp":
                self._wrong(value, f"days: {of!r} is not a timestamp column", _nearest(of, kinds))
            days.append((day, of))
        return tuple(days)

    def _mapping(
        self, node: yaml.Node, what: str, required: tuple[str, ...], optional: tuple[str, ...]
    ) -> dict[str, yaml.Node]:
        if not isinstance(node, yaml.MappingNode):
            self._wrong(node, f"{what} must be a mapping")
        found: dict[str, yaml.Node] = {}
        for key, value in node.value:
            name = self._text(key, "a key")
            if name not in required + optional:
                self._wrong(key, f"unknown key {name!r} in {what}", _nearest(name, required + optional))
            if name in found:
                self._wrong(key, f"key {name!r} is given twice in {what}")
            found[name] = value
        for name in required:
            if name not in found:
                self._wrong(node, f"{what} lacks {name!r}")
        return found

    def _values(self, node: yaml.Node) -> tuple[str, ...]:
        if not isinstance(node, yaml.SequenceNode) or not node.value:
            self._wrong(node, "values must be a list of strings")
        return tuple(self._text(item, "values") for item in node.value)

    def _choice(self, node: yaml.Node | None, name: str, known: tuple[str, ...]) -> str:
        """One of `known`; the first when it isn't given."""
        if node is None:
            return known[0]
        text = self._text(node, name)
        if text not in known:
            self._wrong(node, f"{name} {text!r} is none of {', '.join(known)}")
        return text

    def _text(self, node: yaml.Node, name: str) -> str:
        if not isinstance(node, yaml.ScalarNode) or node.tag != "tag:yaml.org,2002:str" or not node.value:
            self._wrong(node, f"{name} must be text", "Put it in quotes if it reads as a number, date or truth value.")
        return str(node.value)

    def _identifier(self, node: yaml.Node, name: str) -> str:
        text = self._text(node, name)
        if not _NAME.match(text):
            self._wrong(node, f"{name} {text!r}: lower-case letters, digits and _ only, a letter first")
        return text

    def _number(self, node: yaml.Node, name: str) -> Decimal:
        number = Decimal("NaN")
        if isinstance(node, yaml.ScalarNode) and node.tag in ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float"):
            with suppress(InvalidOperation):
                number = Decimal(node.value)
        if not number.is_finite():
            self._wrong(node, f"{name} must be a number")
        return number

    def _flag(self, node: yaml.Node, name: str) -> bool:
        if not isinstance(node, yaml.ScalarNode) or node.value not in ("true", "false"):
            self._wrong(node, f"{name} must be true or false")
        return bool(node.value == "true")

    def _wrong(self, node: yaml.Node, message: str, hint: str | None = None) -> NoReturn:
        raise DefinitionError(message, file=self._file, line=node.start_mark.line + 1, hint=hint)


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), n=1)
    return f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
