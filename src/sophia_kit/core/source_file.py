"""A YAML file whose values remember their lines, so that every mistake can be located."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar, get_args

import yaml
from pydantic import BaseModel, ValidationError

from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.suggest import nearest
from sophia_kit.core.yaml_text import LOADER

__all__ = ["SourceFile"]

Where = tuple[str | int, ...]
M = TypeVar("M", bound=BaseModel)


class SourceFile:
    """A parsed YAML file.

    Attributes:
        name: what errors call it.
        docs: the page that shows what belongs in it.
        content: its values.

    Raises:
        DefinitionError: not YAML, a key given twice, or a value that holds itself.
    """

    def __init__(self, name: str, text: str, *, docs: str = "docs/metrics.md") -> None:
        self.name = name
        self.docs = docs
        self._lines: dict[Where, int] = {(): 1}
        self._around: set[int] = set()
        try:
            loader = LOADER(text)
            root = loader.get_single_node()
            self.content: Any = None
            if root is not None:
                self._visit(root, ())
                self.content = loader.construct_document(root)
        except yaml.MarkedYAMLError as error:
            mark = error.problem_mark or error.context_mark
            raise DefinitionError(
                f"not valid YAML: {error.problem or error.context}",
                file=name,
                line=mark.line + 1 if mark else None,
                hint="Check the indentation, and quote text that holds a colon, a hash or a bracket.",
            ) from None
        except yaml.YAMLError as error:
            raise DefinitionError(f"not valid YAML: {error}", file=name, hint="Save it as UTF-8 text.") from None

    def error(self, where: Sequence[str | int], message: str, hint: str | None = None) -> DefinitionError:
        """An error at the line of the value at `where`, or of the nearest value around it."""
        return DefinitionError(message, file=self.name, line=self.line(where), hint=hint)

    def line(self, where: Sequence[str | int]) -> int:
        """The line of the value at `where`, or of the nearest value around it."""
        path = tuple(where)
        while path not in self._lines:
            path = path[:-1]
        return self._lines[path]

    def _visit(self, node: yaml.Node, where: Where) -> None:
        self._lines.setdefault(where, node.start_mark.line + 1)
        if id(node) in self._around:
            hint = "Take the alias (`*name`) out of it."
            raise DefinitionError("holds itself", file=self.name, line=self._lines[where], hint=hint)
        self._around.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            for index, item in enumerate(node.value):
                self._visit(item, (*where, index))
        elif isinstance(node, yaml.MappingNode):
            for key, value in node.value:
                inner = (*where, str(key.value))
                if inner in self._lines:
                    raise DefinitionError(
                        f"{key.value!r} is given twice",
                        file=self.name,
                        line=key.start_mark.line + 1,
                        hint=f"It stands on line {self._lines[inner]} already.",
                    )
                self._lines[inner] = key.start_mark.line + 1
                self._visit(value, inner)
        self._around.discard(id(node))

    def validate(self, model: type[M], content: Any, where: Where) -> M:
        """`content`, found at `where`, as `model`.

        Raises:
            DefinitionError: it isn't one; the first mistake in the file, and how many there are.
        """
        try:
            return model.model_validate(content)
        except ValidationError as error:
            # A key that is missing comes last: where it was misspelt, the misspelling says more.
            items = [dict(item) for item in error.errors(include_url=False)]
            ranked = [(item["type"] == "missing", self._explain(model, item, where)) for item in items]
            found = [each for _, each in sorted(ranked, key=lambda pair: (pair[0], pair[1].line or 0))]
        first = found[0]
        if len(found) > 1:
            more = f"(and {len(found) - 1} more in this definition)"
            first.hint = f"{first.hint} {more}" if first.hint else more
        raise first

    def _explain(self, model: type[BaseModel], item: dict[str, Any], where: Where) -> DefinitionError:
        loc, kind = tuple(item["loc"]), item["type"]
        path = where
        named: list[str] = []
        for part in loc:
            # A part that isn't in the file is the tag of a union, or the key that is missing.
            if (*path, part) in self._lines:
                path, named = (*path, part), [*named, str(part)]
        field = ".".join(named) or str((*where, *loc)[-1])
        if kind == "extra_forbidden":
            return self.error(path, f"unknown key {field!r}", nearest(str(loc[-1]), _keys(model, loc[:-1])))
        if kind in ("missing", "union_tag_not_found"):
            absent = "kind" if kind == "union_tag_not_found" else str(loc[-1])
            field = ".".join([*named, absent])
            return self.error(path, f"{field!r} is missing", f"Add {absent}; {self.docs} shows an example.")
        given = item.get("input")
        if kind == "union_tag_invalid":
            tag, known = str(item["ctx"]["tag"]), str(item["ctx"]["expected_tags"]).replace("'", "").split(", ")
            return self.error((*path, "kind"), f"{field}: unknown kind {tag!r}", nearest(tag, known))
        if kind == "literal_error":
            expected = str(item["ctx"]["expected"]).replace("'", "").replace(" or ", ", ").split(", ")
            return self.error(path, f"{field}: {given!r} isn't permitted", nearest(str(given), expected))
        if kind == "string_pattern_mismatch":
            return self.error(path, f"{field}: {given!r} is no name", "Names are lower case: letters, digits and _.")
        message = str(item["msg"]).removeprefix("Value error, ")
        hint = f"{self.docs} says what goes together." if isinstance(given, dict) else f"It is {given!r}."
        return self.error(path, f"{field}: {message[0].lower()}{message[1:]}", hint)


def _keys(model: type[BaseModel], loc: tuple[Any, ...]) -> list[str]:
    """The keys that the model at `loc` inside `model` knows."""
    candidates: list[type[BaseModel]] = [model]
    for part in loc:
        inner = [field.annotation for each in candidates if (field := each.model_fields.get(part)) is not None]
        if inner:
            candidates = [found for annotation in inner for found in _inner_models(annotation)]
        else:
            # The tag of a union, or a position in a list.
            candidates = [each for each in candidates if part in _tags(each)] or candidates
    return [field.alias or name for each in candidates[:1] for name, field in each.model_fields.items()]


def _tags(model: type[BaseModel]) -> tuple[Any, ...]:
    kind = model.model_fields.get("kind")
    return get_args(kind.annotation) if kind is not None else ()


def _inner_models(annotation: Any) -> list[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for argument in get_args(annotation) for found in _inner_models(argument)]
