"""The catalogue: every metric's definition, read from YAML and checked before anything is asked."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from functools import cache, cached_property, lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from sophia_kit.core.errors import DefinitionError, UnknownName
from sophia_kit.core.source_file import SourceFile
from sophia_kit.core.suggest import nearest
from sophia_kit.metrics.alerts.check import check_rules
from sophia_kit.metrics.compile import Compiled, Shape, compile_metric
from sophia_kit.metrics.definition import (
    KINDS,
    Definition,
    DerivedDefinition,
    PointInTimeDefinition,
    RowsDefinition,
)
from sophia_kit.metrics.origin import Origin
from sophia_kit.metrics.schema import Schema, canonical
from sophia_kit.metrics.validation import check_inputs, check_rows, check_tests, derives_from
from sophia_kit.warehouse import Dialect

_KEPT_COMPILED = 4096

__all__ = ["Catalogue", "parse_definition", "parse_definitions", "read_sources"]


class Catalogue:
    """Definitions by name. Made by `load`; iterates over them in order of name."""

    def __init__(
        self,
        definitions: Iterable[Definition],
        origins: Mapping[str, Origin] | None = None,
        schema: Schema | None = None,
        sources: Mapping[str, SourceFile] | None = None,
    ) -> None:
        self.schema = schema or canonical()
        self._sources = dict(sources or {})
        self._definitions = {definition.name: definition for definition in definitions}
        self._origins = dict(origins or {})
        self._compiled: dict[tuple[str, Shape, Dialect], tuple[RowsDefinition, Compiled]] = {}
        self._digests: dict[str, tuple[Definition, str]] = {}

    @classmethod
    def load(cls, folder: Path | None = None) -> Catalogue:
        """The package's metrics and, over them, those that `*.yaml` of `folder` adds or, with `override`, replaces.

        `folder` is a project's, `settings.metrics_folder`; one that doesn't exist adds nothing.

        Raises:
            DefinitionError: the first mistake, with file, line and hint.
        """
        if folder is None:
            return _packaged()
        files = [(path, path.stat()) for path in sorted(folder.glob("*.y*ml"))]
        stamps = tuple((path.name, stat.st_mtime_ns, stat.st_size) for path, stat in files)
        return _overlaid(folder, stamps) if stamps else _packaged()

    @classmethod
    def read(cls, folder: Path, schema: Schema | None = None) -> Catalogue:
        """The metrics that `*.yaml` of `folder` defines, without the package's; over `schema` when not the package's.

        Raises:
            DefinitionError: the first mistake, with file, line and hint.
        """
        return _build(read_sources(folder), schema=schema)

    def extended(self, text: str, name: str) -> Catalogue:
        """These metrics and, over them, those of a YAML text, which errors call `name`.

        It replaces the package's with `override`, as a file of the project's folder does, and the project's own freely.

        Raises:
            DefinitionError: the first mistake, with line and hint.
        """
        return _build([SourceFile(name, text)], over=self)

    def get(self, name: str) -> Definition:
        """
        Raises:
            UnknownName: no such metric; suggests near names and synonyms.
        """
        found = self._definitions.get(name)
        if found is None:
            by_synonym = self._by_synonym.get(name.strip().lower())
            raise UnknownName("metric", name, [by_synonym] if by_synonym else self._definitions)
        return found

    def __iter__(self) -> Iterator[Definition]:
        return iter(sorted(self._definitions.values(), key=lambda definition: definition.name))

    def __len__(self) -> int:
        return len(self._definitions)

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def origin(self, name: str) -> Origin | None:
        """Where a definition stands; None when it was made in memory.

        Raises:
            UnknownName: no such metric.
        """
        return self._origins.get(self.get(name).name)

    def source(self, name: str) -> SourceFile | None:
        """The file that defines a metric; None when it was made in memory.

        Raises:
            UnknownName: no such metric.
        """
        return self._sources.get(self.get(name).name)

    def own_definitions(self, definition: Definition) -> tuple[str, ...]:
        """Which of the definition and those it derives from are the project's own, and where; see `Provenance`."""
        names = sorted(derives_from(definition, self._definitions), key=lambda name: (name != definition.name, name))
        found = {name: self._origins[name] for name in names if name in self._origins and self._origins[name].own}
        return tuple(
            f"{name} ({origin})" if origin.overrides is None else f"{name} ({origin}, overrides {origin.overrides})"
            for name, origin in found.items()
        )

    def digest(self, definition: Definition) -> str:
        """sha256 (hex) of the definition, and of those it derives from."""
        kept = self._digests.get(definition.name)
        # A variation of a definition may bear its name.
        if kept is not None and kept[0] is definition:
            return kept[1]
        digest = definition.digest
        if isinstance(definition, DerivedDefinition):
            below = [self.digest(self.get(item.metric)) for item in definition.inputs.values()]
            digest = hashlib.sha256("\n".join([digest, *below]).encode()).hexdigest()
        self._digests[definition.name] = definition, digest
        return digest

    def compile(self, definition: RowsDefinition, shape: Shape, dialect: Dialect = "duckdb") -> Compiled:
        """The statement for `definition`, compiled once for each shape and dialect."""
        key = (definition.name, shape, dialect)
        kept = self._compiled.get(key)
        # A variation of a definition may bear its name.
        if kept is not None and kept[0] is definition:
            return kept[1]
        if len(self._compiled) >= _KEPT_COMPILED:
            self._compiled.clear()
        compiled = compile_metric(definition, shape, dialect, self.schema)
        self._compiled[key] = definition, compiled
        return compiled

    def rows_below(self, definition: Definition) -> tuple[RowsDefinition, ...]:
        """The definitions over rows that `definition` stands on; itself when it is one."""
        if isinstance(definition, RowsDefinition):
            return (definition,)
        assert isinstance(definition, DerivedDefinition)
        found = [row for item in definition.inputs.values() for row in self.rows_below(self.get(item.metric))]
        return tuple({row.name: row for row in found}.values())

    def views_below(self, definition: Definition) -> tuple[str, ...]:
        """The canonical views that the metric reads when nothing is grouped or filtered."""
        rows = self.rows_below(definition)
        return tuple(dict.fromkeys(view for row in rows for view in self.compile(row, Shape()).views))

    @cached_property
    def _by_synonym(self) -> dict[str, str]:
        return {word.lower(): item.name for item in self for word in (item.label, *item.synonyms)}


