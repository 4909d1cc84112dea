"""`ask`: what is answered, what is asked back, what is declined, and that nothing is guessed."""

from __future__ import annotations

import shlex
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.metrics.asked import DAY, Question, kept_aside, outcome, questions
from tests.metrics.asking import Asking

import sophia_kit as sk
from sophia_kit.core.errors import AccessRefused, InputError
from sophia_kit.core.settings import Settings
from sophia_kit.metrics import NOT_SET, Calendar, Catalogue, Principal
from sophia_kit.metrics.question import Answer, Interpreter, Top, ask
from sophia_kit.metrics.question.lexicon import lexicon
from sophia_kit.metrics.question.members import Members

TUNED = questions("tuned")
NOISE = ("microsoft", "hair", "colour", "please", "the", "gravity", "purple", "quickly", "our", "calories")


@pytest.fixture(scope="module")
def interpreter(larkfield: Asking) -> Interpreter:
    return Interpreter(larkfield.warehouse, larkfield.catalogue, Calendar(), DAY, over=True)


@pytest.fixture(scope="module")
def members(larkfield: Asking) -> Members:
    return Members(larkfield.warehouse, larkfield.catalogue)


@pytest.mark.parametrize("question", TUNED, ids=[question.text for question in TUNED])
def test_a_question_gets_its_query_or_none(
    question: Question, interpreter: Interpreter, members: Members, larkfield: Asking
) -> None:
    answer = interpreter.interpret(question.text)
    assert outcome(question, answer, larkfield.catalogue, members) == "right", answer
    if answer.query is None:
        assert answer.reason
        assert len(answer.options) <= 3


def test_of_the_questions_kept_aside_most_get_their_query_and_next_to_none_a_wrong_one(
    interpreter: Interpreter, members: Members, larkfield: Asking
) -> None:
    found = [outcome(q, interpreter.interpret(q.text), larkfield.catalogue, members) for q in questions("aside")]
    with_query = [way for q, way in zip(questions("aside"), found, strict=True) if not q.declined]
    assert with_query.count("right") / len(with_query) >= 0.85
    assert found.count("wrong") / len(found) < 0.02


def test_what_is_kept_aside_is_what_the_rule_says_and_there_is_enough_of_both() -> None:
    every = [*TUNED, *questions("aside")]
    assert len({question.text for question in every}) == len(every) >= 250
    assert sum(question.declined for question in every) >= 60
    assert {question.text for question in questions("aside")} == kept_aside(every)


def test_an_answer_has_the_number_its_words_its_query_and_where_it_comes_from(demo_settings: Settings) -> None:
    answer = sk.ask("Enterprise ARR by country vs a year ago", settings=demo_settings)
    assert answer.status == "answered"
    assert answer.understood == "ARR, by country, segment Enterprise, Dec 2025, compared with the year before"
    assert answer.notes == ("Enterprise is taken for a segment, not a plan",)
    same = sk.metric(
        "arr", by="country", compare="prior_year", filters={"segment": "Enterprise"}, day=DAY, settings=demo_settings
    )
    assert answer.result is not None
    assert [value.value for value in answer.result.values] == [value.value for value in same.values]
    assert answer.result.values[0].provenance.sql
    assert answer.result.values[0].demo
    for part in ("DEMO DATA", "ARR, by country", "sk.metric("):
        assert part in answer._repr_html_()


@pytest.mark.parametrize(
    "question",
    [
        "top 5 customers by revenue last quarter",
        "failed payments in Texas and Florida by week for the last 4 weeks",
        "arr excluding enterprise vs plan",
        "failed payments so far this week",
    ],
)
def test_the_query_that_is_shown_gives_the_same_numbers(question: str, demo_settings: Settings) -> None:
    answer = ask(question, settings=demo_settings)
    assert answer.result is not None
    assert answer.command is not None
    assert answer.call is not None
    shown = answer.call.replace("sk.metric(", "sk.metric(settings=given, name=", 1)
    frame = eval(shown, {"sk": sk, "date": date, "given": demo_settings})  # the line a reader copies
    frame = frame if answer.top else frame.frame()
    assert frame["value"].to_list() == answer.result.frame()["value"].to_list()
    query = answer.result.query
    words = shlex.split(answer.command)
    assert words[:3] == ["sophia", "metric", query.metric]
    assert words.count("--where") == sum(len(chosen) for _, chosen in query.filters)


