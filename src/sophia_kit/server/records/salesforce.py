"""Salesforce's rows: accounts, opportunities, contacts."""

from __future__ import annotations

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from sophia_kit.server.records.resource import Column, Filter, Resource

__all__ = ["SALESFORCE_ACCOUNTS", "SALESFORCE_CONTACTS", "SALESFORCE_OPPORTUNITIES"]

_ACCOUNT = "LEFT JOIN accounts AS account ON account.source_id = base.account_id"
_OWNER = "LEFT JOIN users AS owner ON owner.source_id = base.owner_id"

_ACCOUNT_ID = Column(
    "account_id", str | None, "base.account_id", "Salesforce's id of its account.", "001SB000000034YAA"
)
_ACCOUNT_NAME = Column("account_name", str | None, "account.name", "The account's name.", "Juniper Living")
_SEGMENT = Column("segment", str | None, "account.segment", "The account's segment.", "Mid-Market")
_OWNER_ID = Column("owner_id", str | None, "base.owner_id", "Salesforce's id of its owner.", "005SB000000003YAA")
_OWNER_NAME = Column("owner_name", str | None, "owner.name", "The owner's name.", "Ada Abara")
_CREATED = Column("created_at", datetime, "base.created_at", "When it was entered.", "2021-03-04T16:20:00Z")
_MODIFIED = Column("modified_at", datetime, "base.modified_at", "When it last changed.", "2025-12-30T18:04:05Z")
_MODIFIED_FROM = Filter("modified_from", "modified_at", "from", "Only what changed at this time or later.")
_OF_OWNER = Filter("owner_id", "owner_id", "among", "Only of this owner.")
_OF_SEGMENT = Filter(
    "segment", "segment", "among", "Only with accounts of this segment.", dimension="segment", named=True
)
_OF_ACCOUNT = (
    Filter("account_id", "account_id", "among", "Only of this account."),
    Filter("account_name", "account_name", "contains", "Only of accounts with this in the name, whatever its case."),
)

SALESFORCE_ACCOUNTS: Final = Resource(
    name="salesforce_accounts",
    one="SalesforceAccount",
    description="A customer or prospect.",
    scope="salesforce:read",
    view="accounts",
    joins=(_OWNER,),
    required=("salesforce_accounts",),
    resolving=("salesforce_users",),
    columns=(
        Column("account_id", str, "base.source_id", "Salesforce's id.", "001SB000000034YAA"),
        Column("name", str, "base.name", "The account's name.", "Juniper Living"),
        Column("account_type", str | None, "base.account_type", "Prospect, Customer or Former Customer.", "Customer"),
        Column("industry", str | None, "base.industry", "Its industry.", "Student Housing"),
        Column("segment", str | None, "base.segment", "Its segment.", "Mid-Market"),
        Column("country", str | None, "base.country", "The country it is billed in.", "United States"),
        Column("currency", str | None, "base.currency", "The currency it is billed in.", "USD"),
        _OWNER_ID,
        _OWNER_NAME,
        _CREATED,
        _MODIFIED,
    ),
    filters=(
        Filter("segment", "segment", "among", "Only of this segment.", dimension="segment", named=True),
        Filter("country", "country", "among", "Only of this country.", dimension="country", named=True),
        Filter("industry", "industry", "among", "Only of this industry.", dimension="industry", named=True),
        Filter("account_type", "account_type", "among", "Only of this type.", named=True),
        Filter("account_id", "account_id", "among", "Only this account."),
        _OF_OWNER,
        Filter("name", "name", "contains", "Only with this in the name, whatever its case."),
        _MODIFIED_FROM,
    ),
    order=("name", "account_id"),
    dimensions={
        "segment": "segment",
        "account": "name",
        "country": "country",
        "industry": "industry",
        "owner": "users.name",
    },
)

