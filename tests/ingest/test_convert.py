"""A batch as delivered: what is loaded, what is refused and why, which fields nobody knew."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import polars as pl
import pytest

from sophia_kit.ingest import Contract, read_contract
from sophia_kit.ingest.convert import Converter

CONTRACT = """\
table: rents
description: A rent.
source: landing
resource: rents
source_system: ledger
freshness_hours: 36
deleted_field: Gone
days: {paid_day: paid_at}
columns:
  - {name: source_id, from: Id, type: string, required: true}
  - {name: amount, from: Amount, type: "decimal(18,2)", min: 0}
  - {name: status, from: Status, type: string, values: [paid, open]}
  - {name: paid_at, from: PaidAt, type: timestamp}
  - {name: modified_at, from: Modified, type: timestamp, required: true}
"""


@pytest.fixture
def contract() -> Contract:
    return read_contract(CONTRACT, "rents.yaml")


@pytest.fixture
def converter(contract: Contract) -> Converter:
    return Converter(contract, "America/Chicago")


def record(number: int = 1, **changes: Any) -> dict[str, Any]:
    good = {
        "Id": f"r{number}",
        "Amount": 900.1,
        "Status": "paid",
        "PaidAt": "2025-07-01T04:30:00Z",
        "Modified": "2025-07-02T00:00:00Z",
        "Gone": False,
    }
    return good | changes


def test_a_company_day_is_a_day_in_the_companys_time_zone(converter: Converter) -> None:
    winter = record(2, PaidAt="2025-12-01T05:59:59Z")
    found = converter.records([record(), winter, record(3, PaidAt="2025-12-01T06:00:00Z"), record(4, PaidAt=None)])
    assert found.frame["paid_day"].to_list() == [date(2025, 6, 30), date(2025, 11, 30), date(2025, 12, 1), None]


def test_one_bad_record_costs_itself_alone(converter: Converter) -> None:
    records = [record(number) for number in range(5_000)]
    records[4_100] = record(4_100, Amount="n/a", Status="void")
    found = converter.records(records)
    assert (found.rows_read, found.frame.height) == (5_000, 4_999)
    (refused,) = found.refused
    assert refused.source_id == "r4100"
    assert refused.reason == "amount is not decimal(18,2): 'n/a'; status 'void' is none of paid, open"
    assert json.loads(refused.record) == records[4_100]


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"Id": None}, "source_id is required and empty"),
        ({"Id": ""}, "source_id is required and empty"),
        ({"Id": 7}, "source_id is not string: 7"),
        ({"Amount": -0.01}, "amount -0.01 is below the minimum 0"),
        ({"Modified": "yesterday"}, "modified_at is not timestamp: 'yesterday'"),
        ({"Gone": "no"}, "is_deleted is not bool: 'no'"),
    ],
)
def test_a_record_that_breaks_the_contract_is_refused_with_its_reason(
    converter: Converter, changes: dict[str, Any], reason: str
) -> None:
    found = converter.records([record(2), record(1, **changes)])
    assert [refused.reason for refused in found.refused] == [reason]
    assert found.frame["source_id"].to_list() == ["r2"]


@pytest.mark.parametrize("field", ["Id", "Amount", "Modified", "Gone"])
def test_a_record_that_lacks_a_field_is_refused(converter: Converter, field: str) -> None:
    short = {name: value for name, value in record().items() if name != field}
    found = converter.records([short, record(2)])
    assert [refused.reason for refused in found.refused] == [f"field {field} is missing"]
    assert found.frame.height == 1


@pytest.mark.parametrize("stranger", [None, "text", 7, ["Id"], [record()]])
def test_what_is_no_object_is_refused(converter: Converter, stranger: Any) -> None:
    found = converter.records([record(), stranger])
    assert (found.rows_read, found.frame.height, found.refused[0].source_id) == (2, 1, None)
    assert found.refused[0].reason.startswith("not an object: ")


def test_an_unknown_field_becomes_a_text_column(converter: Converter) -> None:
    found = converter.records([record(), record(2, Floor=3, Tags=["a"]), record(3, Floor="top", status="x")])
    assert found.new_columns == ("Floor", "Tags", "status_new")
    assert found.frame.select("Floor", "Tags", "status_new").rows() == [
        (None, None, None),
        ("3", '["a"]', None),
        ("top", None, "x"),
    ]


def test_a_field_with_an_impossible_name_still_finds_a_column(converter: Converter) -> None:
    found = converter.records([record() | {'a"; DROP': 1, "": 2, "é\ud800": 3}])
    assert set(found.new_columns) == {"_", "a___DROP", "__"}


def test_a_field_the_source_openly_lacks_is_left_out(converter: Converter) -> None:
    without = [{name: value for name, value in record(number).items() if name != "Status"} for number in (1, 2)]
    found = converter.records(without, absent=("Status",))
    assert found.frame.height == 2
    assert "status" not in found.frame.columns


def test_a_required_field_the_source_lacks_refuses_every_record(converter: Converter) -> None:
    without = {name: value for name, value in record().items() if name != "Modified"}
    assert converter.records([without], absent=("Modified",)).frame.height == 0


def test_no_records_have_the_same_columns_as_many(converter: Converter) -> None:
    assert converter.records([]).frame.schema == converter.records([record()]).frame.schema


def test_a_frame_reads_as_its_records_do(converter: Converter) -> None:
    records = [record(), record(2, Amount=-1.0), record(3, Floor="top")]
    frame = pl.DataFrame([record() | {"Floor": None}, record(2, Amount=-1.0) | {"Floor": None}, records[2]])
    from_frame, from_records = converter.frame(frame), converter.records(records)
    assert from_frame.frame.sort("source_id").equals(from_records.frame.select(from_frame.frame.columns))
    assert from_frame.new_columns == from_records.new_columns
    assert [one.reason for one in from_frame.refused] == [one.reason for one in from_records.refused]


def test_a_frame_that_lacks_a_column_is_refused_row_by_row(converter: Converter) -> None:
    found = converter.frame(pl.DataFrame([record(), record(2)]).drop("Amount"))
    assert [one.reason for one in found.refused] == ["field Amount is missing"] * 2
