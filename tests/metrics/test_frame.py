"""An answer as a typed frame and as Arrow, with where it comes from attached."""

from __future__ import annotations

import json
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import polars as pl
import pytest
from tests.metrics.asking import Asking
from tests.metrics.conftest import Tiny

from sophia_kit.core.errors import InputError
from sophia_kit.metrics import MetricQuery, MetricResult, Principal, evaluate
from sophia_kit.metrics.value import UnknownCode

DECEMBER = date(2025, 12, 31)
NUMBER = pl.Decimal(38, 10)


@pytest.fixture(scope="module")
def arr(larkfield: Asking) -> MetricResult:
    return larkfield.result("arr", DECEMBER, by=("segment",), compare=("prior_year", "target"))


def test_the_columns_and_their_types(arr: MetricResult) -> None:
    assert dict(arr.frame().schema) == {
        "period_start": pl.Date,
        "period_end": pl.Date,
        "complete": pl.Boolean,
        "segment": pl.String,
        "value": NUMBER,
        "unit": pl.String,
        "unknown_code": pl.Enum(get_args(UnknownCode)),
        "unknown_reason": pl.String,
        "freshness": pl.Enum(["fresh", "stale", "unknown"]),
        "failed_checks": pl.String,
        "prior_year_base": NUMBER,
        "prior_year_absolute": NUMBER,
        "prior_year_relative": NUMBER,
        "prior_year_good": pl.Boolean,
        "target_base": NUMBER,
        "target_absolute": NUMBER,
        "target_relative": NUMBER,
        "target_good": pl.Boolean,
    }


def test_the_rows_are_the_values(arr: MetricResult) -> None:
    frame = arr.frame()
    assert frame["value"].to_list() == [value.value for value in arr.values]
    assert frame["segment"].to_list() == [value.members[0][1] for value in arr.values]
    changed = frame["prior_year_absolute"] == frame["value"] - frame["prior_year_base"]
    assert changed.to_list() == [True] * frame.height
    assert frame["target_base"].null_count() == frame.height


def test_an_unknown_value_has_its_code_and_reason_instead(larkfield: Asking) -> None:
    frame = larkfield.result("payment_volume", date(2024, 8, 31), by=("segment",)).frame()
    unknown = frame.filter(pl.col("value").is_null())
    assert unknown["unknown_code"].to_list() == ["missing_rate"] * 2
    assert all("No exchange rate for CAD" in reason for reason in unknown["unknown_reason"])
    assert frame.select((pl.col("value").is_null() ^ pl.col("unknown_code").is_null()).all()).item()


def test_a_frame_says_where_it_comes_from_and_one_made_of_it_does_not_pretend_to(arr: MetricResult) -> None:
    frame = arr.frame()
    assert frame.sophia.provenance is arr.values[0].provenance  # type: ignore[attr-defined]  # a registered namespace
    assert frame.sophia.result is arr  # type: ignore[attr-defined]
    for other in (frame.with_columns(value=pl.lit(0)), pl.DataFrame({"value": [1]})):
        with pytest.raises(InputError, match="is no metric's"):
            _ = other.sophia.provenance  # type: ignore[attr-defined]


def test_arrow_and_parquet_carry_it_as_json(arr: MetricResult, tmp_path: Path) -> None:
    table = arr.arrow()
    again = pl.from_arrow(table)
    assert isinstance(again, pl.DataFrame)
    assert again.equals(arr.frame())
    file = tmp_path / "arr.parquet"
    arr.frame().write_parquet(file, metadata=arr.metadata())
    for text in (table.schema.metadata[b"sophia_kit"], pl.read_parquet_metadata(file)["sophia_kit"]):
        content = json.loads(text)
        provenance = arr.provenance
        assert content["sql"] == provenance.sql
        assert "2025-12-31" in content["params"]["ends"]
        assert content["params"]["currency"] == "USD"
        assert content["snapshot_id"] == provenance.snapshot_id
        assert content["definition_digest"] == provenance.definition_digest
        assert content["demo"] is True
        assert (content["metric"], content["day"], content["by"]) == ("arr", "2025-12-31", ["segment"])


def test_metadata_tells_two_questions_apart(tiny: Tiny) -> None:
    """Who finds the file can ask the same again."""
    asking = tiny({"payments": [{"attempted_day": date(2025, 6, 3), "status": "failed"}]})

    def told(**question: Any) -> dict[str, Any]:
        query = MetricQuery("failed_payments", date(2025, 6, 20), **question)
        result = evaluate(asking.warehouse, asking.catalogue, query, asking.clock, asking.calendar)
        content: dict[str, Any] = json.loads(result.metadata()["sophia_kit"])
        return content

    whole = told(include_unfinished=True, compare=("trailing_average",), trailing=4)
    assert (whole["include_unfinished"], whole["trailing"], whole["row_filter"]) == (True, 4, [])
    own = told(principal=Principal("ann", (("segment", ("Enterprise",)),)))
    assert (own["include_unfinished"], own["trailing"]) == (False, None)
    assert (own["principal"], own["row_filter"]) == ("ann", [["segment", ["Enterprise"]]])


def test_a_ratio_keeps_ten_places(larkfield: Asking) -> None:
    result = larkfield.result("win_rate", DECEMBER)
    (cell,) = result.frame()["value"]
    assert result.value.value is not None
    assert abs(cell - result.value.value) < Decimal("1e-10")
