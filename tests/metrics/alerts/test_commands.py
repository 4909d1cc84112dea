"""`sophia alerts`, as typed, on the demo company, which has an outage of a processor on 2 December 2025."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import Project
from typer.testing import CliRunner, Result

from sophia_kit.cli.alerts import ACTIVE
from sophia_kit.cli.main import app
from sophia_kit.core.errors import InputError, SophiaError, UnknownName

Alerts = Callable[..., Result]
RULE = "failure_rate.failures_over_limit"
RUN = ("run", "failure_rate", "--since", "2025-12-01")


@pytest.fixture
def alerts(shell: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Alerts:
    """Runs `sophia alerts ... --demo` within this process, on a state of its own."""
    monkeypatch.chdir(shell.root)
    monkeypatch.setenv("SOPHIA_STATE_URL", str(tmp_path / "state.sqlite"))

    def _run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["alerts", *arguments, "--demo"], env={"COLUMNS": "160"})

    return _run


def read(result: Result) -> Any:
    return json.loads(result.stdout)


def test_a_run_exits_with_what_fires_and_is_listed_afterwards(alerts: Alerts) -> None:
    run = alerts(*RUN, "--format", "json")
    assert run.exit_code == ACTIVE
    (event,) = read(run)["events"]
    assert (event["rule"], event["event"], event["period_start"]) == ("failures_over_limit", "firing", "2025-12-01")
    assert event["threshold"] == "0.05"
    assert float(event["value"]) > 0.05
    again = alerts(*RUN)
    assert again.exit_code == ACTIVE
    assert "0 periods judged" in again.stdout
    listed = alerts("list")
    assert (listed.exit_code, "DEMO DATA" in listed.stdout) == (0, True)
    assert f"firing  2025-12-01  critical  {RULE}" in listed.stdout
    (told,) = read(alerts("history", "failure_rate", "--format", "json"))
    assert told == event


def test_the_outage_and_whose_it_was_are_found(alerts: Alerts) -> None:
    run = alerts("run", "payment_success_rate", "--since", "2025-12-01", "--format", "json")
    assert run.exit_code == 0
    happened = [(e["rule"], e["members"], e["event"], e["period_start"]) for e in read(run)["events"] if e["notified"]]
    northgate = {"processor": "Northgate"}
    assert happened == [
        ("outage", {}, "firing", "2025-12-02"),
        ("outage", {}, "recovered", "2025-12-03"),
        ("processor_trouble", northgate, "firing", "2025-12-02"),
        ("processor_trouble", northgate, "recovered", "2025-12-03"),
    ]


def test_what_is_silenced_does_not_fail_the_run(alerts: Alerts) -> None:
    said = alerts("silence", "failures_over_limit", "--for", "2d", "--reason", "known, INC-7")
    assert said.stdout == f"{RULE} is silenced until 2026-01-03 05:59 UTC.\n"
    run = alerts(*RUN)
    assert run.exit_code == 0
    assert "firing, silenced" in run.stdout
    (silence,) = read(alerts("list", "--format", "json"))["silences"]
    assert (silence["reason"], silence["members"]) == ("known, INC-7", {})
    assert alerts("unsilence", RULE).stdout == f"{RULE} is no longer silenced.\n"
    told = alerts(*RUN, "--format", "json")
    assert told.exit_code == ACTIVE
    assert [(event["event"], event["notified"]) for event in read(told)["events"]] == [("reminder", True)]


def test_a_dry_run_leaves_nothing(alerts: Alerts) -> None:
    assert alerts(*RUN, "--dry-run").exit_code == ACTIVE
    assert alerts("history").stdout.endswith("Nothing has happened yet.\n")
    assert "No rule has been judged yet" in alerts("list").stdout
    assert read(alerts("list", "--format", "json"))["judged"] is False


OWN = """
metrics:
  attempts:
    label: Attempts
    description: For tests.
    source: These tests
    owner: Nobody
    kind: simple
    base: payments
    time: attempted_day
    expression: count(*)
    unit: count
    format: decimal
    higher_is_better: true
    additive: full
    grains: [day]
    dimensions: {processor: processor}
    golden: none
    alerts:
      - {name: few, kind: threshold, grain: day, below: 1, where: {processor: Northgaet}}
"""


def test_a_rule_that_failed_is_not_said_to_be_fine(
    alerts: Alerts, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metrics").mkdir()
    (tmp_path / "metrics" / "own.yaml").write_text(OWN, encoding="utf-8")
    monkeypatch.setenv("SOPHIA_METRICS_DIR", str(tmp_path / "metrics"))
    run = alerts("run", "attempts")
    assert isinstance(run.exception, UnknownName)
    assert "attempts.few was not judged." in run.stdout
    assert "everything could be judged" not in run.stdout


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (("run", "failure_raet"), UnknownName, "No metric is called 'failure_raet'"),
        (("run", "failure_rate", "--day", "2026-05-01"), InputError, "has not come yet"),
        (("history", "nothing"), UnknownName, "No metric is called 'nothing'"),
        (("silence", "failures_over_limit", "--reason", "x"), InputError, "needs an end"),
        (("silence", "failures_over_limit", "--reason", "x", "--for", "3 days"), InputError, "can't be read"),
        (("silence", RULE, "--reason", "x", "--until", "2025-12-01"), InputError, "has passed"),
        (("silence", "processor_trouble", "--reason", "x", "--for", "1d", "--member", "Northgate"), InputError,
         "can't be read"),
        (("unsilence", RULE), InputError, "isn't silenced"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(
    alerts: Alerts, arguments: tuple[str, ...], error: type[SophiaError], message: str
) -> None:
    result = alerts(*arguments)
    assert isinstance(result.exception, error)
    assert message in result.exception.message
    assert result.exception.hint
