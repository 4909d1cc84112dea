"""The catalogue as it ships: complete, sourced, and at one with the canonical views."""

from __future__ import annotations

from itertools import product

import pytest
from tests.conftest import REPOSITORY
from tests.metrics.asking import Asking
from tests.metrics.catalogue_page import page
from tests.metrics.conftest import Tiny

from sophia_kit.core.errors import UnknownName
from sophia_kit.ingest import load_contracts
from sophia_kit.metrics import Catalogue
from sophia_kit.metrics.compile import Shape
from sophia_kit.metrics.definition import (
    CohortDefinition,
    FlowDefinition,
    PointInTimeDefinition,
    RowsDefinition,
)
from sophia_kit.metrics.schema import canonical
from sophia_kit.warehouse import model_references

CATALOGUE = Catalogue.load()
NAMES = [item.name for item in CATALOGUE]


# What executives ask for, in their words, and the metric that answers it.
ASKED = {
    "ARR": "arr", "MRR": "mrr", "new MRR": "mrr_new", "expansion MRR": "mrr_expansion",
    "contraction MRR": "mrr_contraction", "churned MRR": "mrr_churned", "ARPA": "arpa", "ACV": "acv", "NRR": "nrr",
    "GRR": "grr", "logo churn": "logo_churn", "CAC": "cac", "LTV": "ltv", "LTV:CAC": "ltv_cac",
    "payback": "cac_payback", "win rate": "win_rate", "pipeline coverage": "pipeline_coverage",
    "sales velocity": "sales_velocity", "average sales cycle": "sales_cycle", "quota attainment": "quota_attainment",
    "forecast accuracy": "forecast_accuracy", "stuck deals": "stuck_deals", "revenue": "revenue",
    "gross margin": "gross_margin", "EBITDA": "ebitda", "Rule of 40": "rule_of_40", "burn": "burn",
    "runway": "runway", "p95 processing time": "processing_time_p95",
    "payment volume": "payment_volume", "payment success rate": "payment_success_rate",
    "failed payments": "failed_payments", "processor cost per payment": "processor_cost_per_payment",
    "call sentiment": "call_sentiment", "talk ratio": "talk_ratio",
    "competitor mention rate": "competitor_mention_rate", "NPS": "nps", "CSAT": "csat", "ticket volume": "tickets",
    "headcount": "headcount", "RPE": "rpe",
}  # fmt: skip


@pytest.mark.parametrize(("words", "name"), ASKED.items())
def test_what_executives_ask_for_is_found_by_their_words(words: str, name: str) -> None:
    item = CATALOGUE.get(name)
    assert words.lower() in {name, item.label.lower(), *(word.lower() for word in item.synonyms)}


def test_the_documented_catalogue_is_the_catalogue() -> None:
    assert (REPOSITORY / "docs" / "catalogue.md").read_text(encoding="utf-8") == page(CATALOGUE)


@pytest.mark.parametrize("name", NAMES)
def test_a_metric_says_what_it_is_and_whose_definition_that_is(name: str) -> None:
    item = CATALOGUE.get(name)
    assert len(item.description) > 40
    assert len(item.source) > 20
    assert item.owner
    assert item.synonyms
    assert len(item.digest) == 64


def test_no_synonym_means_two_metrics() -> None:
    words = [word.lower() for item in CATALOGUE for word in {item.label, *item.synonyms}]
    assert len(words) == len(set(words))


def test_an_unknown_name_suggests_near_ones_and_what_a_synonym_means() -> None:
    with pytest.raises(UnknownName, match="No metric is called 'revenu'") as near:
        CATALOGUE.get("revenu")
    assert "revenue" in (near.value.hint or "")
    with pytest.raises(UnknownName) as synonym:
        CATALOGUE.get("net dollar retention")
    assert "nrr" in (synonym.value.hint or "")


@pytest.mark.parametrize("name", NAMES)
def test_the_digest_follows_the_definition_and_what_it_derives_from(name: str) -> None:
    item = CATALOGUE.get(name)
    changed = item.model_copy(update={"description": "Something else."})
    assert changed.digest != item.digest
    for below in CATALOGUE.rows_below(item):
        other = Catalogue([below.model_copy(update={"owner": "Somebody"}) if d is below else d for d in CATALOGUE])
        assert other.digest(item if below is not item else other.get(name)) != CATALOGUE.digest(item)


def test_every_view_answers_on_an_empty_snapshot_with_the_columns_that_definitions_see(empty: Asking) -> None:
    for view in canonical().views:
        frame = empty.warehouse.query(f"FROM {view}").frame
        assert tuple(frame.columns) == canonical().columns(view), view
        assert frame.is_empty() or view == "freshness"


def test_times_are_dates_so_that_a_company_day_is_one_day(empty: Asking) -> None:
    for item in CATALOGUE:
        if not isinstance(item, RowsDefinition):
            continue
        frame = empty.warehouse.query(f"FROM {item.base}").frame
        if isinstance(item, FlowDefinition):
            times = [item.time]
        else:
            assert isinstance(item, PointInTimeDefinition | CohortDefinition)
            times = [item.valid.from_, item.valid.to]
        assert {str(frame.schema[time]) for time in times} == {"Date"}, item.name


@pytest.mark.parametrize("name", [name for name in NAMES if isinstance(CATALOGUE.get(name), RowsDefinition)])
def test_every_shape_of_every_metric_runs_on_an_empty_snapshot(empty: Asking, name: str) -> None:
    item = CATALOGUE.get(name)
    assert isinstance(item, RowsDefinition)
    for by, single in product((*item.dimensions, None), (True, False)):
        split = (by,) if by else ()
        compiled = CATALOGUE.compile(item, Shape(split, split, single and not isinstance(item, CohortDefinition)))
        days = "[DATE '2025-01-01']"
        given = {"currency": "USD", "first_day": "2025-01-01", "last_day": "2025-01-31", "filter_0": ["x"]}
        params = {key: given.get(key, days) for key in (*compiled.parameters, *(["filter_0"] if split else []))} | {
            key: ["2025-01-01"] for key in compiled.parameters if key.endswith("s") and key not in given
        }
        frame = empty.warehouse.query(compiled.sql, params).frame
        assert frame.columns == [
            "period_start",
            *(["dim_0"] if by else []),
            "value",
            "denominator",
            "row_count",
            "missing_rates",
        ]
        assert frame.height <= 1


NO_METRIC_YET = {
    "github_files", "github_issues", "gong_trackers", "n8n_executions", "n8n_workflows", "notion_users",
    "salesforce_tasks", "slack_channel_members", "slack_users",
}  # fmt: skip
"""Raw tables that are there to be looked at; no canonical view reads them."""


def test_every_raw_table_but_a_few_has_a_canonical_view_and_every_view_reads_known_tables() -> None:
    below = {table for tables in model_references().values() for table in tables if table.startswith("raw.")}
    assert {table.removeprefix("raw.") for table in below} == set(load_contracts()) - NO_METRIC_YET


def test_a_canonical_view_leaves_deleted_rows_out(tiny: Tiny) -> None:
    asking = tiny({"employees": [{"fte": 1, "is_deleted": True}, {"fte": 1}]})
    assert asking.warehouse.query("SELECT count(*) FROM employees").frame.item() == 1
