"""Every mistake in a definition is located by file and line, and says what would be right."""

from __future__ import annotations

from pathlib import Path

import pytest

from sophia_kit.core.errors import DefinitionError
from sophia_kit.metrics import Catalogue

GOOD = """\
metrics:
  takings:
    label: Takings
    description: What was taken.
    source: Company's own
    owner: Finance
    kind: simple
    base: ledger_entries
    time: entry_day
    expression: sum(amount)
    filter: account_class = 'revenue'
    currency: {amounts: [amount], code: currency, day: entry_day}
    unit: money
    format: money
    higher_is_better: true
    additive: full
    grains: [month, year]
    dimensions:
      stream: stream
      segment: accounts.segment
    synonyms: [income]
    golden: revenue
"""

RATIO = """\
metrics:
  rate:
    label: Rate
    description: A rate.
    source: Company's own
    owner: Sales
    kind: ratio
    base: opportunities
    time: close_day
    numerator: {expression: count(*), filter: is_won}
    denominator: {expression: count(*)}
    unit: ratio
    format: percent
    higher_is_better: true
    additive: none
    grains: [quarter]
    synonyms: [share]
    golden: win_rate
"""

CUMULATIVE = GOOD.replace("kind: simple", "kind: cumulative\n    trailing_months: 3").replace(
    "additive: full", "additive: dimensions"
)

PERCENTILE = (
    GOOD.replace("kind: simple", "kind: percentile")
    .replace("expression: sum(amount)", "of: amount\n    percentile: 0.9")
    .replace("additive: full", "additive: none")
)

DERIVED = (
    GOOD
    + """\
  twice:
    label: Twice
    description: Twice the takings.
    source: Company's own
    owner: Finance
    kind: derived
    inputs:
      takings: {metric: takings}
    expression: takings * 2
    unit: money
    format: money
    higher_is_better: true
    additive: none
    grains: [month]
    synonyms: [double]
    golden: revenue
"""
)

_before, _, _after = DERIVED.rpartition("additive: none")
SUM = f"{_before}additive: full{_after}"

BALANCE = (
    GOOD
    + """\
  owed:
    label: Owed
    description: What is owed.
    source: Company's own
    owner: Finance
    kind: point_in_time
    base: subscriptions
    valid: {from: valid_from, to: valid_to}
    expression: sum(mrr)
    currency: {amounts: [mrr], code: currency, day: period_end}
    movements: {takings: 1}
    unit: money
    format: money
    higher_is_better: true
    additive: dimensions
    grains: [month]
    synonyms: [debt]
    golden: mrr
"""
)


def load(folder: Path, text: str) -> Catalogue:
    folder.joinpath("mine.yaml").write_text(text, encoding="utf-8")
    return Catalogue.read(folder)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        (GOOD, ["takings"]),
        (RATIO, ["rate"]),
        (DERIVED, ["takings", "twice"]),
        (SUM, ["takings", "twice"]),
        (BALANCE, ["owed", "takings"]),
    ],
)
def test_without_a_mistake_they_load(tmp_path: Path, text: str, names: list[str]) -> None:
    assert [item.name for item in load(tmp_path, text)] == names


