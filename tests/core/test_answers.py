"""Vendors' JSON: what is decoded all the same, and what is not quoted."""

from __future__ import annotations

import pytest

from sophia_kit.core.answers import blotted, decoded


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb'{"a": "cut \ud83d"}', {"a": "cut \ufffd"}),
        (rb'["\ude00 late", "\uD83D\u0041"]', ["\ufffd late", "\ufffdA"]),
        (rb'["\ud83d\ude00", "\\ud83d", "\ud83d"]', ["\U0001f600", "\\ud83d", "\ufffd"]),
        (b'{"id": 123456789012345678901234567890}', {"id": 123456789012345678901234567890}),
    ],
)
def test_half_of_a_character_costs_that_character_alone(text: bytes, value: object) -> None:
    assert decoded(text) == value


@pytest.mark.parametrize("text", [rb'["\ud83d"', rb'"\x"', b"[NaN]", b"", b"\xff"])
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match=r"line 1 column"):
        decoded(text)


def test_a_secret_is_blotted_out_wherever_it_stands() -> None:
    said = {"errors": ["no s3/cret+", {"s3/cret+": "s3/cret+s3/cret+"}], "n": 3}
    assert blotted(said, ["s3/cret+", ""]) == {"errors": ["no [secret]", {"[secret]": "[secret][secret]"}], "n": 3}
