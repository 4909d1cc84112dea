"""From a metric to the vendors' fields, without a gap."""

from __future__ import annotations

import re

import pytest

from sophia_kit.core.errors import UnknownName
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.definition import RowsDefinition
from sophia_kit.reports.lineage import LineageNode, metric_lineage, walk
from sophia_kit.reports.lineage_graph import dot_of, mermaid_of

CATALOGUE = Catalogue.load()


def names(nodes: tuple[LineageNode, ...]) -> list[str]:
    return [node.name for node in nodes]


def node(root: LineageNode, name: str) -> LineageNode:
    return next(each for each in walk(root) if each.name == name)


@pytest.fixture(scope="module")
def trees() -> dict[str, LineageNode]:
    return {definition.name: metric_lineage(CATALOGUE, definition.name) for definition in CATALOGUE}


def test_every_column_of_every_metric_reaches_a_vendors_field(trees: dict[str, LineageNode]) -> None:
    assert len(trees) >= 35
    for name, root in trees.items():
        columns = [each for each in walk(root) if each.kind == "column"]
        assert columns, name
        for column in columns:
            assert any(each.kind == "field" for each in walk(column)), f"{name}: {column.name}"


def test_nothing_ends_before_a_field_or_the_kits_own_record(trees: dict[str, LineageNode]) -> None:
    fields = {
        f"{contract.source_system}: {contract.resource}.{field}"
        for contract in load_contracts().values()
        for field in contract.fields
    }
    for root in trees.values():
        for each in walk(root):
            assert bool(each.sources) == (each.kind not in ("field", "record")), each
            assert each.kind != "field" or each.name in fields


def test_every_dimension_of_a_metric_is_there(trees: dict[str, LineageNode]) -> None:
    for definition in CATALOGUE:
        if isinstance(definition, RowsDefinition):
            shown = {each.name for each in trees[definition.name].sources if each.kind == "dimension"}
            read = {each.name for each in trees[definition.name].sources if each.kind == "column"}
            for dimension, path in definition.dimensions.items():
                named = f"{definition.name} by {dimension}"
                assert named in shown or f"{definition.base}.{path}" in read, named


def test_a_metric_over_one_view(trees: dict[str, LineageNode]) -> None:
    root = trees["payment_volume"]
    columns = [each.name for each in root.sources if each.kind == "column"]
    assert [name for name in columns if name.startswith("payments")] == [
        "payments.amount",
        "payments.attempted_day",
        "payments.currency",
        "payments.status",
    ]
    (raw,) = node(root, "payments.amount").sources
    assert (raw.name, names(raw.sources)) == ("raw.payments.amount", ["payments_platform: payments.amount"])


def test_a_company_day_comes_from_the_vendors_moment(trees: dict[str, LineageNode]) -> None:
    assert names(node(trees["payment_volume"], "raw.payments.attempted_day").sources) == [
        "payments_platform: payments.attempted_at"
    ]


def test_a_dimension_needs_its_own_columns_and_the_way_to_them(trees: dict[str, LineageNode]) -> None:
    by_segment = node(trees["payment_volume"], "payment_volume by segment")
    assert names(by_segment.sources) == ["accounts.segment", "accounts.source_id", "payments.account_id"]
    assert node(by_segment, "raw.salesforce_accounts.segment").sources[0].name == "salesforce: Account.Segment__c"


def test_a_derived_metric_stands_on_metrics(trees: dict[str, LineageNode]) -> None:
    assert names(trees["rpe"].sources) == ["revenue", "headcount"]


def test_a_composed_view_says_what_decides_its_rows(trees: dict[str, LineageNode]) -> None:
    rows = node(trees["mrr_new"], "rows of mrr_movements")
    assert {"subscriptions.valid_from", "subscriptions.account_id"} <= set(names(rows.sources))


def test_what_the_kit_records_itself_is_no_vendors(trees: dict[str, LineageNode]) -> None:
    assert node(trees["mrr_new"], "sophia-kit: meta.snapshot.currency").kind == "record"


def test_an_unknown_metric_is_refused() -> None:
    with pytest.raises(UnknownName, match="chrun"):
        metric_lineage(CATALOGUE, "chrun")


@pytest.mark.parametrize(("draw", "edge"), [(mermaid_of, r"(n\d+) --> (n\d+)"), (dot_of, r"(n\d+) -> (n\d+);")])
def test_a_diagram_has_each_thing_once_and_all_that_connects_them(
    trees: dict[str, LineageNode], draw: object, edge: str
) -> None:
    assert callable(draw)
    root = trees["arr"]
    text = draw(root)
    labels = dict(re.findall(r'(n\d+)(?:\[| \[label=)"([^"]+)"', text))
    things = {(each.kind, each.name) for each in walk(root)}
    assert sorted(labels.values()) == sorted(name for _, name in things)
    drawn = {(labels[source], labels[target]) for source, target in re.findall(edge, text)}
    assert drawn == {(source.name, each.name) for each in walk(root) for source in each.sources}
