"""`sophia why`: for a program all parts with their SQL, for a person a message instead of a traceback."""

from __future__ import annotations

import json
from fractions import Fraction

from tests.conftest import Project


def test_as_json_it_has_every_part_exactly_and_the_statements_of_both_periods(shell: Project) -> None:
    done = shell.here(
        "why", "win_rate", "2025-Q3", "--versus", "prior_year", "--by", "segment", "--demo", "--format", "json"
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout)
    assert (found["metric"], found["versus"], found["drivers"]) == ("win_rate", "prior_year", [])
    assert [found[side]["period"]["label"] for side in ("base", "value")] == ["Jul-Sep 2024", "Jul-Sep 2025"]
    segment = found["dimensions"][0]
    whole = Fraction(found["change"]["exact"])
    assert sum(Fraction(part["exact"]) for part in segment["parts"]) == whole
    assert sum(Fraction(effect["exact"]) for effect in segment["effects"]) == whole
    assert segment["provenance"]["params"]["starts"] == ["2024-07-01", "2025-07-01"]
    assert found["value"]["demo"] is True


def test_a_mistake_is_one_message_with_what_to_do(shell: Project) -> None:
    done = shell.here("why", "win_rate", "2025-Q3", "--versus", "2025-08", "--demo")
    assert done.returncode == 2
    assert "A quarter isn't compared with a month." in done.stderr
    assert "Hint: Name a quarter before Jul-Sep 2025." in done.stderr
