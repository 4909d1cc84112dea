"""Reads checks from YAML: the package's stand beside the models, a project's own in its folder of checks."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.source_file import SourceFile
from sophia_kit.core.suggest import nearest
from sophia_kit.warehouse.canonical import models
from sophia_kit.warehouse.checks.definition import KINDS, Check

__all__ = ["DOCS", "load_checks", "packaged_folder", "parse_checks", "read_folder"]

DOCS = "docs/data-quality.md"


def load_checks(folder: Path | None = None) -> tuple[Check, ...]:
    """The package's checks and, over them, those of a project's folder, in order of their ids.

    Raises:
        DefinitionError: the first mistake, with file, line and hint. Of a project's checks also columns and
            conditions are looked at; the package's are by its tests.
    """
    found = {check.id: check for check in _packaged()}
    if folder is None or not folder.is_dir():
        return tuple(found.values())
    for source, where, check in read_folder(folder):
        # Needs a SQL parser, which takes half a second to import: only who has checks of their own waits for it.
        from sophia_kit.warehouse.checks.lint import lint

        lint(check, source, where)
        known = found.get(check.id)
        if known is not None and not check.override:
            hint = "Choose another name, or say `override: true` to replace it."
            raise source.error(where, f"check {check.id!r} is one of the package's", hint)
        if known is None and check.override:
            raise source.error(where, f"check {check.id!r} overrides nothing", nearest(check.id, found))
        found[check.id] = check
    return tuple(sorted(found.values(), key=lambda check: check.id))


@cache
def _packaged() -> tuple[Check, ...]:
    found = [check for _, _, check in read_folder(packaged_folder())]
    return tuple(sorted(found, key=lambda check: check.id))


def packaged_folder() -> Traversable:
    """Where the models are, and their checks beside them."""
    return resources.files("sophia_kit.warehouse") / "models"


def read_folder(folder: Traversable) -> Iterator[tuple[SourceFile, tuple[str, ...], Check]]:
    """The checks of every `*.yaml` in a folder, each with its file and its place in it.

    Raises:
        DefinitionError: a file is wrong, or two checks have one id.
    """
    seen: dict[str, str] = {}
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        name = f"{folder.name}/{file.name}"
        if file.name.endswith(".yml"):
            hint = f"Call it {file.name.removesuffix('.yml')}.yaml."
            raise DefinitionError("files of checks end in .yaml", file=name, hint=hint)
        if not file.name.endswith(".yaml"):
            continue
        try:
            text = file.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise DefinitionError("not UTF-8 text", file=name, hint="Save it as UTF-8.") from None
        source = SourceFile(name, text, docs=DOCS)
        for where, check in parse_checks(source):
            if check.id in seen:
                raise source.error(where, f"check {check.id!r} is defined twice", f"See {seen[check.id]}.")
            seen[check.id] = name
            yield source, where, check


def parse_checks(source: SourceFile) -> Iterator[tuple[tuple[str, ...], Check]]:
    """The checks of one file, each with its place in it.

    Raises:
        DefinitionError: the first mistake.
    """
    content = source.content
    if not isinstance(content, dict):
        raise source.error((), "the file holds no checks", "Begin it with `view:` and `checks:`.")
    for key in content:
        if key not in ("view", "checks"):
            raise source.error((str(key),), f"unknown key {key!r}", "Known: view, checks.")
    view = content.get("view")
    if not isinstance(view, str) or view not in models():
        raise source.error(("view",), f"unknown view {view!r}", nearest(str(view), models()))
    checks = content.get("checks")
    if not isinstance(checks, dict) or not checks:
        raise source.error(("checks",), "the file holds no checks", "Put a name below `checks:`, and its fields.")
    for name, fields in checks.items():
        where = ("checks", str(name))
        if not isinstance(fields, dict):
            raise source.error(where, f"{name} has no fields", "Indent its fields below it.")
        for key in ("name", "view"):
            if key in fields:
                raise source.error((*where, key), f"unknown key {key!r}", "The file says the view, the key the name.")
        kind = fields.get("kind")
        if not isinstance(kind, str) or kind not in KINDS:
            if kind is None:
                raise source.error(where, "'kind' is missing", f"Known: {', '.join(KINDS)}.")
            raise source.error((*where, "kind"), f"unknown kind {kind!r}", nearest(str(kind), KINDS))
        for each in _each_column(str(name), kind, fields):
            yield where, source.validate(KINDS[kind], {"view": view, **each}, where)


def _each_column(name: str, kind: str, fields: dict[str, Any]) -> list[dict[str, Any]]:
    """`not_null` may list several columns: a check for each, so that a metric is marked by its own columns alone."""
    columns = fields.get("columns")
    if kind != "not_null" or not isinstance(columns, list) or "column" in fields:
        return [{"name": name, **fields}]
    rest = {key: value for key, value in fields.items() if key != "columns"}
    return [{"name": f"{name}_{column}", "column": column, **rest} for column in columns]
