"""`sophia ask`, as typed."""

from __future__ import annotations

import json

import pytest
from tests.conftest import Project
from typer.testing import CliRunner, Result

from sophia_kit.cli.main import app


@pytest.fixture
def typed(demo: Project, monkeypatch: pytest.MonkeyPatch) -> CliRunner:
    """Runs `sophia ask --demo` within this process: starting one for each question costs two seconds."""
    monkeypatch.setenv("SOPHIA_ROOT", str(demo.root))
    monkeypatch.setenv("COLUMNS", "160")
    return CliRunner()


def ask(typed: CliRunner, *words: str) -> Result:
    return typed.invoke(app, ["ask", *words, "--demo"])


def test_an_answer_shows_what_was_understood_the_number_and_the_query(typed: CliRunner) -> None:
    done = ask(typed, "failed", "payments", "by", "reason", "last", "month")
    assert done.exit_code == 0, done.output
    for text in (
        "Understood: Failed payments, by reason, Nov 2025",
        "DEMO DATA",
        "insufficient_funds",
        "sophia metric failed_payments --by reason --grain month --day 2025-11-30 --demo",
    ):
        assert text in done.output


def test_the_query_that_is_shown_prints_the_same(typed: CliRunner) -> None:
    answer = ask(typed, "ARR for Enterprise vs a year ago").output.splitlines()
    command = answer[-1].removeprefix("sophia ").split()
    again = typed.invoke(app, command).output.splitlines()
    assert answer[-len(again) - 1 : -1] == again


@pytest.mark.parametrize(
    ("question", "status", "texts"),
    [
        ("churn", 12, ["It may mean several metrics", "Did you mean:", "sophia metric logo_churn", "--demo"]),
        ("should we raise prices?", 13, ["Advice isn't a metric"]),
        ("what is our website traffic", 13, ["It names no metric of the catalogue"]),
    ],
)
def test_what_is_not_answered_says_why_and_exits_with_its_status(
    typed: CliRunner, question: str, status: int, texts: list[str]
) -> None:
    done = ask(typed, question)
    assert done.exit_code == status
    for text in texts:
        assert text in done.output
    assert "Understood" not in done.output


def test_json_carries_status_query_values_and_options(typed: CliRunner) -> None:
    answered = json.loads(ask(typed, "top 2 customers by ARR", "--format", "json").output)
    assert answered["status"] == "answered"
    assert answered["query"]["by"] == ["account"]
    assert answered["top"] == {"count": 2, "largest": True}
    assert len(answered["values"]) == 2
    assert answered["values"][0]["demo"] is True
    assert answered["total"]["value"] is not None
    asked = json.loads(ask(typed, "churn", "--format", "json").output)
    assert (asked["status"], asked["values"], len(asked["options"])) == ("asks", [], 2)


def test_why_prints_the_explanation_of_the_change(typed: CliRunner) -> None:
    done = ask(typed, "why did ARR change in Q3?", "--explain")
    assert done.exit_code == 0, done.output
    assert "ARR, Jul-Sep 2025" in done.output
    assert "By movements" in done.output
    assert "SQL of arr" in done.output


def test_the_day_it_is_asked_on_decides_what_last_month_is(typed: CliRunner) -> None:
    done = ask(typed, "revenue last month", "--day", "2025-06-10")
    assert "Understood: Revenue, May 2025" in done.output