@cache
def _packaged() -> Catalogue:
    return _build(read_sources(resources.files("sophia_kit.metrics") / "catalogue"))


@lru_cache(maxsize=4)
def _overlaid(folder: Path, stamps: tuple[tuple[str, int, int], ...]) -> Catalogue:
    """`stamps` tell one state of the files from the next."""
    return _build(read_sources(folder), over=_packaged())


def read_sources(folder: Traversable) -> Iterator[SourceFile]:
    """The definition files of a folder, in order of name.

    Raises:
        DefinitionError: one that isn't YAML, can't be read, or is called so that it would be passed over.
    """
    for file in sorted(folder.iterdir(), key=lambda file: file.name):
        if file.name.endswith(".yml"):
            hint = f"Call it {file.name.removesuffix('.yml')}.yaml."
            raise DefinitionError("files of metrics end in .yaml", file=f"{folder.name}/{file.name}", hint=hint)
        if file.name.endswith(".yaml"):
            yield SourceFile(f"{folder.name}/{file.name}", _text(file, folder))


def _build(files: Iterable[SourceFile], over: Catalogue | None = None, schema: Schema | None = None) -> Catalogue:
    """The definitions of some files, over those of a catalogue where one is given."""
    found: dict[str, Definition] = {}
    origins: dict[str, Origin] = {}
    sources: dict[str, SourceFile] = {}
    for source in files:
        for definition in parse_definitions(source, schema):
            name = definition.name
            if name in found:
                raise source.error(("metrics", name), f"metric {name!r} is defined twice", f"See {sources[name].name}.")
            replaced = _replaced(definition, source, over)
            line = source.line(("metrics", name))
            origins[name] = Origin(source.name, line, own=over is not None, overrides=replaced)
            found[name], sources[name] = definition, source
    below = {} if over is None else over._definitions
    every = {**below, **found}
    for name, definition in found.items():
        check_inputs(definition, every, sources[name])
    if over is None:
        return Catalogue(found.values(), origins, schema, sources)
    _check_what_derives(found, below, sources)
    return Catalogue(every.values(), {**over._origins, **origins}, over.schema, {**over._sources, **sources})


