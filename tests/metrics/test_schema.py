"""Joins follow declared relationships, and none of them can count a row twice."""

from __future__ import annotations

import pytest
from tests.metrics.asking import Asking

from sophia_kit.metrics.expression import ExpressionError
from sophia_kit.metrics.schema import Schema, canonical

TOWNS = Schema(
    {
        "sales": "SELECT source_id, shop_id, billed_to, sent_to, amount FROM raw.sales",
        "shops": "SELECT source_id, town_code, name FROM raw.shops",
        "towns": "SELECT code, name FROM raw.towns",
        "people": "SELECT source_id, name FROM raw.people",
    },
    {"sales": {"shop_id": "shops", "billed_to": "people", "sent_to": "people"}, "shops": {"town_code": "towns.code"}},
    {name: frozenset({f"raw.{name}"}) for name in ("sales", "shops", "towns", "people")},
)


def test_a_path_is_followed_over_the_key_that_its_relationship_names() -> None:
    path = TOWNS.resolve_path("sales", "shops.towns.name")
    assert [(hop.column, hop.view, hop.key) for hop in path.hops] == [
        ("shop_id", "shops", "source_id"),
        ("town_code", "towns", "code"),
    ]
    assert (path.first_column, path.column) == ("shop_id", "name")


@pytest.mark.parametrize(
    ("base", "path", "message", "hint"),
    [
        (
            "shops",
            "sales.amount",
            "shops -> sales is one-to-many (sales.shop_id names shops): a total would count each row of shops once "
            "for every one of its sales",
            "Base the metric on sales",
        ),
        ("sales", "shops.sales.amount", "sales -> shops -> sales is one-to-many", "Base the metric on sales"),
        ("sales", "towns.name", "sales -> towns: no relationship from sales to towns is declared", "shops"),
        ("towns", "people.name", "towns -> people: no relationship", "It leads nowhere."),
        ("sales", "shop.name", "sales -> shop: no view is called 'shop'", "shops"),
        ("sales", "people.name", "sales -> people: sales leads to people by billed_to and sent_to", "one of them"),
        ("sales", "shops.naem", "unknown column 'naem' of shops", "name"),
    ],
)
def test_a_path_that_would_fan_out_or_isn_t_declared_is_refused_by_its_route(
    base: str, path: str, message: str, hint: str
) -> None:
    with pytest.raises(ExpressionError) as caught:
        TOWNS.resolve_path(base, path)
    assert message in str(caught.value)
    assert hint in (caught.value.hint or "")


def test_what_relationships_lead_to_is_unique_in_the_company_s_data(larkfield: Asking) -> None:
    """What makes every declared join one that can't multiply rows."""
    schema = canonical()
    hops = {(hop.view, hop.key) for view in schema.views for hop in schema.relationships(view)}
    assert ("accounts", "source_id") in hops
    for view, key in sorted(hops):
        counted = f"SELECT count(*), count(DISTINCT {key}) FROM {view}"
        rows, keys = larkfield.warehouse.query(counted).frame.row(0)
        assert rows == keys, f"{view}.{key}"


def test_relationships_begin_at_columns_of_their_views() -> None:
    schema = canonical()
    for view in schema.views:
        assert {hop.column for hop in schema.relationships(view)} <= set(schema.columns(view))
