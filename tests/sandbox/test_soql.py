"""The part of SOQL that the sandbox understands."""

from __future__ import annotations

from typing import Any

import pytest

from sophia_kit.sandbox.soql import Condition, Query, SoqlError, parse


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("SELECT Id FROM Account", Query(("Id",), "Account", (), (), None)),
        ("select Id,Name from User limit 5", Query(("Id", "Name"), "User", (), (), 5)),
        ("SELECT COUNT() FROM Contact", Query((), "Contact", (), (), None)),
        (
            "SELECT Id FROM A WHERE B = true AND C != 'it\\'s' AND D >= 2025-01-31 AND E < 1.5 AND F = null",
            Query(
                ("Id",),
                "A",
                (
                    Condition("B", "=", True),
                    Condition("C", "!=", "it's"),
                    Condition("D", ">=", "2025-01-31"),
                    Condition("E", "<", 1.5),
                    Condition("F", "=", None),
                ),
                (),
                None,
            ),
        ),
        (
            "SELECT Id FROM A WHERE M > 2025-01-31T18:00:00-06:00 ORDER BY M DESC, Id ASC",
            Query(
                ("Id",), "A", (Condition("M", ">", "2025-02-01T00:00:00.000+0000"),), (("M", True), ("Id", False)), None
            ),
        ),
    ],
)
def test_parses(text: str, query: Query) -> None:
    assert parse(text) == query


@pytest.mark.parametrize(
    "text",
    [
        "SELECT",
        "SELECT Id",
        "SELECT Id FROM",
        "SELECT Id, FROM A",
        "SELECT Id FROM A WHERE",
        "SELECT Id FROM A WHERE B",
        "SELECT Id FROM A WHERE B LIKE 'x'",
        "SELECT Id FROM A WHERE B = nothing",
        "SELECT Id FROM A WHERE B = 1 OR C = 2",
        "SELECT Id FROM A ORDER Id",
        "SELECT Id FROM A LIMIT many",
        "SELECT Id FROM A LIMIT 1.5",
        "SELECT Id FROM A; DROP",
        "SELECT Id FROM A trailing",
    ],
)
def test_refuses(text: str) -> None:
    with pytest.raises(SoqlError) as raised:
        parse(text)
    assert raised.value.code == "MALFORMED_QUERY"


@pytest.mark.parametrize(
    ("sign", "value", "found", "holds"),
    [
        ("=", "a", "A", True),
        ("=", None, None, True),
        ("!=", None, "a", True),
        ("<", 5.0, 4.0, True),
        ("<", 5.0, None, False),
        (">=", "2025-01-01", "2025-01-01", True),
        (">", "2025-01-01", "2025-01-01", False),
        ("<=", 5.0, "n/a", False),
        ("=", True, False, False),
    ],
)
def test_compares_as_salesforce_does(sign: str, value: Any, found: Any, *, holds: bool) -> None:
    assert Condition("F", sign, value).holds({"F": found}) is holds
