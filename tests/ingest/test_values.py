"""Values become typed exactly, or are refused."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sophia_kit.ingest.contract import Column
from sophia_kit.ingest.values import MISSING, Parsed, limits, typed, wire

MONEY = Column("amount", "Amount", "decimal", precision=18, scale=2)
RATE = Column("rate", "Rate", "decimal", precision=18, scale=8)
COUNT = Column("count", "Count", "int")
TEXT = Column("text", "Text", "string")
FLAG = Column("flag", "Flag", "bool")
DAY = Column("day", "Day", "date")
MOMENT = Column("at", "At", "timestamp")


def read(column: Column, values: list[Any]) -> Parsed:
    sent = wire(column, values)
    whole = typed(column, sent.series)
    return Parsed(whole.series, whole.wrong | sent.wrong)


@pytest.mark.parametrize(
    ("column", "given_", "expected"),
    [
        (MONEY, 12, "12.00"),
        (MONEY, 0.1, "0.10"),
        (MONEY, 1.1, "1.10"),
        (MONEY, 2.675, "2.68"),
        (MONEY, 1.005, "1.00"),
        (MONEY, 1.015, "1.02"),
        (MONEY, -1.005, "-1.00"),
        (MONEY, 1e-7, "0.00"),
        (MONEY, 9999999999999.99, "9999999999999.99"),
        (MONEY, 2**53 + 1, "9007199254740993.00"),
        (MONEY, Decimal("9007199254740993.01"), "9007199254740993.01"),
        (MONEY, Decimal("1E+3"), "1000.00"),
        (RATE, 1.08345678, "1.08345678"),
        (RATE, 1e-8, "0.00000001"),
    ],
)
def test_a_number_becomes_the_decimal_it_stands_for(column: Column, given_: Any, expected: str) -> None:
    found = read(column, [given_, None])
    assert found.wrong == {}
    assert [None if value is None else f"{value:f}" for value in found.series] == [expected, None]
    assert found.series.dtype == column.dtype


@given(st.lists(st.decimals(min_value=-(10**12), max_value=10**12, places=2), min_size=1, max_size=40))
def test_money_survives_json_to_the_cent(amounts: list[Decimal]) -> None:
    decoded = json.loads(f"[{', '.join(map(str, amounts))}]")
    assert read(MONEY, decoded).series.to_list() == amounts


@given(st.lists(st.one_of(st.none(), st.floats(width=64), st.integers(-(2**70), 2**70)), max_size=40))
def test_any_number_is_rounded_half_even_from_its_text_or_refused(numbers: list[float | int | None]) -> None:
    found = read(MONEY, list(numbers))
    for row, (number, value) in enumerate(zip(numbers, found.series, strict=True)):
        if row in found.wrong:
            assert value is None
            assert number is not None
            assert not abs(number) * 100 < 10**15 or (isinstance(number, int) and abs(number) >= 10**16)
        elif number is None:
            assert value is None
        else:
            assert value == Decimal(repr(number)).quantize(Decimal("0.01"), ROUND_HALF_EVEN)


@given(st.lists(st.one_of(st.none(), st.floats(), st.integers(-(2**65), 2**65)), max_size=40))
def test_a_count_is_the_whole_number_that_was_sent_or_refused(numbers: list[float | int | None]) -> None:
    found = read(COUNT, list(numbers))
    for row, (number, value) in enumerate(zip(numbers, found.series, strict=True)):
        if row in found.wrong:
            assert value is None
            assert number is not None
            assert isinstance(number, float) or not -(2**63) < number < 2**63
        else:
            assert value == number


@pytest.mark.parametrize(
    ("column", "bad"),
    [
        (MONEY, "12.50"),
        (MONEY, True),
        (MONEY, float("nan")),
        (MONEY, float("inf")),
        (MONEY, 1e300),
        (MONEY, 12345678901234.567),
        (MONEY, Decimal("1E+99999")),
        (MONEY, Decimal("NaN")),
        (MONEY, 10**400),
        (MONEY, 10**16),
        (MONEY, {"value": 1}),
        (COUNT, 1.5),
        (COUNT, "5"),
        (COUNT, False),
        (COUNT, 2**63),
        (COUNT, Decimal("1E+999999")),
        (TEXT, 5),
        (TEXT, True),
        (TEXT, ["a"]),
        (TEXT, {"a": 1}),
        (TEXT, "a\ud800"),
        (FLAG, 1),
        (FLAG, "true"),
        (DAY, "2025-02-30"),
        (DAY, "2025-12-31T00:00:00Z"),
        (DAY, "31.12.2025"),
        (DAY, "25-01-01"),
        (DAY, 20251231),
        (MOMENT, "2025-12-31T10:00:00"),
        (MOMENT, "2025-12-31"),
        (MOMENT, "now"),
        (MOMENT, "0000-01-01T00:00:00Z"),
        (MOMENT, "\ud800"),
        (MOMENT, 1735689600),
    ],
)
def test_a_value_of_another_type_is_refused_alone(column: Column, bad: Any) -> None:
    good: Any = {
        "decimal": 1.5,
        "int": 3,
        "string": "fine",
        "bool": True,
        "date": "2025-12-31",
        "timestamp": "2025-12-31T10:00:00Z",
    }[column.kind]
    found = read(column, [good, bad, None, good])
    assert list(found.wrong) == [1]
    assert found.wrong[1].startswith(column.name)
    assert found.wrong[1].isprintable()
    assert found.series.is_null().to_list() == [False, True, True, False]


def test_a_missing_field_is_not_a_null() -> None:
    found = read(MONEY, [1.5, MISSING, None])
    assert found.wrong == {1: "field Amount is missing"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2025-12-31T23:59:59.000+0000", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2025-12-31T23:59:59Z", datetime(2025, 12, 31, 23, 59, 59, tzinfo=UTC)),
        ("2025-12-31T23:59:59.123456+05:30", datetime(2025, 12, 31, 18, 29, 59, 123456, tzinfo=UTC)),
    ],
)
def test_a_timestamp_becomes_utc(text: str, expected: datetime) -> None:
    assert read(MOMENT, [text]).series.to_list() == [expected.replace(tzinfo=None)]


def test_a_file_may_bring_types_of_its_own() -> None:
    noon = datetime(2025, 7, 1, 12, tzinfo=UTC)
    zoned = pl.Series([noon]).dt.convert_time_zone("America/Chicago").dt.cast_time_unit("ms")
    assert typed(MOMENT, zoned).series.to_list() == [noon.replace(tzinfo=None)]
    assert typed(MONEY, pl.Series([Decimal("1.2350")], dtype=pl.Decimal(30, 4))).series.to_list() == [Decimal("1.24")]
    assert typed(COUNT, pl.Series([1.0, None])).series.to_list() == [1, None]
    assert typed(TEXT, pl.Series(["a"], dtype=pl.Categorical())).series.to_list() == ["a"]
    assert typed(DAY, pl.Series([None], dtype=pl.Null())).series.to_list() == [None]


def test_a_files_column_of_another_type_refuses_each_of_its_rows() -> None:
    found = typed(MONEY, pl.Series(["12.50", None, "7"]))
    assert list(found.wrong) == [0, 2]
    assert found.series.to_list() == [None, None, None]
    assert typed(DAY, pl.Series([datetime(2025, 1, 1, tzinfo=UTC)])).wrong[0].startswith("day is not date")
    assert (
        typed(MONEY, pl.Series([Decimal(10) ** 20], dtype=pl.Decimal(30, 2))).wrong[0].startswith("amount doesn't fit")
    )


@pytest.mark.parametrize("value", [9.9996, 10.0, 12.5, 99.9, 12345.67, -10.0])
def test_a_number_just_past_its_precision_refuses_its_own_row_alone(value: float) -> None:
    share = Column("share", "s", "decimal", precision=4, scale=3)
    found = read(share, [0.5, value, None])
    assert list(found.wrong) == [1]
    assert found.wrong[1].startswith("share doesn't fit decimal(4,3)")
    assert found.series.to_list() == [Decimal("0.500"), None, None]


def test_limits_name_the_rows_that_break_them() -> None:
    low = Column(
        "amount", "a", "decimal", precision=18, scale=2, required=True, minimum=Decimal(0), maximum=Decimal("1.5")
    )
    numbers = pl.Series([Decimal("-0.01"), Decimal("1.50"), None, Decimal("1.51")], dtype=pl.Decimal(18, 2))
    assert limits(low, numbers) == {
        0: "amount -0.01 is below the minimum 0",
        2: "amount is required and empty",
        3: "amount 1.51 is above the maximum 1.5",
    }
    status = Column("status", "s", "string", required=True, values=("paid", "open"))
    assert limits(status, pl.Series(["paid", "", None, "void"])) == {
        1: "status '' is none of paid, open",
        2: "status is required and empty",
        3: "status 'void' is none of paid, open",
    }
    assert limits(DAY, pl.Series([date(2025, 1, 1), None])) == {}