def _text(file: Traversable, folder: Traversable) -> str:
    try:
        return file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        name = f"{folder.name}/{file.name}"
        raise DefinitionError(f"can't be read: {error}", file=name, hint="Save it as UTF-8 text.") from None


def _replaced(definition: Definition, source: SourceFile, over: Catalogue | None) -> str | None:
    """The place of the definition of the same name below, which this one says that it replaces."""
    name, where = definition.name, ("metrics", definition.name)
    below = over.origin(name) if over is not None and name in over else None
    if below is not None and (not below.own or below.overrides is not None):
        place = below.overrides or str(below)
        if not definition.override:
            hint = f"Choose another name, or replace {place} with `override: true`."
            raise source.error(where, f"the package has a metric {name!r}", hint)
        return place
    if definition.override:
        hint = nearest(name, over._definitions) if over is not None else "Leave it out."
        raise source.error((*where, "override"), f"{name!r} overrides nothing", hint)
    return None


def _check_what_derives(
    found: dict[str, Definition], below: dict[str, Definition], sources: dict[str, SourceFile]
) -> None:
    """What stands on a metric that is replaced, by its formula or its movements, must still be possible."""
    for definition in below.values():
        if definition.name in found:
            continue
        for name in _stands_on(definition) & found.keys():
            try:
                check_inputs(definition, {**below, name: found[name]}, sources[name])
            except DefinitionError as error:
                problem = error.message.split(": ", 1)[1]
                hint = f"Keep what {definition.name} needs, or override it too."
                raise sources[name].error(
                    ("metrics", name), f"{definition.name} derives from {name}: {problem}", hint
                ) from None


def _stands_on(definition: Definition) -> set[str]:
    if isinstance(definition, DerivedDefinition):
        return {item.metric for item in definition.inputs.values()}
    return set(definition.movements) if isinstance(definition, PointInTimeDefinition) else set()


def parse_definitions(source: SourceFile, schema: Schema | None = None) -> list[Definition]:
    """The definitions of one file, a mapping `metrics` from name to fields, over the package's views or a schema's.

    Raises:
        DefinitionError: the first mistake.
    """
    content = source.content
    if not isinstance(content, dict) or not isinstance(content.get("metrics"), dict):
        raise source.error((), "the file holds no metrics", "Begin it with `metrics:` and a name below it.")
    for key in content:
        if key != "metrics":
            raise source.error((str(key),), f"unknown key {key!r}", "Known: metrics.")
    return [parse_definition(source, schema, str(name), fields) for name, fields in content["metrics"].items()]


def parse_definition(source: SourceFile, schema: Schema | None, name: str, fields: Any) -> Definition:
    """One definition of a file, by its name and fields.

    Raises:
        DefinitionError: the first mistake.
    """
    where = ("metrics", name)
    if not isinstance(fields, dict):
        raise source.error(where, f"{name} has no fields", "Indent its fields below it.")
    kind = fields.get("kind")
    if not isinstance(kind, str) or kind not in KINDS:
        if kind is None:
            raise source.error(where, "'kind' is missing", f"Known: {', '.join(KINDS)}.")
        raise source.error((*where, "kind"), f"unknown kind {kind!r}", nearest(str(kind), KINDS))
    definition = source.validate(KINDS[kind], {"name": name, **fields}, where)
    check_rules(definition, source, where)
    check_tests(definition, source, where)
    if isinstance(definition, RowsDefinition):
        check_rows(definition, schema or canonical(), source, where)
    return definition