@pytest.mark.parametrize(
    ("text", "old", "new", "line", "message", "hint"),
    [
        (GOOD, "label: Takings", "lable: Takings", 3, "unknown key 'lable'", "label"),
        (GOOD, "    label: Takings\n", "", 2, "'label' is missing", "label"),
        (GOOD, "label: Takings", "label: [Takings]", 3, "label: input should be a valid string", "Takings"),
        (GOOD, "kind: simple", "kind: simpel", 7, "unknown kind 'simpel'", "simple"),
        (GOOD, "    kind: simple\n", "", 2, "'kind' is missing", "point_in_time"),
        (GOOD, "base: ledger_entries", "base: ledger_entires", 8, "unknown view 'ledger_entires'", "ledger_entries"),
        (GOOD, "time: entry_day", "time: entry_date", 9, "unknown column 'entry_date'", "entry_day"),
        (GOOD, "sum(amount)", "sum(amuont)", 10, "unknown column 'amuont'", "amount"),
        (GOOD, "sum(amount)", "summe(amount)", 10, "function 'summe' isn't permitted", "sum"),
        (GOOD, "sum(amount)", "sum(amount", 10, "doesn't parse", "brackets"),
        (GOOD, "account_class =", "acount_class =", 11, "unknown column 'acount_class'", "account_class"),
        (GOOD, "code: currency", "code: curency", 12, "unknown column 'curency'", "currency"),
        (GOOD, "amounts: [amount]", "amounts: [amoun]", 12, "unknown column 'amoun'", "amount"),
        (GOOD, "unit: money", "unit: mony", 13, "'mony' isn't permitted", "money"),
        (
            GOOD,
            "    currency: {amounts: [amount], code: currency, day: entry_day}\n",
            "",
            12,
            "money without",
            "currency",
        ),
        (GOOD, "sum(amount)", "avg(amount)", 16, "what isn't a sum of sums or counts doesn't add up", "additive: none"),
        (GOOD, "sum(amount)", "sum(DISTINCT amount)", 10, "isn't permitted here", "count(DISTINCT column)"),
        (RATIO, "additive: none", "additive: dimensions", 15, "a ratio doesn't add up", "additive: none"),
        (CUMULATIVE, "additive: dimensions", "additive: full", 17, "doesn't add up over time", "additive: dimensions"),
        (CUMULATIVE, "trailing_months: 3", "trailing_months: 0", 8, "greater than or equal to 1", "It is 0"),
        (CUMULATIVE, "trailing_months: 3", "since: fiscal_yaer", 8, "'fiscal_yaer' isn't permitted", "fiscal_year"),
        (CUMULATIVE, "\n    trailing_months: 3", "", 2, "takings: give one of since, trailing_months", "goes together"),
        (PERCENTILE, "percentile: 0.9", "percentile: 90", 11, "less than 1", "It is 90"),
        (PERCENTILE, "of: amount", "of: amuont", 10, "unknown column 'amuont'", "amount"),
        (PERCENTILE, "additive: none", "additive: full", 17, "a percentile doesn't add up", "additive: none"),
        (GOOD, "grains: [month, year]", "grains: [month, yaer]", 17, "'yaer' isn't permitted", "year"),
        (GOOD, "grains: [month, year]", "grains: []", 17, "at least 1 item", "[]"),
        (GOOD, "accounts.segment", "accounts.segmnt", 20, "unknown column 'segmnt' of accounts", "segment"),
        (GOOD, "accounts.segment", "acounts.segment", 20, "no view is called 'acounts'", "accounts"),
        (
            GOOD,
            "accounts.segment",
            "accounts.subscriptions.plan",
            20,
            "ledger_entries -> accounts -> subscriptions is one-to-many (subscriptions.account_id names accounts)",
            "Base the metric on subscriptions",
        ),
        (GOOD, "accounts.segment", "plans.metric", 20, "no relationship from ledger_entries to plans", "accounts"),
        (GOOD, "  takings:\n", "  Takings:\n", 2, "'Takings' is no name", "lower case"),
        (GOOD, "owner: Finance", "owner: Finance\n    owner: Sales", 7, "'owner' is given twice", "line 6"),
        (GOOD, "What was taken.", "What was: taken.", 4, "not valid YAML", "quote"),
        (GOOD, "metrics:", "metrics: &all\n  again: *all", 2, "holds itself", "alias"),
        (GOOD, "metrics:", "metric:", 1, "the file holds no metrics", "metrics:"),
        (
            GOOD,
            "    synonyms: [income]",
            "    synonyms: [income]\n    target: {plan: x, value: 1}",
            22,
            "either plan",
            "",
        ),
        (RATIO, "count(*), filter: is_won", "count(*) / 2, filter: is_won", 10, "one aggregate", "sum(amount)"),
        (RATIO, "filter: is_won", "filter: is_own", 10, "unknown column 'is_own'", "is_won"),
        (RATIO, "filter: is_won", "filtr: is_won", 10, "unknown key 'numerator.filtr'", "filter"),
        (BALANCE, "{takings: 1}", "{takigs: 1}", 33, "unknown metric 'takigs'", "takings"),
        (BALANCE, "{takings: 1}", "{owed: 1}", 33, "owed is no movement of owed", "adds up over months"),
        (DERIVED, "metric: takings", "metric: takigs", 30, "unknown metric 'takigs'", "takings"),
        (DERIVED, "takings * 2", "taking * 2", 31, "unknown input 'taking'", "takings"),
        (DERIVED, "takings * 2", "sum(takings)", 31, "function 'sum' isn't permitted", ""),
        (DERIVED, "takings * 2", "takings * 'two'", 31, "'two' is no number", "arithmetic"),
        (SUM, "takings * 2", "takings / takings", 35, "doesn't add up", "additive: none"),
        (SUM, "takings * 2", "takings + 1", 35, "doesn't add up", "additive: none"),
        (SUM, "{metric: takings}", "{metric: takings, offset: -1}", 35, "doesn't add up", "additive: none"),
        (GOOD, "kind: simple", "kind: [simple]", 7, "unknown kind ['simple']", "simple"),
        (DERIVED, "metric: takings", "metric: twice", 30, "twice derives from twice in turn", "circle"),
        (
            DERIVED,
            "takings * 2",
            "takings * 2\n    requires: [{condition: taking > 0, otherwise: No.}]",
            32,
            "unknown input 'taking'",
            "takings",
        ),
        (DERIVED, "grains: [month]\n", "grains: [week]\n", 30, "takings has no grain 'week'", "month"),
        (DERIVED, "{metric: takings}", "{metric: takings, window: 12}", 30, "window and combine", ""),
    ],
)
def test_a_mistake_is_located(
    tmp_path: Path, text: str, old: str, new: str, line: int, message: str, hint: str
) -> None:
    assert text.count(old) >= 1
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text.replace(old, new, 1))
    error = caught.value
    assert error.file.endswith("/mine.yaml")
    assert error.line == line, error.message
    assert message in error.message
    assert hint in (error.hint or "")
    assert error.message.startswith(f"{error.file}:{line}: ")