SALESFORCE_OPPORTUNITIES: Final = Resource(
    name="salesforce_opportunities",
    one="SalesforceOpportunity",
    description="A deal as it stands in the snapshot.",
    scope="salesforce:read",
    view="opportunities",
    joins=(_ACCOUNT, _OWNER),
    required=("salesforce_opportunities",),
    resolving=("salesforce_accounts", "salesforce_users"),
    columns=(
        Column("opportunity_id", str, "base.source_id", "Salesforce's id.", "006SB000000112YAA"),
        Column("name", str, "base.name", "The deal's name.", "Juniper Living - expansion"),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _SEGMENT,
        Column("stage", str, "base.stage", "The stage's name; `is_closed` and `is_won` say what it means.", "Proposal"),
        Column("deal_type", str | None, "base.deal_type", "What kind of deal it is.", "New Business"),
        Column("amount", Decimal | None, "base.amount", "Its amount in `currency`; not converted.", "48000.00"),
        Column("currency", str | None, "base.currency", "The amount's currency.", "USD"),
        Column("probability", Decimal | None, "base.probability", "In percent, as the CRM says.", "60.00"),
        Column("forecast_category", str | None, "base.forecast_category", "As the CRM says.", "Commit"),
        Column("close_day", date, "base.close_day", "When it closed, or is expected to.", "2026-01-31"),
        Column("is_closed", bool, "base.is_closed", "Whether it is decided.", example=False),
        Column("is_won", bool, "base.is_won", "Whether it was won.", example=False),
        _OWNER_ID,
        _OWNER_NAME,
        _CREATED,
        _MODIFIED,
    ),
    filters=(
        _OF_SEGMENT,
        Filter("deal_type", "deal_type", "among", "Only of this kind.", dimension="deal_type", named=True),
        Filter("stage", "stage", "among", "Only in this stage.", named=True),
        *_OF_ACCOUNT,
        Filter("opportunity_id", "opportunity_id", "among", "Only this deal."),
        _OF_OWNER,
        Filter("is_closed", "is_closed", "is", "Only what is decided, or what isn't."),
        Filter("is_won", "is_won", "is", "Only what was won, or what wasn't."),
        Filter("closes_from", "close_day", "from", "Only closing on this day or later."),
        Filter("closes_before", "close_day", "before", "Only closing before this day."),
        _MODIFIED_FROM,
    ),
    order=("close_day", "opportunity_id"),
    descending=True,
    dimensions={
        "segment": "accounts.segment",
        "deal_type": "deal_type",
        "owner": "users.name",
        "account": "accounts.name",
    },
)

SALESFORCE_CONTACTS: Final = Resource(
    name="salesforce_contacts",
    one="SalesforceContact",
    description="A person at a customer.",
    scope="salesforce:read",
    view="contacts",
    joins=(_ACCOUNT,),
    required=("salesforce_contacts",),
    resolving=("salesforce_accounts",),
    columns=(
        Column("contact_id", str, "base.source_id", "Salesforce's id.", "003SB000000020YAA"),
        _ACCOUNT_ID,
        _ACCOUNT_NAME,
        _SEGMENT,
        Column(
            "name", str | None, "base.name", "As the privacy policy keeps it: see `notes`.", "hmac-sha256:67345309bf"
        ),
        Column("title", str | None, "base.title", "What the person is there.", "Leasing Director"),
        Column(
            "email", str | None, "base.email", "As the privacy policy keeps it: see `notes`.", "hmac-sha256:0c21b8fe02"
        ),
        _CREATED,
        _MODIFIED,
    ),
    filters=(
        *_OF_ACCOUNT,
        _OF_SEGMENT,
        _MODIFIED_FROM,
    ),
    order=("contact_id",),
    dimensions={
        "segment": "accounts.segment",
        "account": "accounts.name",
        "country": "accounts.country",
        "industry": "accounts.industry",
    },
    notes=("Names and addresses are hashed, or absent, where the privacy policy says so.",),
)
