"""Which columns a statement, a view, or a column of a view stands on."""

from __future__ import annotations

import pytest

from sophia_kit.warehouse import models
from sophia_kit.warehouse.lineage import below, statement_columns, view_columns, view_sources


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("SELECT sum(amount) FROM payments", {"payments.amount"}),
        ("SELECT sum(p.amount) FROM payments AS p WHERE p.status = 'failed'", {"payments.amount", "payments.status"}),
        (
            "SELECT a.segment FROM payments AS p LEFT JOIN accounts AS a ON a.source_id = p.account_id GROUP BY 1",
            {"accounts.segment", "accounts.source_id", "payments.account_id"},
        ),
        (
            "WITH days AS (SELECT attempted_day AS day, amount * 2 AS twice FROM payments) SELECT sum(twice) FROM days",
            {"payments.attempted_day", "payments.amount"},
        ),
        (
            "SELECT count(*) FROM payments WHERE account_id IN (SELECT source_id FROM accounts WHERE country = 'CA')",
            {"payments.account_id", "accounts.source_id", "accounts.country"},
        ),
        (
            "SELECT count(*) FROM payments WHERE EXISTS (SELECT 1 FROM tickets WHERE priority = method)",
            {"tickets.priority", "payments.method"},
        ),
        ("SELECT fee FROM (SELECT processor_fee AS fee FROM payments)", {"payments.processor_fee"}),
        ("SELECT amount FROM payments UNION ALL SELECT value FROM plans", {"payments.amount", "plans.value"}),
        (
            "SELECT amount, segment FROM payments JOIN accounts ON payments.account_id = accounts.source_id",
            {"payments.amount", "accounts.segment", "payments.account_id", "accounts.source_id"},
        ),
        ("SELECT count(*) FROM raw.payments WHERE NOT is_deleted", {"raw.payments.is_deleted"}),
    ],
)  # fmt: skip
def test_a_statement_reads_columns_wherever_they_stand(sql: str, columns: set[str]) -> None:
    assert {f"{owner}.{name}" for owner, name in statement_columns(sql)} == columns


def test_a_column_of_a_table_is_that_column_and_its_rows_are_the_undeleted() -> None:
    amount = view_sources("payments")["amount"]
    assert amount.values == {("raw.payments", "amount")}
    assert amount.rows == {("raw.payments", "is_deleted")}


def test_what_a_computed_column_is_made_of_is_told_from_what_decides_its_rows() -> None:
    account = view_sources("mrr_movements")["account_id"]
    assert account.values == {("subscriptions", "account_id")}
    assert {("subscriptions", "mrr"), ("fx_daily", "rate"), ("meta.snapshot", "known_at")} <= account.rows
    is_open = view_sources("opportunity_states")["is_open"]
    assert is_open.values == {("opportunities", "is_closed")}
    assert ("opportunities", "account_id") not in is_open.rows
    assert {("opportunities", "stage"), ("opportunity_stage_history", "changed_day")} <= is_open.rows


def test_a_window_stands_on_what_it_is_ordered_by() -> None:
    ends = view_sources("opportunity_states")["valid_to"]
    assert {
        ("opportunity_stage_history", "changed_day"),
        ("opportunity_stage_history", "opportunity_id"),
    } == ends.values


def test_below_a_view_are_all_views_and_tables_it_is_made_of() -> None:
    found = below([("mrr_movements", "amount")])
    assert {
        ("mrr_movements", "amount"),
        ("subscriptions", "mrr"),
        ("raw.subscriptions", "mrr"),
        ("fx_rates", "rate"),
        ("raw.fx_rates", "rate"),
        ("raw.subscriptions", "is_deleted"),
    } <= found
    assert ("raw.subscriptions", "plan") not in found


@pytest.mark.parametrize("view", sorted(models()))
def test_every_column_of_a_view_leads_to_a_table(view: str) -> None:
    for column in view_columns(view):
        assert any(owner.startswith(("raw.", "meta.")) for owner, _ in below([(view, column)])), column
        assert view_sources(view)[column].values, column
