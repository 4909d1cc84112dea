"""The landing folder: what is in it, and that nothing half-written ever is."""

from __future__ import annotations

import json
import os
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest

from sophia_kit.core.errors import StorageError
from sophia_kit.sandbox import Company, deliver
from sophia_kit.sandbox.tables import LANDING, MONTHLY, TABLES


def _files(landing: Path) -> dict[str, bytes]:
    return {str(f.relative_to(landing)): f.read_bytes() for f in sorted(landing.rglob("*")) if f.is_file()}


def test_the_manifest_says_whose_data_it_is(landing: Path) -> None:
    content = json.loads((landing / "_manifest.json").read_text())
    assert content["demo"] is True
    assert content["company"] == "Larkfield Payments"
    assert content["time_zone"] == "America/Chicago"
    assert content["currency"] == "USD"
    assert content["last_day"] == "2025-12-31"


def test_big_tables_come_by_month_and_others_at_once(landing: Path) -> None:
    assert {folder.name for folder in landing.iterdir() if folder.is_dir()} == set(LANDING)
    for name in LANDING:
        files = sorted(file.name for file in (landing / name).iterdir())
        if name in MONTHLY:
            assert len(files) == 36
            assert (files[0], files[13], files[-1]) == (
                "2023-01-31.parquet",
                "2024-02-29.parquet",
                "2025-12-31.parquet",
            )
        else:
            assert files == ["2025-12-31.parquet"]


def test_types_are_those_of_the_tables(landing: Path) -> None:
    for name in LANDING:
        for file in (landing / name).iterdir():
            assert dict(pl.read_parquet_schema(file)) == TABLES[name].schema, file


def test_delivering_again_writes_nothing(company: Company, landing: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in landing.rglob("*")}
    done = deliver(company, landing)
    assert (done.written, done.rows) == ((), 0)
    assert done.present == len(list(landing.rglob("*.parquet")))
    assert {path: path.stat().st_mtime_ns for path in landing.rglob("*")} == before


def test_the_next_day_comes_as_one_more_file_a_table(company: Company, next_day: Company, tmp_path: Path) -> None:
    deliver(company, tmp_path)
    before = _files(tmp_path)
    done = deliver(next_day, tmp_path)
    assert sorted(str(path.relative_to(tmp_path)) for path in done.written) == [
        f"{name}/2026-01-01.parquet" for name in LANDING
    ]
    after = _files(tmp_path)
    assert {name: after[name] for name in before} == before
    rows = {name: len(pl.read_parquet(tmp_path / name / "2026-01-01.parquet")) for name in LANDING}
    assert done.rows == sum(rows.values())
    assert rows["payments"] > 30
    assert rows["usage_daily"] >= 40
    assert rows["plans"] == 0


def test_three_days_at_once_are_the_days_one_by_one(company: Company, tmp_path: Path) -> None:
    for folder, days in (("at_once", (3,)), ("one_by_one", (0, 1, 2, 3))):
        for day in days:
            deliver(company.at(company.day + timedelta(day)), tmp_path / folder)
    at_once, one_by_one = tmp_path / "at_once", tmp_path / "one_by_one"
    names = [path.relative_to(at_once) for path in sorted(at_once.rglob("*.parquet"))]
    assert names == [path.relative_to(one_by_one) for path in sorted(one_by_one.rglob("*.parquet"))]
    for name in names:
        assert pl.read_parquet(at_once / name).equals(pl.read_parquet(one_by_one / name), null_equal=True), name


def test_only_what_is_new_since_a_day(company: Company, tmp_path: Path) -> None:
    deliver(company.at(date(2026, 1, 3)), tmp_path, since=date(2026, 1, 1))
    assert {path.stem for path in tmp_path.rglob("*.parquet")} == {"2026-01-02", "2026-01-03"}


def test_an_earlier_present_ends_its_history_there(company: Company, tmp_path: Path) -> None:
    then = company.at(date(2024, 5, 17))
    deliver(then, tmp_path)
    assert max(path.stem for path in tmp_path.rglob("*.parquet")) == "2024-05-17"
    newest = pl.concat([pl.read_parquet(file) for file in (tmp_path / "payments").iterdir()])["modified_at"].max()
    assert newest <= then.now  # type: ignore[operator]


def test_another_companys_files_are_replaced(company: Company, tmp_path: Path) -> None:
    deliver(company.at(date(2023, 3, 31)), tmp_path)
    deliver(company.at(date(2023, 2, 28)), tmp_path)
    assert sorted(path.stem for path in (tmp_path / "payments").iterdir()) == ["2023-01-31", "2023-02-28"]
    assert (tmp_path / "tickets" / "2023-02-28.parquet").exists()


def test_a_stranger_file_beside_the_tables_stays(company: Company, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "notes.txt").write_text("keep")
    deliver(company.at(date(2023, 1, 31)), tmp_path)
    assert (tmp_path / "mine" / "notes.txt").read_text() == "keep"


def test_progress_goes_from_nothing_to_all(company: Company, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    deliver(company.at(date(2023, 1, 31)), tmp_path, progress=lambda *step: seen.append(step))
    done = [done for _, done, _ in seen]
    assert (done[0], done[-1], len(done)) == (0, len(LANDING), len(LANDING) + 1)
    assert done == sorted(done)
    assert {total for _, _, total in seen} == {len(LANDING)}


def test_a_full_disk_is_said_and_leaves_no_half_file(company: Company, small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(os.urandom(23 * 1024 * 1024))
    landing = small_disk / "landing"
    with pytest.raises(StorageError, match="the disk is full") as raised:
        deliver(company, landing)
    assert raised.value.hint
    for file in landing.rglob("*.parquet"):
        pl.read_parquet(file)
    assert list(landing.rglob(".*")) == []
    (small_disk / "ballast").unlink()
    deliver(company, landing)
    assert len(list(landing.rglob("*.parquet"))) == len(LANDING) - len(MONTHLY) + 36 * len(MONTHLY)


def test_a_file_in_the_way_is_said(company: Company, tmp_path: Path) -> None:
    (tmp_path / "landing").write_text("not a folder")
    with pytest.raises(StorageError, match="landing"):
        deliver(company, tmp_path / "landing")