def test_a_metric_in_two_files_is_a_mistake_of_the_second(tmp_path: Path) -> None:
    tmp_path.joinpath("a.yaml").write_text(GOOD, encoding="utf-8")
    tmp_path.joinpath("b.yaml").write_text(GOOD, encoding="utf-8")
    with pytest.raises(DefinitionError, match=r"b\.yaml:2: metric 'takings' is defined twice") as caught:
        Catalogue.read(tmp_path)
    assert "a.yaml" in (caught.value.hint or "")


def test_several_mistakes_are_counted_and_the_first_is_shown(tmp_path: Path) -> None:
    text = GOOD.replace("unit: money", "unit: mony").replace("owner: Finance", "owner: ''")
    with pytest.raises(DefinitionError) as caught:
        load(tmp_path, text)
    assert caught.value.line == 6
    assert "1 more" in (caught.value.hint or "")


def test_a_cohort_splits_by_what_stays_with_its_entity_alone(tmp_path: Path) -> None:
    text = GOOD.replace("kind: simple", "kind: cohort").replace("base: ledger_entries", "base: subscriptions")
    text = text.replace(
        "    time: entry_day\n", "    valid: {from: valid_from, to: valid_to}\n    entity: account_id\n"
    )
    text = text.replace("expression: sum(amount)", "amount: mrr\n    lookback_months: 12")
    text = text.replace("    filter: account_class = 'revenue'\n", "").replace("[amount]", "[mrr]")
    text = text.replace("day: entry_day", "day: period_end").replace("stream: stream", "plan: plan")
    with pytest.raises(DefinitionError, match="'plan' isn't a property of account_id") as caught:
        load(tmp_path, text)
    assert caught.value.line == 20
