"""Rules as they are written: what is right loads, what is wrong is located."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from tests.conftest import REPOSITORY
from tests.metrics.alerts.till import LOW, catalogue

from sophia_kit.core.errors import DefinitionError, InputError
from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.alerts import ChangeRule, DeviationRule, FreshnessRule, ThresholdRule
from sophia_kit.metrics.alerts.rule import DeviationRecovery, Recovery, Season, Severity
from sophia_kit.metrics.alerts.silence import find_rule
from sophia_kit.metrics.alerts.summary import DEFAULTS, check_summary
from sophia_kit.state import AlertEventKind

GOOD = """\
metrics:
  opened:
    label: Tickets
    description: Tickets that were opened.
    source: Company's own
    owner: Support
    kind: simple
    base: tickets
    time: opened_day
    expression: count(*)
    unit: count
    format: count
    higher_is_better: false
    additive: full
    grains: [day, month]
    dimensions: {priority: priority}
    synonyms: [requests]
    golden: tickets
    alerts:
      - name: many
        kind: threshold
        grain: day
        by: priority
        above: 100
        for: 2
        recovery: {threshold: 80, for: 2}
        renotify: 3
        summary: "{label} of {period}: {value}, more than {threshold}"
      - name: odd
        kind: deviation
        grain: day
        percent: 25
"""


def load(folder: Path, text: str) -> Catalogue:
    folder.joinpath("mine.yaml").write_text(text, encoding="utf-8")
    return Catalogue.read(folder)


def test_rules_stand_in_the_definition(tmp_path: Path) -> None:
    many, odd = load(tmp_path, GOOD).get("opened").alerts
    assert isinstance(many, ThresholdRule)
    assert (many.limit, many.for_, many.by, many.recovery_limit) == (Decimal(100), 2, ("priority",), Decimal(80))
    assert isinstance(odd, DeviationRule)
    assert odd.seasons == ("day_of_week",)


@pytest.mark.parametrize(
    ("old", "new", "line", "message", "hint"),
    [
        ("kind: threshold", "kind: treshold", 21, "unknown kind 'treshold'", "threshold"),
        ("        kind: threshold\n", "", 20, "'alerts.0.kind' is missing", "kind"),
        ("above: 100", "abov: 100", 24, "unknown key 'alerts.0.abov'", "above"),
        ("percent: 25", "percnt: 25", 32, "unknown key 'alerts.1.percnt'", "percent"),
        ("{threshold: 80", "{treshold: 80", 26, "unknown key 'alerts.0.recovery.treshold'", "threshold"),
        ("above: 100", "above: lots", 24, "alerts.0.above", "lots"),
        ("grain: day\n        by", "grain: week\n        by", 22, "opened has no grain 'week'", "month"),
        ("by: priority", "by: priorty", 23, "opened has no dimension 'priorty'", "priority"),
        ("for: 2\n", "for: 0\n", 25, "greater than or equal to 1", "0"),
        ("        above: 100\n", "", 20, "either above or below", ""),
        ("threshold: 80", "threshold: 120", 20, "on the bad side", ""),
        ("{value}, more", "{amount}, more", 28, "unknown reference {amount}", "value"),
        ("more than {threshold}", "more than 100", 28, "a number of its own", ""),
        ("        percent: 25\n", "", 29, "percent, robust_sd or both", ""),
        ("percent: 25", "percent: 25\n        season: month_of_year", 29, "a day has no season month_of_year", "known"),
        ("percent: 25", "percent: 25\n        recovery: {percent: 30}", 29, "wider than the rule's own", ""),
        ("percent: 25", "percent: 25\n        minimum_denominator: 9", 33, "opened is no ratio", "Leave"),
        ("percent: 25", "percent: 25\n        history: 9", 29, "history is less than two seasons, which is 14", ""),
        ("name: odd", "name: many", 29, "'many' is defined twice", "own name"),
        ("above: 100", "above: 100\n        unit: USD", 25, "opened is no money", "Leave"),
    ],
)  # fmt: skip
def test_a_mistake_is_located(tmp_path: Path, old: str, new: str, line: int, message: str, hint: str) -> None:
    assert GOOD.count(old) == 1
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, GOOD.replace(old, new))
    error = caught.value
    assert error.line == line, error.message
    assert message in error.message
    assert hint in f"{error.message} {error.hint}"


def test_a_limit_in_money_names_its_currency() -> None:
    money = {"unit": "money", "format": "money", "currency": {"missing_rate": "buyer"}}
    with pytest.raises(DefinitionError, match="needs its currency"):
        catalogue(LOW, **money)
    assert catalogue(LOW | {"unit": "USD"}, **money).get("takings").alerts


def test_rules_change_no_value_and_so_no_digest() -> None:
    assert catalogue(LOW).get("takings").digest == catalogue().get("takings").digest


def test_what_only_changes_the_telling_does_not_begin_a_series_anew() -> None:
    def digest(**fields: Any) -> str:
        return ThresholdRule.model_validate(LOW | fields).judging_digest

    assert digest() == digest(severity="critical", renotify=2, summary="{value}")
    assert len({digest(), digest(below=90), digest(grain="month"), digest(settle_days=1), digest(by="town")}) == 5


def test_every_summary_that_is_given_by_default_holds_to_the_rules_for_summaries() -> None:
    for kind, text in DEFAULTS.items():
        check_summary(text, kind)
    for text in ("{value", "value}", "half {value} of 3", "20 %", "{other}", "{as_of}"):
        with pytest.raises(ValueError, match=r"brace|number|reference"):
            check_summary(text, "deviation")


def test_every_key_kind_and_reason_is_documented() -> None:
    page = (REPOSITORY / "docs" / "alerts.md").read_text(encoding="utf-8")
    models = (ThresholdRule, ChangeRule, DeviationRule, FreshnessRule, Recovery, DeviationRecovery)
    keys = {field.alias or name for model in models for name, field in model.model_fields.items()}
    named = keys | {*DEFAULTS, *get_args(Season), *get_args(Severity), *get_args(AlertEventKind), "not_enough_history"}
    assert {name for name in named if f"`{name}`" not in page} == set()
    rules = {f"{item.name}.{rule.name}" for item in Catalogue.load() for rule in item.alerts}
    assert rules == set(re.findall(r"^\| `(\w+\.\w+)` \|", page, re.M))


def test_a_rule_is_found_by_its_name_or_with_its_metric(tmp_path: Path) -> None:
    other = GOOD.partition("\n")[2].replace("opened:", "again:").replace("[requests]", "[others]")
    found = load(tmp_path, GOOD + other.replace("name: odd", "name: odder"))
    assert find_rule(found, "odd")[0].name == "opened"
    assert find_rule(found, "again.many")[0].name == "again"
    with pytest.raises(InputError, match="Several metrics") as caught:
        find_rule(found, "many")
    assert "again.many or opened.many" in (caught.value.hint or "")
