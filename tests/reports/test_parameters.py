"""One resolver: arguments, then the query string, then the defaults."""

from __future__ import annotations

from datetime import date

import pytest

from sophia_kit.core.errors import InputError, SophiaError, UnknownName
from sophia_kit.reports import BriefParameters, parse_arguments, resolve_parameters


def test_the_first_source_that_names_a_parameter_decides() -> None:
    found = resolve_parameters({"day": "2025-12-30"}, {"day": "2025-01-01", "segment": "Enterprise"})
    assert found == BriefParameters(date(2025, 12, 30), "Enterprise")


def test_what_nobody_names_keeps_its_default() -> None:
    assert resolve_parameters() == BriefParameters(None, None)
    assert resolve_parameters({"segment": ""}, {"other": "x"}) == BriefParameters(None, None)


def test_a_segment_that_looks_like_a_number_stays_text() -> None:
    assert resolve_parameters({"segment": 7}).segment == "7"


@pytest.mark.parametrize("day", ["yesterday", "2025-13-01", "31.12.2025", "2025-12-31T00:00"])
def test_a_day_that_is_none_is_refused(day: str) -> None:
    with pytest.raises(InputError) as refused:
        resolve_parameters({"day": day})
    assert "YYYY-MM-DD" in (refused.value.hint or "")


def test_a_parameter_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="2 times"):
        resolve_parameters({"day": ["2025-12-30", "2025-12-31"]})


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ([], {}),
        (["--day", "2025-12-31"], {"day": "2025-12-31"}),
        (["--day=2025-12-31", "--segment", "Small Business"], {"day": "2025-12-31", "segment": "Small Business"}),
    ],
)
def test_options_of_a_script(arguments: list[str], found: dict[str, str]) -> None:
    assert parse_arguments(arguments) == found


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        (["2025-12-31"], InputError, "follows no option"),
        (["--day"], InputError, "needs a value"),
        (["--day", "--segment"], InputError, "needs a value"),
        (["--day", "2025-12-31", "--day", "2025-12-30"], InputError, "given twice"),
        (["--dya", "2025-12-31"], UnknownName, "--dya"),
    ],
)
def test_wrong_options_are_refused(arguments: list[str], error: type[SophiaError], said: str) -> None:
    with pytest.raises(error, match=said) as refused:
        parse_arguments(arguments)
    assert refused.value.hint
