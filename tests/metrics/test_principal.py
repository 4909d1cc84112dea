"""Who asks sees the rows permitted, in every statement, and shares no answer with anybody else."""

from __future__ import annotations

import threading
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import Tiny

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import AccessRefused, InputError, UnknownName
from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, MetricResult, MetricValue, Principal, evaluate
from sophia_kit.metrics.answers import Answer, Answers
from sophia_kit.metrics.cells import Cell, Cells
from sophia_kit.metrics.explanation import explain_metric
from sophia_kit.metrics.value import Period

DAY = date(2025, 12, 31)
ANN = Principal("ann", (("segment", ("Enterprise",)),))
BEN = Principal("ben", (("segment", ("Mid-Market", "Small Business")),))
CEO = Principal("ceo")


def ask(larkfield: Asking, metric: str, answers: Answers | None = None, **more: Any) -> MetricResult:
    query = MetricQuery(metric, more.pop("day", DAY), **more)
    return evaluate(larkfield.warehouse, larkfield.catalogue, query, larkfield.clock, larkfield.calendar, answers)


def by_segment(result: MetricResult) -> dict[str, Decimal | None]:
    return {value.members[0][1]: value.value for value in result.values}


@pytest.mark.parametrize("metric", ["arr", "payment_success_rate", "nrr", "payment_volume"])
def test_a_principal_sees_its_members_and_totals_of_these_alone(larkfield: Asking, metric: str) -> None:
    """Base views, ratios, cohorts: each statement is restricted, so that a total is one over the rows permitted."""
    everything = by_segment(ask(larkfield, metric, by=("segment",)))
    assert by_segment(ask(larkfield, metric, by=("segment",), principal=ANN)) == {
        "Enterprise": everything["Enterprise"]
    }
    assert ask(larkfield, metric, principal=ANN).value.value == everything["Enterprise"]
    both = ask(larkfield, metric, filters=(("segment", ("Mid-Market", "Small Business")),)).value.value
    assert ask(larkfield, metric, principal=BEN).value.value == both
    assert ask(larkfield, metric, principal=CEO).value.value == ask(larkfield, metric).value.value


def test_a_comparison_is_restricted_too(larkfield: Asking) -> None:
    whole = ask(larkfield, "arr", compare=("prior_year",), by=("segment",))
    own = ask(larkfield, "arr", compare=("prior_year",), principal=ANN).value.comparisons[0]
    expected = next(value for value in whole.values if value.members[0][1] == "Enterprise").comparisons[0]
    assert (own.base, own.absolute) == (expected.base, expected.absolute)


def test_a_derived_metric_s_inputs_are_restricted(larkfield: Asking) -> None:
    owners = ask(larkfield, "pipeline_coverage", by=("owner",)).values
    known = next(value for value in owners if value.value is not None)
    owner = known.members[0][1]
    assert (
        ask(larkfield, "pipeline_coverage", principal=Principal("me", (("owner", (owner,)),))).value.value
        == known.value
    )


@pytest.mark.parametrize(
    ("principal", "metric", "more", "message"),
    [
        (ANN, "headcount", {}, "headcount can't be told apart by it"),
        (ANN, "rpe", {}, "rpe can't be told apart by it"),
        (Principal("nobody", (("segment", ()),)), "arr", {}, "may see no segment at all"),
        (
            Principal("both", (("segment", ("Enterprise",)), ("segment", ("Mid-Market",)))),
            "arr",
            {},
            "may see no segment at all",
        ),
        (ANN, "arr", {"filters": (("segment", ("Mid-Market",)),)}, "may not see segment 'Mid-Market'"),
        (ANN, "arr", {"filters": (("segment", ("Enterprise", "Mid-Market")),)}, "may not see segment 'Mid-Market'"),
        (ANN, "arr", {"filters": (("segment", ("Nowhere",)),)}, "may not see segment 'Nowhere'"),
    ],
)
def test_what_can_t_be_restricted_is_refused(
    larkfield: Asking, principal: Principal, metric: str, more: dict[str, Any], message: str
) -> None:
    with pytest.raises(AccessRefused, match=message):
        ask(larkfield, metric, principal=principal, **more)


@pytest.mark.parametrize("attributes", [(("segment", "Enterprise"),), (("segment",),), [("segment", ("a",))], ("ab",)])
def test_a_principal_of_another_form_is_none(attributes: Any) -> None:
    """A text taken for its letters would be a restriction that nobody meant."""
    with pytest.raises(InputError, match="pairs of a dimension"):
        Principal("ann", attributes)


