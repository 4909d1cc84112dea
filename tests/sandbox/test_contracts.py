"""What leaves the sandbox has the names and types that the kit's contracts promise."""

from __future__ import annotations

from importlib.resources import files
from typing import Any

import polars as pl
import pytest
import yaml

from sophia_kit.sandbox import Company
from sophia_kit.sandbox.salesforce import OBJECTS
from sophia_kit.sandbox.tables import LANDING, SALESFORCE, TABLES

CONTRACTS: dict[str, dict[str, Any]] = {
    content["table"]: content
    for file in files("sophia_kit.ingest").joinpath("contracts").iterdir()
    if file.name.endswith(".yaml")
    for content in [yaml.safe_load(file.read_text(encoding="utf-8"))]
}
TYPES = {
    "string": pl.String(),
    "int": pl.Int64(),
    "bool": pl.Boolean(),
    "date": pl.Date(),
    "timestamp": pl.Datetime("us", "UTC"),
}


def _type(text: str) -> pl.DataType:
    if text.startswith("decimal"):
        precision, scale = text.removeprefix("decimal(").removesuffix(")").split(",")
        return pl.Decimal(int(precision), int(scale))
    return TYPES[text]


def test_every_contract_has_a_source_here() -> None:
    by_source = {name: content["source"] for name, content in CONTRACTS.items()}
    assert {name for name, source in by_source.items() if source == "landing"} == set(LANDING)
    assert {name for name, source in by_source.items() if source == "salesforce"} == set(SALESFORCE)
    assert {OBJECTS[CONTRACTS[name]["resource"]] for name in SALESFORCE} == set(SALESFORCE)


@pytest.mark.parametrize("name", sorted({*LANDING, *SALESFORCE}))
def test_columns_and_types_are_the_contracts(company: Company, name: str) -> None:
    contract = CONTRACTS[name]
    promised = {column["from"]: _type(column["type"]) for column in contract["columns"]}
    if flag := contract.get("deleted_field"):
        promised[flag] = pl.Boolean()
    assert dict(company.table(name).schema) == promised


@pytest.mark.parametrize("name", sorted({*LANDING, *SALESFORCE}))
def test_good_records_keep_their_contract(company: Company, name: str) -> None:
    frame = company.table(name)
    assert len(frame) > 0
    for column in CONTRACTS[name]["columns"]:
        values = frame[column["from"]]
        if column.get("required"):
            assert values.null_count() == 0, column["name"]
        known = values.drop_nulls()
        if allowed := column.get("values"):
            assert set(known.unique()) <= set(allowed), column["name"]
        if (least := column.get("min")) is not None:
            assert (known >= least).all(), column["name"]
        if (most := column.get("max")) is not None:
            assert (known <= most).all(), column["name"]
    assert frame[TABLES[name].key].n_unique() == len(frame)


def test_references_lead_somewhere(company: Company) -> None:
    keys = {
        name: set(company.table(name)[TABLES[name].key]) for name in TABLES if name not in ("payments", "call_turns")
    }
    references = [
        ("payments", "property_id", "properties"),
        ("payments", "account_id", "salesforce_accounts"),
        ("properties", "account_id", "salesforce_accounts"),
        ("subscriptions", "account_id", "salesforce_accounts"),
        ("salesforce_opportunities", "AccountId", "salesforce_accounts"),
        ("salesforce_opportunities", "OwnerId", "salesforce_users"),
        ("salesforce_opportunity_history", "OpportunityId", "salesforce_opportunities"),
        ("salesforce_contacts", "AccountId", "salesforce_accounts"),
        ("salesforce_accounts", "OwnerId", "salesforce_users"),
        ("salesforce_tasks", "AccountId", "salesforce_accounts"),
        ("salesforce_tasks", "WhatId", "salesforce_opportunities"),
        ("salesforce_tasks", "WhoId", "salesforce_contacts"),
        ("salesforce_tasks", "OwnerId", "salesforce_users"),
        ("quotas", "owner_id", "salesforce_users"),
        ("forecasts", "owner_id", "salesforce_users"),
        ("calls", "account_id", "salesforce_accounts"),
        ("calls", "owner_id", "salesforce_users"),
        ("call_participants", "call_id", "calls"),
        ("call_turns", "participant_id", "call_participants"),
        ("messages", "author_id", "employees"),
        ("tickets", "account_id", "salesforce_accounts"),
        ("surveys", "account_id", "salesforce_accounts"),
        ("key_results", "objective_id", "objectives"),
        ("key_result_checkins", "key_result_id", "key_results"),
        ("usage_daily", "account_id", "salesforce_accounts"),
        ("ledger_entries", "customer_id", "salesforce_accounts"),
    ]
    loose = [
        (name, field, sorted(missing)[:3])
        for name, field, to in references
        if (missing := set(company.table(name)[field].drop_nulls()) - keys[to])
    ]
    # A call is recorded before its participants would be late: the two tables are delivered by different systems.
    assert [entry for entry in loose if entry[:2] != ("call_participants", "call_id")] == []