def test_a_ranking_is_ordered_cut_and_its_total_is_that_of_all(demo_settings: Settings) -> None:
    answer = ask("3 smallest customers by payment success rate in December", settings=demo_settings)
    every = sk.metric("payment_success_rate", by="account", grain="month", day=DAY, settings=demo_settings)
    numbers = sorted(value.value for value in every.values if value.value is not None)
    assert answer.top == Top(3, largest=False)
    assert answer.result is not None
    assert answer.total is not None
    assert [value.value for value in answer.result.values] == numbers[:3]
    assert (
        answer.total.value
        == sk.metric("payment_success_rate", grain="month", day=DAY, settings=demo_settings).value.value
    )


def test_in_a_ranking_unknown_values_come_last(demo_settings: Settings) -> None:
    answer = ask("top 3 segments by payment volume in August 2024", settings=demo_settings)
    assert answer.result is not None
    known = [value.value is not None for value in answer.result.values]
    assert known == sorted(known, reverse=True)
    assert not all(known)
    assert answer.total is not None
    assert answer.total.unknown is not None


def test_leaving_members_out_keeps_rows_that_carry_none(interpreter: Interpreter, members: Members) -> None:
    query = interpreter.interpret("failed payments outside of Texas and Florida").query
    assert query is not None
    chosen = dict(query.filters)["region"]
    assert NOT_SET in chosen
    assert {"Texas", "Florida"}.isdisjoint(chosen)


def test_why_leads_to_the_explanation_of_the_change(demo_settings: Settings) -> None:
    answer = ask("why did churned MRR go up in April 2025 by segment?", settings=demo_settings)
    assert answer.status == "answered"
    assert answer.change is not None
    assert answer.change.versus == "prior_period"
    assert [item.by for item in answer.change.dimensions] == ["segment"]
    assert answer.change.value.period.label == "Apr 2025"


def test_why_says_when_it_was_the_other_way_round(demo_settings: Settings) -> None:
    up, down = (ask(f"why is ARR {way} in September?", settings=demo_settings) for way in ("up", "down"))
    assert up.change is not None
    assert up.change.change is not None
    assert up.change.change > 0
    assert down.notes[:-1] == up.notes
    assert down.notes[-1] == f"against Aug 2025 it is not down: the change is {up.change.display}"


@pytest.mark.parametrize(
    ("question", "status", "reason"),
    [
        ("NPS of Microsoft", "asks", "'microsoft'"),
        ("churn", "asks", "several metrics"),
        ("revenue and EBITDA by month", "asks", "'ebitda'"),
        ("value of failed payments", "asks", "'value'"),
        ("NPS promoters", "asks", "several ways"),
        ("processing cost per transaction at Northgate", "asks", "isn't clear"),
        ("revenue yesterday", "asks", "isn't offered by day"),
        ("which customers churned", "asks", "'which'"),
        ("headcount in the US", "asks", "'us'"),
        ("ARR with and without Canada", "asks", "'without'"),
        ("best 3 departments by headcount", "asks", "largest or smallest"),
        ("top 5 customers by revenue for the last 6 months", "asks", "several periods"),
        ("which segment grew the most in ARR", "asks", "by change"),
        ("revenue next month", "declined", "not come yet"),
        ("what will revenue be", "declined", "prediction"),
        ("should we drop Northgate?", "declined", "Advice"),
        ("select * from payments", "declined", "no rows"),
        ("what does NRR mean", "declined", "sophia explain"),
        ("the weather", "declined", "numbers of the catalogue"),
        ("average processing time last month", "asks", "'average'"),
        ("average active properties", "asks", "'average'"),
        ("revenue until September", "asks", "until september"),
        ("revenue up to September", "asks", "up to september"),
        ("payments due last month", "asks", "'due'"),
        ("long calls last month", "asks", "'long'"),
        ("revenue and costs", "asks", "'costs'"),
        ("revenue & costs", "asks", "'costs'"),
        ("number of calls with competitor mentions", "asks", "'number'"),
        ("how many calls were negative last week", "asks", "one metric"),
        ("revenue on 30 June", "asks", "by day"),
        ("fee revenue last month", "asks", "'fee'"),
        ("¿cuánto?", "declined", "no metric"),
    ],
)
def test_what_is_not_sure_is_asked_back_or_declined_with_the_reason(
    question: str, status: str, reason: str, interpreter: Interpreter
) -> None:
    answer = interpreter.interpret(question)
    assert answer.status == status
    assert reason in (answer.reason or "")
    assert answer.query is None


