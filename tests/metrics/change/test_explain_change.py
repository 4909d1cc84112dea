"""`sk.explain_change`, by kind of metric, on rows that fit on a page."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as profile
from hypothesis import strategies as st
from tests.metrics.shops import CATALOGUE, NOW, Sale, Shops

from sophia_kit.core.errors import AccessRefused, InputError, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.metrics import Period, Principal
from sophia_kit.metrics.change import ChangeExplanation, Part, explain_change

DERIVED = """
metrics:
  spend:
    label: Spend per ticket
    description: For tests.
    source: These tests
    owner: Nobody
    kind: derived
    inputs: {money: {metric: takings}, tickets: {metric: tickets_sold}}
    expression: money / tickets
    unit: count
    format: decimal
    higher_is_better: true
    additive: none
    grains: [month]
    dimensions: {town: town}
    synonyms: [spend]
    golden: none
  squared:
    label: Squared
    description: For tests.
    source: These tests
    owner: Nobody
    kind: derived
    inputs: {money: {metric: takings}, tickets: {metric: tickets_sold}}
    expression: money * tickets
    unit: count
    format: decimal
    higher_is_better: null
    additive: none
    grains: [month]
    dimensions: {town: town}
    synonyms: [square]
    golden: none
"""
EXTENDED = CATALOGUE.extended(DERIVED, "derived.yaml")
JUNE, MAY = "2025-06", "2025-05"
SALES: list[Sale] = [
    ("c", date(2024, 1, 5), Decimal("1.00"), "z"),
    ("a", date(2025, 5, 3), Decimal("20.00"), "x"),
    ("a", date(2025, 5, 9), Decimal("60.00"), "y"),
    ("c", date(2025, 5, 9), Decimal("20.00"), "z"),
    ("a", date(2025, 6, 2), Decimal("20.00"), "x"),
    ("b", date(2025, 6, 3), Decimal("70.00"), "y"),
    ("b", date(2025, 6, 4), Decimal("90.00"), "w"),
]


@pytest.fixture(scope="module")
def shops() -> Iterator[Shops]:
    engine = Shops(SALES)
    yield engine
    engine.close()


def explain(engine: Shops, metric: str, period: str | Period | None = JUNE, versus: Any = MAY, **more: Any) -> Any:
    settings = Settings(root=Path("nowhere"), workspace="demo", frozen_at=NOW)
    return explain_change(metric, period, versus, settings=settings, warehouse=engine, catalogue=EXTENDED, **more)


def parts(explanation: ChangeExplanation, by: str) -> dict[str, Fraction | None]:
    found = explanation.breakdown(by)
    assert found is not None
    return {part.name: part.exact for part in found.parts}


def part(explanation: ChangeExplanation, by: str, name: str) -> Part:
    found = explanation.breakdown(by)
    assert found is not None
    told = found.part(name)
    assert told is not None
    return told


def test_a_sum_is_taken_apart_by_member_largest_first(shops: Shops) -> None:
    found = explain(shops, "takings")
    assert (found.base.value, found.value.value, found.change) == (Decimal(100), Decimal(180), 80)
    assert (found.display, found.relative, found.good) == ("+80.0", "+80.0 %", True)
    assert parts(found, "shop") == {"b": 160, "a": -60, "c": -20}
    assert parts(found, "town") == {"Ulm": 100, "Bonn": -20}
    assert list(parts(found, "shop")) == ["b", "a", "c"]
    assert [item.by for item in found.dimensions] == ["shop", "town"]


def test_members_that_appear_or_disappear_say_so(shops: Shops) -> None:
    found = explain(shops, "takings")
    assert [part(found, "shop", name).presence for name in "abc"] == ["both", "appeared", "disappeared"]
    gone = part(found, "shop", "c")
    assert gone.base == 20
    assert gone.value == 0


def test_each_side_keeps_its_statement_and_what_was_bound(shops: Shops) -> None:
    found = explain(shops, "takings")
    assert (found.base.period.label, found.value.period.label) == ("May 2025", "Jun 2025")
    bound = str(found.base.provenance.params)
    assert "2025, 5, 1" in bound
    assert "2025, 6, 1" in bound
    for item in found.dimensions:
        assert item.provenance is not None
        assert "dim_0" in item.provenance.sql


def test_a_ratio_has_effects_of_rate_and_mix(shops: Shops) -> None:
    found = explain(shops, "share_of_large")
    assert found.change == Fraction(2, 3) - Fraction(1, 3)
    bonn, ulm = (part(found, "town", name) for name in ("Bonn", "Ulm"))
    # Bonn had one of three tickets, none of them large, and has none now.
    assert [effect.exact for effect in bonn.effects] == [0, Fraction(1, 9), 0]
    assert [effect.exact for effect in ulm.effects] == [
        Fraction(2, 3) * (Fraction(2, 3) - Fraction(1, 2)),
        Fraction(1, 3) * (Fraction(1, 2) - Fraction(1, 3)),
        Fraction(1, 3) * (Fraction(2, 3) - Fraction(1, 2)),
    ]
    assert (bonn.base_display, bonn.value_display) == ("0.0", "none")
    breakdown = found.breakdown("town")
    assert [effect.kind for effect in breakdown.effects] == ["rate", "mix", "interaction"]


def test_a_derived_metric_is_taken_apart_by_its_inputs_and_a_quotient_by_dimension_too(shops: Shops) -> None:
    found = explain(shops, "spend")
    assert found.change == 60 - Fraction(100, 3)
    # 3 tickets in both months: all of it is money.
    assert parts(found, "inputs") == {"money": Fraction(80, 3), "tickets": 0}
    assert sum(filter(None, parts(found, "town").values())) == found.change


def test_a_product_has_inputs_but_its_members_do_not_add_up(shops: Shops) -> None:
    found = explain(shops, "squared", JUNE, MAY)
    assert sum(filter(None, parts(found, "inputs").values())) == found.change == 540 - 300
    town = found.breakdown("town")
    assert town.parts == ()
    assert town.unknown.code == "not_additive"


@pytest.mark.parametrize("metric", ["buyers", "median_ticket", "average_ticket", "buyers_of_3_months"])
def test_what_members_do_not_make_up_is_unknown_by_dimension_and_says_why(shops: Shops, metric: str) -> None:
    found = explain(shops, metric)
    assert found.change is not None
    assert {item.unknown.code for item in found.dimensions} == {"not_additive"}
    assert "computed anew" in found.text()


def test_running_totals_add_up_over_members(shops: Shops) -> None:
    found = explain(shops, "takings_of_year")
    assert found.change == 180
    assert parts(found, "town") == {"Ulm": 180, "Bonn": 0}


sales = st.lists(
    st.tuples(
        st.sampled_from("abc"),
        st.dates(date(2025, 5, 1), date(2025, 6, 30)),
        st.decimals(-500, 500, places=2),
        st.sampled_from("xyz"),
    ),
    min_size=1,
    max_size=12,
)


@profile(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(sales)
def test_for_any_rows_the_parts_sum_to_the_change_exact_and_displayed(rows: list[Sale]) -> None:
    engine = Shops([("a", date(2025, 4, 30), Decimal(1), "x"), *rows])
    try:
        for metric in ("takings", "share_of_large", "spend", "takings_of_3_months"):
            found = explain(engine, metric)
            for item in found.breakdowns:
                if found.change is None or item.unknown is not None:
                    assert item.unknown is not None
                    continue
                assert sum(told.exact for told in item.parts) == found.change
                assert sum(told.count for told in item.parts) == found.count
    finally:
        engine.close()


def test_dimensions_and_filters_are_those_asked_for(shops: Shops) -> None:
    found = explain(shops, "takings", dimensions="town", filters={"shop": ["a", "c"]})
    assert [item.by for item in found.dimensions] == ["town"]
    assert parts(found, "town") == {"Ulm": -60, "Bonn": -20}


def test_a_principal_s_change_is_of_what_it_may_see(shops: Shops) -> None:
    bonn = Principal("eva", (("town", ("Bonn",)),))
    found = explain(shops, "takings", principal=bonn)
    assert found.change == -20
    assert parts(found, "shop") == {"c": -20}
    with pytest.raises(AccessRefused):
        explain(shops, "takings", principal=bonn, filters={"town": "Ulm"})


def test_periods_may_be_given_as_metric_takes_them(shops: Shops) -> None:
    by_day = explain(shops, "takings", None, "prior_period", day=date(2025, 6, 30), grain="month")
    by_period = explain(shops, "takings", Period("month", date(2025, 6, 1), date(2025, 6, 30)), "prior_period")
    assert by_day.change == by_period.change == explain(shops, "takings").change


@pytest.mark.parametrize(
    ("period", "versus", "kind"),
    [
        (JUNE, "2025-07", InputError),  # not before
        (JUNE, "2025-06", InputError),
        (JUNE, "2025-Q1", InputError),  # another grain
        ("2025-07", MAY, InputError),  # not over
        ("June", MAY, InputError),
        (JUNE, "last_year", UnknownName),
        (JUNE, "trailing_average", UnknownName),
    ],
)
def test_what_cannot_be_compared_is_refused(shops: Shops, period: str, versus: str, kind: type[Exception]) -> None:
    with pytest.raises(kind):
        explain(shops, "takings", period, versus)


def test_an_unknown_dimension_or_metric_is_refused(shops: Shops) -> None:
    with pytest.raises(UnknownName):
        explain(shops, "takings", dimensions=["color"])
    with pytest.raises(UnknownName):
        explain(shops, "taking")


def test_before_the_data_the_change_is_unknown_and_so_is_what_it_consists_of(shops: Shops) -> None:
    found = explain(shops, "takings", "2024-01", "prior_period")
    assert found.change is None
    assert found.unknown.code == "before_data"
    assert (found.display, found.count, found.good) == ("unknown", None, None)
    assert all(item.unknown is not None for item in found.dimensions)
    assert "unknown" in found.text()


def test_as_a_frame_every_part_is_a_row(shops: Shops) -> None:
    frame = explain(shops, "share_of_large").frame()
    rows = frame.filter(frame["breakdown"] == "town").sort("part").to_dicts()
    assert [row["part"] for row in rows] == ["Bonn", "Ulm"]
    assert rows[0]["mix"] == Decimal("0.1111111111")
    assert rows[0]["share"] == Decimal("0.3333333333")
    assert rows[0]["presence"] == "disappeared"


def test_in_words_and_as_markup_it_says_the_same(shops: Shops) -> None:
    found = explain(shops, "takings")
    assert found.text().splitlines() == [
        "Takings, Jun 2025: 180.0. That is +80.0 (+80.0 %) against May 2025 (100.0), which is good.",
        "By shop, told by b: b (new) +160.0, a -60.0 and c (gone) -20.0.",
        "By town, told by Ulm: Ulm +100.0 and Bonn (gone) -20.0.",
    ]
    markup = found._repr_html_()
    assert "+80.0" in markup
    assert "<strong>b (new)</strong>" in markup
