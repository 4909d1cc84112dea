"""The error tree: one shape, stable codes, drawn where it is defined."""

from __future__ import annotations

import json
import re

import pytest

from sophia_kit.core import errors
from sophia_kit.core.errors import DefinitionError, SophiaError, Unconfigured, UnknownName


def tree(root: type[SophiaError]) -> list[type[SophiaError]]:
    return [root, *(below for child in root.__subclasses__() for below in tree(child))]


ALL = [kind for kind in tree(SophiaError) if kind.__module__.startswith(f"{errors.__name__}.")]


def test_codes_are_stable_unique_and_kebab_case() -> None:
    codes = [kind.code for kind in ALL]
    assert len(set(codes)) == len(codes)
    assert all(re.fullmatch(r"[a-z]+(-[a-z]+)*", code) for code in codes)


def test_every_error_is_exported_and_drawn_in_the_tree() -> None:
    assert {kind.__name__ for kind in ALL} == set(errors.__all__)
    drawn = re.findall(r"^[│├└─ ]*([A-Z]\w+)", errors.__doc__ or "", re.MULTILINE)
    assert {kind.__name__ for kind in ALL} <= set(drawn)


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_exit_codes_say_failure(kind: type[SophiaError]) -> None:
    assert 0 < kind.exit_code <= 130
    assert 400 <= kind.status <= 599


def test_a_problem_is_rfc_9457_json() -> None:
    error = Unconfigured("Nothing is set.", missing=["SOPHIA_X"], hint="Set it.", provider="salesforce")
    assert json.loads(json.dumps(error.problem())) == {
        "type": "urn:sophia-kit:error:unconfigured",
        "title": "Not configured",
        "status": 500,
        "detail": "Nothing is set.",
        "code": "unconfigured",
        "hint": "Set it.",
        "provider": "salesforce",
        "retryable": False,
        "missing": ["SOPHIA_X"],
    }


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("reveneu", ["revenue", "arr"], "Did you mean revenue?"),
        ("zzz", ["revenue", "arr"], "Known: arr, revenue"),
        ("zzz", [], "There is no metric yet."),
    ],
)
def test_an_unknown_name_suggests_what_is_near(name: str, known: list[str], hint: str) -> None:
    assert UnknownName("metric", name, known).hint == hint


def test_a_definition_error_is_located() -> None:
    error = DefinitionError("no such view", file="arr.yaml", line=7)
    assert str(error) == "arr.yaml:7: no such view"