@pytest.mark.parametrize(
    ("question", "metric", "day"),
    [
        ("May revenue", "revenue", date(2025, 5, 31)),
        ("May I see revenue", "revenue", DAY),
        ("how may customers do we have", "customers", DAY),
        ("what % of payments failed", "failure_rate", DAY),
        ("failed payments %", "failure_rate", DAY),
        ("NRR on 30 June 2025", "nrr", date(2025, 6, 30)),
        ("how long is our sales cycle", "sales_cycle", DAY),
        ("revenue from January up to September", "revenue", date(2025, 9, 30)),
    ],
)
def test_small_words_and_signs_are_read_as_what_they_say(
    question: str, metric: str, day: date, interpreter: Interpreter
) -> None:
    query = interpreter.interpret(question).query
    assert query is not None
    assert (query.metric, query.day) == (metric, day)


@pytest.mark.parametrize(
    ("question", "filters", "by"),
    [
        ("headcount in engineering and sales", {"department": {"Engineering", "Sales"}}, ()),
        ("Enterprise vs Mid-Market ARR", {"segment": {"Enterprise", "Mid-Market"}}, ("segment",)),
        ("MRR on the plan Core by country", {"plan": {"Core"}}, ("country",)),
        ("US MRR of student housing customers", {"country": {"United States"}, "industry": {"Student Housing"}}, ()),
        ("failed payments: region is Texas, method is card", {"region": {"Texas"}, "method": {"card"}}, ()),
        ("what does it cost us to acquire a customer", {}, ()),
    ],
)
def test_members_restrict_what_is_asked(
    question: str, filters: dict[str, set[str]], by: tuple[str, ...], interpreter: Interpreter
) -> None:
    query = interpreter.interpret(question).query
    assert query is not None
    assert {name: set(chosen) for name, chosen in query.filters} == filters
    assert query.by == by


def test_a_misspelt_word_is_read_and_told(interpreter: Interpreter) -> None:
    answer = interpreter.interpret("hedcount by departmnt")
    assert answer.query is not None
    assert (answer.query.metric, answer.query.by) == ("headcount", ("department",))
    assert answer.notes == ("'hedcount' is read as 'headcount'", "'departmnt' is read as 'department'")


@pytest.mark.parametrize("text", ["", "   ", "arr " * 200])
def test_no_question_and_too_long_a_one_are_input_errors(text: str, interpreter: Interpreter) -> None:
    with pytest.raises(InputError):
        interpreter.interpret(text)


def test_a_metric_of_ones_own_is_found_by_its_label_and_synonyms(larkfield: Asking) -> None:
    arr = larkfield.catalogue.get("arr")
    own = arr.model_copy(update={"name": "gadgets", "label": "Gadgets in use", "synonyms": ("widget base",)})
    reader = Interpreter(larkfield.warehouse, Catalogue([own]), Calendar(), DAY, over=True)
    for text in ("gadgets in use by segment", "what is our widget base by segment?"):
        query = reader.interpret(text).query
        assert query is not None
        assert (query.metric, query.by) == ("gadgets", ("segment",))
    assert reader.interpret("arr by segment").query is None


