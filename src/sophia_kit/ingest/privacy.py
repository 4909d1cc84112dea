"""What is stored of personal fields: what the contract says, or the settings in its place.

A hash is `hmac-sha256:` and 64 hex digits: HMAC-SHA256 (RFC 2104) under `privacy.hash_key` of the value in Unicode's
composed form (NFC), without spaces around it, and case-folded where it holds an @. Equal values have equal hashes, in
whatever table they are; without the key nobody can try out values.
"""

from __future__ import annotations

import difflib
import hmac
import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

import polars as pl

from sophia_kit.core.errors import ConfigError
from sophia_kit.ingest.contract import Column, Contract, Privacy, privacy_problem

__all__ = ["HASHED", "Treatment", "is_private", "kind_of", "policy_text", "with_policy"]

HASHED: Final = re.compile(r"hmac-sha256:[0-9a-f]{64}")
_NOT_KEPT: Final = "not kept"


def with_policy(contracts: Mapping[str, Contract], fields: Mapping[str, Privacy]) -> dict[str, Contract]:
    """The contracts under the settings' `privacy.fields`.

    Raises:
        ConfigError: it names a table or column that there isn't, or asks what can't be.
    """
    found = dict(contracts)
    for name, privacy in fields.items():
        table, _, wanted = name.partition(".")
        if table not in found:
            raise _wrong(name, f"there is no raw table {table!r}", table, found)
        contract = found[table]
        by_name = {column.name: column for column in contract.columns}
        if wanted not in by_name:
            raise _wrong(name, f"raw table {table} has no column {wanted!r}", wanted, by_name)
        problem = privacy_problem(by_name[wanted], privacy, contract.days)
        if problem is not None:
            raise ConfigError(f"privacy.fields, {name}: {problem}.", hint="See docs/privacy.md.")
        by_name[wanted] = replace(by_name[wanted], privacy=privacy)
        found[table] = replace(contract, columns=tuple(by_name.values()))
    return found


def _wrong(name: str, what: str, given: str, known: Mapping[str, object]) -> ConfigError:
    near = difflib.get_close_matches(given, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"Known: {', '.join(known)}."
    return ConfigError(f"privacy.fields, {name}: {what}.", hint=hint)


def is_private(contract: Contract) -> bool:
    """Whether anything that its source delivers isn't stored as it is."""
    return contract.new_fields == "note" or any(column.privacy != "keep" for column in contract.columns)


def policy_text(contract: Contract) -> str:
    """What a contract doesn't keep, as a snapshot notes it."""
    columns = {column.name: column.privacy for column in contract.columns if column.privacy != "keep"}
    return json.dumps({"columns": columns, "new_fields": contract.new_fields}, sort_keys=True)


def kind_of(value: object) -> str:
    """What a JSON value is, without saying it."""
    if value is None:
        return "null"
    kinds: dict[type, str] = {dict: "an object", list: "a list", str: "text", bool: "a truth value"}
    return kinds.get(type(value), "a number")


@dataclass(frozen=True, slots=True)
class Treatment:
    """Does what a column's policy says.

    Attributes:
        key: what is hashed with; without one what should be hashed is dropped.
        again: whether the values were treated before: a hash stays as it is.
    """

    key: bytes | None = field(default=None, repr=False)
    again: bool = False

    def series(self, column: Column, series: pl.Series) -> pl.Series:
        """A typed column as it is stored."""
        match column.privacy:
            case "keep":
                return series
            case "drop":
                return pl.Series(series.name, [None] * len(series), dtype=series.dtype)
            case "hash":
                known = {text: None if text is None else self.hashed(text) for text in series.unique().to_list()}
                return pl.Series(series.name, [known[text] for text in series.to_list()], dtype=pl.String())

    def hashed(self, text: str) -> str | None:
        """A text's hash; None without a key. Empty text has nothing to hide, and stays."""
        if self.again and HASHED.fullmatch(text):
            return text
        normal = unicodedata.normalize("NFC", text).strip()
        if "@" in normal:
            normal = normal.casefold()
        if not normal:
            return normal
        if self.key is None:
            return None
        return f"hmac-sha256:{hmac.digest(self.key, normal.encode('utf-8', 'backslashreplace'), 'sha256').hex()}"

    def record(self, contract: Contract, record: Mapping[str, Any]) -> dict[str, Any]:
        """A refused record as it is kept.

        In place of what can't be hashed or is nested it says what was there, which no contract takes for a value.
        """
        if not is_private(contract):
            return dict(record)
        columns: dict[str, Column | None] = {column.field: column for column in contract.columns}
        if contract.deleted_field is not None:
            columns[contract.deleted_field] = None
        kept: dict[str, Any] = {}
        for name, value in record.items():
            if name not in columns and contract.new_fields == "note":
                continue
            column = columns.get(name)
            if column is not None and column.privacy == "drop":
                continue
            if isinstance(value, (dict, list)):
                kept[name] = value if _is_marked(value) else {_NOT_KEPT: kind_of(value)}
            elif column is None or column.privacy == "keep" or value is None:
                kept[name] = value
            else:
                kept[name] = self.hashed(value) if isinstance(value, str) else {_NOT_KEPT: kind_of(value)}
        return kept


def _is_marked(value: dict[str, Any] | list[Any]) -> bool:
    return isinstance(value, dict) and value.keys() == {_NOT_KEPT}
