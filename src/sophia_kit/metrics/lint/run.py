"""Looks at definition files: all mistakes, and what the rules remark on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from sophia_kit.core.errors import DefinitionError, UnknownName
from sophia_kit.core.source_file import SourceFile
from sophia_kit.metrics.catalogue import Catalogue, parse_definition, parse_definitions, read_sources
from sophia_kit.metrics.definition import Definition
from sophia_kit.metrics.lint import (
    ambiguous_name,
    defaulted_missing,
    format_of_unit,
    grain_finer_than_base,
    target_combine,
    unconverted_amount,
    unreachable_target,
    untested,
    unused_input,
    vague_source,
)
from sophia_kit.metrics.lint.rule import Rule

__all__ = ["MISTAKE", "RULES", "Finding", "lint", "lint_text"]

RULES: dict[str, Rule] = {
    module.RULE.name: module.RULE
    for module in (
        ambiguous_name,
        defaulted_missing,
        format_of_unit,
        grain_finer_than_base,
        target_combine,
        unconverted_amount,
        unreachable_target,
        untested,
        unused_input,
        vague_source,
    )
}
MISTAKE = "mistake"
"""The rule of a finding that keeps definitions from loading."""


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, or could be better, at a place.

    Attributes:
        rule: `mistake` when the definitions don't load with it, else a rule's name.
        line: 1-based; None when it is about the whole file.
    """

    rule: str
    file: str
    line: int | None
    message: str
    hint: str | None


def lint(folder: Path, ignore: Iterable[str] = ()) -> tuple[Finding, ...]:
    """What is to be said about the package's definitions and those of a project's `folder`, which may be absent.

    Mistakes come alone, the first of each definition: rules look at definitions that load.

    Args:
        ignore: names of rules to leave out.

    Raises:
        UnknownName: `ignore` names no rule.
    """
    rules = _rules(ignore)
    found = list(_mistakes(folder))
    if not found:
        try:
            catalogue = Catalogue.load(folder)
        except DefinitionError as error:
            found = [_mistake(error)]
        else:
            found = [item for definition in catalogue for item in _remarks(definition, catalogue, rules)]
    return tuple(sorted(found, key=lambda item: (item.file, item.line or 0, item.rule)))


def lint_text(text: str, name: str, over: Catalogue, ignore: Iterable[str] = ()) -> tuple[Finding, ...]:
    """What is to be said about the definitions of a YAML text, as if they stood in the project's folder.

    Raises:
        UnknownName: `ignore` names no rule.
    """
    rules = _rules(ignore)
    try:
        source = SourceFile(name, text)
    except DefinitionError as error:
        return (_mistake(error),)
    found = list(_mistakes_in(source))
    if found:
        return tuple(found)
    try:
        catalogue = over.extended(text, name)
    except DefinitionError as error:
        return (_mistake(error),)
    named = [definition.name for definition in parse_definitions(source)]
    found = [item for each in named for item in _remarks(catalogue.get(each), catalogue, rules)]
    return tuple(sorted(found, key=lambda item: (item.line or 0, item.rule)))


def _rules(ignore: Iterable[str]) -> list[Rule]:
    ignored = set(ignore)
    for name in ignored:
        if name not in RULES:
            raise UnknownName("rule", name, RULES)
    return [rule for name, rule in RULES.items() if name not in ignored]


def _mistakes(folder: Path) -> Iterator[Finding]:
    """Of each file that is no YAML the mistake in it, of the others the first of each definition."""
    if not folder.is_dir():
        return
    files = read_sources(folder)
    try:
        for source in files:
            yield from _mistakes_in(source)
    except DefinitionError as error:
        yield _mistake(error)


def _mistakes_in(source: SourceFile) -> Iterator[Finding]:
    try:
        parse_definitions(source)
    except DefinitionError as error:
        content = source.content
        listed = content.get("metrics") if isinstance(content, dict) else None
        found = list(_mistakes_of(source, listed)) if isinstance(listed, dict) else []
        yield from found or [_mistake(error)]


def _mistakes_of(source: SourceFile, listed: dict[str, object]) -> Iterator[Finding]:
    for name, fields in listed.items():
        try:
            parse_definition(source, None, str(name), fields)
        except DefinitionError as error:
            yield _mistake(error)


def _mistake(error: DefinitionError) -> Finding:
    place = error.file if error.line is None else f"{error.file}:{error.line}"
    return Finding(MISTAKE, error.file, error.line, error.message.removeprefix(f"{place}: "), error.hint)


def _remarks(definition: Definition, catalogue: Catalogue, rules: Iterable[Rule]) -> Iterator[Finding]:
    source = catalogue.source(definition.name)
    assert source is not None
    for rule in rules:
        for remark in rule.check(definition, catalogue):
            line = source.line(("metrics", definition.name, *remark.where))
            yield Finding(rule.name, source.name, line, f"{definition.name}: {remark.message}", remark.hint)