def test_a_principal_is_answered_from_its_rows_and_told_of_no_other_member(demo_settings: Settings) -> None:
    canada = Principal("analyst", (("country", ("Canada",)),))
    answer = ask("ARR by segment", principal=canada, settings=demo_settings)
    seen = sk.metric("arr", by="segment", filters={"country": "Canada"}, day=DAY, settings=demo_settings)
    assert answer.result is not None
    assert [value.value for value in answer.result.values] == [value.value for value in seen.values]
    assert ask("ARR in the US", principal=canada, settings=demo_settings).status == "asks"
    northgate = Principal("partner", (("processor", ("Northgate",)),))
    assert ask("failure rate at Northgaet", principal=northgate, settings=demo_settings).status == "answered"
    assert ask("failure rate at Halyrad", principal=northgate, settings=demo_settings).notes == ()
    assert ask("failure rate at Halyrad", settings=demo_settings).notes == ("'halyrad' is read as 'halyard'",)
    assert ask("ARR excluding Enterprise", principal=canada, settings=demo_settings).status == "asks"
    assert ask("why did ARR rise in Q3", principal=canada, settings=demo_settings).status == "declined"
    with pytest.raises(AccessRefused):
        ask("headcount", principal=canada, settings=demo_settings)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_word_more_never_makes_it_surer_and_a_foreign_one_never_gets_an_answer(
    interpreter: Interpreter, data: st.DataObject
) -> None:
    question = data.draw(st.sampled_from([item.text for item in TUNED if not item.declined]))
    noise = data.draw(st.lists(st.sampled_from(NOISE), min_size=1, max_size=3))
    before = interpreter.interpret(question)
    after = interpreter.interpret(f"{' '.join(noise)} {question}")
    assert after.confidence <= before.confidence
    if set(noise) - set(lexicon().fillers):
        assert after.status != "answered"
    elif after.query is not None:
        assert after.query == before.query


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.text(max_size=60))
def test_any_text_gets_an_answer_object_and_never_an_exception(interpreter: Interpreter, text: str) -> None:
    if text.strip():
        assert isinstance(interpreter.interpret(text), Answer)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_case_and_punctuation_change_nothing(interpreter: Interpreter, data: st.DataObject) -> None:
    item = data.draw(st.sampled_from([item for item in TUNED if "'" not in item.text]))
    plain = interpreter.interpret(item.text)
    loud = interpreter.interpret(f"  {item.text.upper()}!!! ")
    assert replace(loud, question="", notes=()) == replace(plain, question="", notes=())


def test_a_part_of_a_period_is_compared_with_as_much_of_another(interpreter: Interpreter) -> None:
    query = interpreter.interpret("failed payments so far this week vs last week").query
    assert query is not None
    assert (query.include_unfinished, query.compare) == (True, ("to_date",))


def test_what_the_data_does_not_reach_is_declined_with_the_reason(demo_settings: Settings) -> None:
    answer = ask("ARR in 2019", settings=demo_settings)
    assert (answer.status, answer.result) == ("declined", None)
    assert "its data begins on" in (answer.reason or "")
    with pytest.raises(InputError, match="has not come yet"):
        ask("ARR", day=date(2031, 1, 1), settings=demo_settings)


def test_what_the_lexicon_says_of_metrics_dimensions_and_members_is_of_those_that_exist(
    larkfield: Asking, members: Members
) -> None:
    words, catalogue = lexicon(), larkfield.catalogue
    named = {*words.phrases, *(name for names in words.ambiguous.values() for name in names)}
    assert {name for name in named if name not in catalogue} == set()
    dimensions = {name: definition for definition in catalogue for name in definition.dimensions}
    assert words.dimension_words.keys() == dimensions.keys()
    # Other countries than the demo company's are named for other companies.
    elsewhere = {"United Kingdom"}
    for name, of in words.member_names.items():
        assert set(of.values()) - elsewhere <= set(members.of(dimensions[name], name).values), name
    assert {definition.unit for definition in catalogue} <= words.unit_nouns.keys()


def test_what_was_known_then_is_unknown_before_the_oldest_snapshot(demo_settings: Settings, larkfield: Asking) -> None:
    answer = ask("ARR", known_at=datetime(2020, 1, 1, tzinfo=UTC), settings=demo_settings)
    assert answer.result is not None
    assert answer.result.value.unknown is not None
    assert answer.result.value.unknown.code == "no_snapshot_at"
    why = ask("why did ARR rise in September", known_at=datetime(2020, 1, 1, tzinfo=UTC), settings=demo_settings)
    assert why.change is not None
    assert why.change.unknown is not None
    assert why.change.unknown.code == "no_snapshot_at"
    given = ask("ARR", warehouse=larkfield.warehouse, catalogue=larkfield.catalogue, settings=demo_settings)
    assert given.result is not None
    assert given.result.value.value == sk.metric("arr", settings=demo_settings).value.value


def test_html_escapes_what_was_typed(interpreter: Interpreter) -> None:
    answer: Any = interpreter.interpret("nps of <b>acme</b>")
    assert "<b>acme" not in answer._repr_html_()
