"""Gong's rows: recorded calls."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sophia_kit.server.records.resource import Column, Filter, Resource

__all__ = ["GONG_CALLS"]

GONG_CALLS: Final = Resource(
    name="gong_calls",
    one="GongCall",
    description="A recorded call with a customer; not what was said.",
    scope="gong:read",
    view="calls",
    joins=(
        "LEFT JOIN accounts AS account ON account.source_id = base.account_id",
        "LEFT JOIN users AS owner ON owner.source_id = base.owner_id",
    ),
    required=("gong_calls",),
    resolving=("gong_users", "salesforce_accounts", "salesforce_users"),
    columns=(
        Column("call_id", str, "base.source_id", "Gong's id.", "7782342274025937895"),
        Column("started_at", datetime, "base.started_at", "When it began.", "2025-12-29T15:30:00Z"),
        Column("started_day", date, "base.started_day", "The company day on which it began.", "2025-12-29"),
        Column("duration_s", int | None, "base.duration_s", "How long it took, in seconds.", 1860),
        Column("account_id", str | None, "base.account_id", "Salesforce's id of the account.", "001SB000000034YAA"),
        Column("account_name", str | None, "account.name", "The account's name.", "Juniper Living"),
        Column("segment", str | None, "account.segment", "The account's segment.", "Mid-Market"),
        Column(
            "opportunity_id", str | None, "base.opportunity_id", "Salesforce's id of the deal.", "006SB000000112YAA"
        ),
        Column("owner_id", str | None, "base.owner_id", "Salesforce's id of the call's host.", "005SB000000003YAA"),
        Column("owner_name", str | None, "owner.name", "The host's name.", "Ada Abara"),
        Column("talk_ratio", Decimal | None, "base.talk_ratio", "Share in which our side speaks, 0 to 1.", "0.463"),
        Column("longest_monologue_s", int | None, "CAST(base.longest_monologue_s AS BIGINT)", "In seconds.", 84),
        Column("interactivity", Decimal | None, "base.interactivity", "Gong's interactivity.", "5.120"),
        Column("questions_asked", int | None, "base.questions_asked", "How many our side asked.", 11),
        Column(
            "sentiment",
            Decimal | None,
            "base.sentiment",
            "From -1 to 1, by the system that uploaded the call; empty where it gave none.",
            "0.250",
        ),
        Column("topics", list[str], "base.topics", "What it was about.", ["Pricing", "Renewal"], separator="|"),
        Column("competitor_mentions", int | None, "base.competitor_mentions", "How often a competitor was named.", 0),
    ),
    filters=(
        Filter("segment", "segment", "among", "Only with accounts of this segment.", dimension="segment", named=True),
        Filter("account_id", "account_id", "among", "Only with this account."),
        Filter("account_name", "account_name", "contains", "Only with accounts that have this in the name."),
        Filter("call_id", "call_id", "among", "Only this call."),
        Filter("opportunity_id", "opportunity_id", "among", "Only about this deal."),
        Filter("owner_id", "owner_id", "among", "Only of this host."),
        Filter("started_from", "started_day", "from", "Only on this company day or later."),
        Filter("started_before", "started_day", "before", "Only before this company day."),
    ),
    order=("started_at", "call_id"),
    descending=True,
    dimensions={"segment": "accounts.segment", "account": "accounts.name", "owner": "users.name"},
    notes=("What was said on a call isn't served.",),
)