def test_a_wrong_member_s_suggestions_are_of_those_that_may_be_seen(larkfield: Asking) -> None:
    mine = {v.members[0][1] for v in ask(larkfield, "arr", by=("account",), principal=ANN).values}
    other = next(v.members[0][1] for v in ask(larkfield, "arr", by=("account",)).values if v.members[0][1] not in mine)
    with pytest.raises(UnknownName) as caught:
        ask(larkfield, "arr", filters=(("account", (other + "x",)),), principal=ANN)
    assert other not in (caught.value.hint or "")


def test_an_explanation_says_what_its_reader_may_see(larkfield: Asking) -> None:
    open_to_all = explain_metric(larkfield.catalogue, "arr", larkfield.clock, larkfield.warehouse)
    own = explain_metric(larkfield.catalogue, "arr", larkfield.clock, larkfield.warehouse, principal=ANN)
    assert (open_to_all.row_filter, own.row_filter) == ((), ANN.attributes)
    assert "$filter_0" not in open_to_all.sql[0][1]
    assert "$filter_0" in own.sql[0][1]
    with pytest.raises(AccessRefused):
        explain_metric(larkfield.catalogue, "headcount", larkfield.clock, principal=ANN)


def test_a_target_is_the_whole_company_s(larkfield: Asking) -> None:
    assert ask(larkfield, "arr", compare=("target",), principal=CEO).value.comparisons[0].unknown is None
    found = ask(larkfield, "arr", compare=("target",), principal=ANN).value.comparisons[0]
    assert found.unknown is not None
    assert found.unknown.code == "no_target"


def test_two_principals_never_share_an_answer(larkfield: Asking) -> None:
    answers = Answers()
    asked = [None, ANN, BEN, CEO, Principal("ann", (("segment", ("Mid-Market",)),)), Principal("ben", ANN.attributes)]
    first = [ask(larkfield, "arr", answers, principal=who).value for who in asked]
    assert len(answers) == len(asked)
    again = [ask(larkfield, "arr", answers, principal=who).value for who in asked]
    assert len(answers) == len(asked)
    assert first == again
    assert len({value.value for value in first}) == 4
    alone = [ask(larkfield, "arr", principal=who).value for who in asked]
    assert alone == first


def test_an_answer_is_kept_for_its_definition_calendar_and_snapshot(larkfield: Asking, tiny: Tiny) -> None:
    answers = Answers()
    staff = {"employees": [{"employment_type": "full_time", "fte": 3, "hired_day": date(2024, 1, 1)}]}
    small = tiny(staff)
    double = Catalogue([small.catalogue.get("headcount").model_copy(update={"expression": "2 * sum(fte)"})])

    def answer(asking: Asking, catalogue: Catalogue | None = None, calendar: Calendar = Calendar()) -> MetricValue:  # noqa: B008
        query = MetricQuery("headcount", date(2025, 6, 30), grain="quarter")
        return evaluate(asking.warehouse, catalogue or asking.catalogue, query, asking.clock, calendar, answers).value

    first = answer(small)
    assert first.value == 3
    assert (answer(small), len(answers)) == (first, 1)
    assert answer(small, double).value == 6
    assert len(answers) == 2
    assert (answer(small, calendar=Calendar(2)).period.label, len(answers)) == ("Feb-Apr 2025", 3)
    assert (answer(larkfield).value != 3, len(answers)) == (True, 4)


def test_freshness_is_told_anew_for_an_answer_that_was_kept(larkfield: Asking) -> None:
    answers = Answers()
    assert ask(larkfield, "arr", answers).value.freshness.status == "fresh"
    later = FrozenClock(larkfield.clock.now().replace(year=2027))
    query = MetricQuery("arr", DAY)
    found = evaluate(larkfield.warehouse, larkfield.catalogue, query, later, larkfield.calendar, answers)
    assert found.value.freshness.status == "stale"
    assert len(answers) == 1


def held(numbers: int) -> Answer:
    periods = [Period("day", date.fromordinal(700_000 + n), date.fromordinal(700_000 + n)) for n in range(numbers)]
    return Answer(Cells({}, {period: Cell(None, None) for period in periods}), {}, (), ())


def test_what_is_kept_is_bounded_by_answers_and_by_numbers() -> None:
    answers = Answers(entries=3, cells=10)
    for key in "abcd":
        answers.keep(key, held(2))
    assert [key for key in "abcd" if answers.get(key)] == ["b", "c", "d"]
    answers.get("b")
    answers.keep("e", held(7))
    assert [key for key in "bcde" if answers.get(key)] == ["b", "e"]
    answers.keep("f", held(11))
    assert answers.get("f") is None


def test_threads_may_share_what_is_kept() -> None:
    answers, wrong = Answers(entries=8, cells=100), []

    def work(seed: int) -> None:
        for step in range(300):
            key = (seed * 7 + step) % 20
            found = answers.get(key)
            if found is not None and found.size != key + 1:
                wrong.append(key)
            answers.keep(key, held(key + 1))

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(answers) <= 8
