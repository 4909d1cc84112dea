"""Contracts: those of the library hold together, and every mistake in one is located."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from sophia_kit.connectors import CONNECTORS, connect
from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import load_contracts, read_contract

GOOD = """\
table: rents
description: A rent.
source: landing
resource: rents
source_system: ledger
freshness_hours: 36
deleted_field: is_deleted
days: {paid_day: paid_at}
new_fields: note
columns:
  - {name: source_id, from: Id, type: string, required: true}
  - {name: amount, from: Amount, type: "decimal(18,2)", min: 0, max: 1000.50}
  - {name: status, from: Status, type: string, values: [paid, open]}
  - {name: paid_at, from: PaidAt, type: timestamp}
  - {name: modified_at, from: Modified, type: timestamp, required: true}
"""


def test_a_contract_says_what_its_table_is() -> None:
    contract = read_contract(GOOD, "rents.yaml")
    amount = contract.columns[1]
    assert (contract.table, contract.key_field, contract.days) == ("rents", "Id", (("paid_day", "paid_at"),))
    assert contract.fields == ("Id", "Amount", "Status", "PaidAt", "Modified", "is_deleted")
    assert (amount.sql_type, amount.minimum, amount.maximum) == ("DECIMAL(18,2)", Decimal(0), Decimal("1000.50"))
    assert (contract.new_fields, {column.privacy for column in contract.columns}) == ("note", {"keep"})
    assert contract.ddl() == (
        'CREATE TABLE IF NOT EXISTS raw."rents" ("source_id" VARCHAR, "amount" DECIMAL(18,2), "status" VARCHAR, '
        '"paid_at" TIMESTAMP, "modified_at" TIMESTAMP, "paid_day" DATE, source_system VARCHAR, '
        "is_deleted BOOLEAN NOT NULL, loaded_at TIMESTAMP, load_id VARCHAR)"
    )


def test_the_librarys_contracts_are_valid(tmp_path: Path) -> None:
    contracts = load_contracts()
    assert {contract.source for contract in contracts.values()} == {*CONNECTORS, "landing", "llm"}
    for provider in CONNECTORS:
        held = {(one.resource, one.table) for one in contracts.values() if one.source == provider}
        offered = {(one.name, one.table) for one in connect(provider, Settings(root=tmp_path)).resources.values()}
        assert held == offered
    assert load_contracts() is not contracts


@pytest.mark.parametrize(
    ("old", "new", "line", "says"),
    [
        ("table: rents", "table: Rents", 1, "lower-case"),
        ("table: rents", "table: other", 1, "belongs in other.yaml"),
        ("description: A rent.", "description: A rent: paid.", 2, "not valid YAML"),
        ("source: landing", "sourcce: landing", 3, "unknown key 'sourcce'"),
        ("resource: rents", "resource: 7", 4, "resource must be text"),
        ("freshness_hours: 36", "freshness_hours: soon", 6, "must be a number"),
        ("freshness_hours: 36", "freshness_hours: .nan", 6, "must be a number"),
        ("freshness_hours: 36", "freshness_hours: 0", 6, "above 0"),
        ("deleted_field: is_deleted", "deleted_field: Amount", 7, "also the source of a column"),
        ("{paid_day: paid_at}", "{paid_day: amount}", 8, "not a timestamp column"),
        ("{paid_day: paid_at}", "{amount: paid_at}", 8, "already a column"),
        ("name: source_id", "name: key", 11, "source_id of type string is needed"),
        ("decimal(18,2)", "money", 12, "no such type"),
        ("decimal(18,2)", "decimal(39,2)", 12, "precision is 1 to 38"),
        ("min: 0,", "min: 2000,", 12, "above max"),
        ("min: 0,", "least: 0,", 12, "unknown key 'least'"),
        ("values: [paid, open]", "values: [true]", 13, "must be text"),
        ("values: [paid, open]", "values: paid", 13, "list of strings"),
        ("values: [paid, open]", "min: 1", 13, "min is for int and decimal"),
        ("name: status", "name: amount", 13, "given twice"),
        ("from: Status", "from: Amount", 13, "given twice"),
        ("name: status", "name: load_id", 13, "written by the loader"),
        ("PaidAt, type: timestamp", "PaidAt, type: timestamp, required: maybe", 14, "true or false"),
        ("Modified, type: timestamp, required: true", "Modified, type: timestamp", 15, "required column modified_at"),
        ("source_system: ledger\n", "", 1, "lacks 'source_system'"),
        ("new_fields: note", "new_fields: drop", 9, "is none of keep, note"),
        ("Status, type: string,", "Status, type: string, privacy: hide,", 13, "is none of keep, hash, drop"),
        ("Id, type: string,", "Id, type: string, privacy: hash,", 11, "source_id can't be hashed"),
        ("Modified, type: timestamp,", "Modified, type: timestamp, privacy: drop,", 15, "modified_at can't be dropped"),
        ("min: 0,", "min: 0, privacy: hash,", 12, "only text can be hashed"),
        ("Status, type: string,", "Status, type: string, privacy: hash,", 13, "one of a few values"),
        ("PaidAt, type: timestamp", "PaidAt, type: timestamp, privacy: drop", 14, "a company day is derived"),
        ("Status, type: string,", "Status, type: string, privacy: drop, required: true,", 13, "status is required"),
    ],
)
def test_a_mistake_is_located_by_file_and_line(old: str, new: str, line: int, says: str) -> None:
    assert old in GOOD
    with pytest.raises(DefinitionError) as caught:
        read_contract(GOOD.replace(old, new, 1), "rents.yaml")
    assert caught.value.message.startswith(f"rents.yaml:{line}: ")
    assert says in caught.value.message


def test_a_near_miss_is_suggested() -> None:
    with pytest.raises(DefinitionError) as caught:
        read_contract(GOOD.replace("required", "requird", 1), "rents.yaml")
    assert caught.value.hint == "Did you mean required?"


@pytest.mark.parametrize("text", ["", "just words", "[1, 2]", "a: [", "a: &x [*x, *x]", "columns: []\x00"])
def test_what_is_no_contract_is_said_to_be_none(text: str) -> None:
    with pytest.raises(DefinitionError, match=r"^rents\.yaml"):
        read_contract(text, "rents.yaml")


def test_two_tables_of_one_resource_are_refused(tmp_path: Path) -> None:
    (tmp_path / "rents.yaml").write_text(GOOD)
    (tmp_path / "again.yaml").write_text(GOOD.replace("table: rents", "table: again"))
    with pytest.raises(DefinitionError, match="already the source of table again"):
        load_contracts(tmp_path)


def test_a_folder_without_contracts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="no contract"):
        load_contracts(tmp_path)
