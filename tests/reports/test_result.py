"""What a run leaves: the page and its result, whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest

from sophia_kit.core.errors import StorageError
from sophia_kit.core.settings import load_settings
from sophia_kit.reports import DailyBrief, publish, render
from sophia_kit.reports.result import result_of


@pytest.fixture
def run_dir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "run"
    monkeypatch.setenv("SOPHIA_RUN_DIR", str(folder))
    return folder


def test_a_job_names_the_folder(brief: DailyBrief, run_dir: Path) -> None:
    published = publish(brief)
    assert (published.page, published.result) == (run_dir / "brief.html", run_dir / "result.json")
    assert published.page.read_text(encoding="utf-8") == render(brief)
    assert sorted(path.name for path in run_dir.iterdir()) == ["brief.html", "result.json"]


def test_without_a_job_the_brief_has_a_folder_of_its_own(brief: DailyBrief, tmp_path: Path) -> None:
    (tmp_path / "sophia.toml").touch()
    settings = load_settings(tmp_path, workspace="demo")
    published = publish(brief, settings)
    assert published.page.parent == tmp_path / "data/demo/reports" / f"2025-12-31-{brief.header.run_id}"


def test_the_result_keeps_every_digit_and_every_reason(brief: DailyBrief, run_dir: Path) -> None:
    content = json.loads(publish(brief).result.read_text(encoding="utf-8"))
    metrics = {(value["name"], tuple(value["members"].items()), value["period"]): value for value in content["metrics"]}
    assert metrics["rpe", (), "Dec 2025"]["value"] == "238411.27"
    assert metrics["arr", (("segment", "Enterprise"),), "Dec 2025"]["display"] == "$7.4M"
    unknown = metrics["pipeline_coverage", (), "Dec 2025"]
    assert (unknown["value"], unknown["unknown"]) == (None, "No ledger entry in Dec 2025 for 1 < 2.")
    assert content["demo"] is True
    assert content["files"] == ["brief.html"]
    assert content["snapshot_id"] == brief.header.snapshot_id
    assert {table["table"]: table["status"] for table in content["freshness"]} == {
        "subscriptions": "stale",
        "payments": "fresh",
        "calls": "unknown",
    }
    assert ("quarantine", 14) in {(finding["kind"], finding["records"]) for finding in content["findings"]}
    for value in (*content["metrics"], *content["trends"]):
        assert (value["value"] is None) != (value["unknown"] is None)
        if value["value"] is not None:
            Decimal(value["value"])


def test_a_segment_stands_with_the_values_it_restricts(build_brief: Callable[..., DailyBrief]) -> None:
    content = result_of(build_brief(segment="Enterprise"))
    assert content["segment"] == "Enterprise"
    assert all(value["members"]["segment"] for value in content["metrics"])


def test_a_full_disk_leaves_nothing_half_written(
    brief: DailyBrief, small_disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = small_disk / "run"
    monkeypatch.setenv("SOPHIA_RUN_DIR", str(folder))
    filler = small_disk / "filler"
    with pytest.raises(OSError, match="No space"), filler.open("wb") as file:
        while True:
            file.write(b"0" * 65536)
            file.flush()
    with pytest.raises(StorageError) as refused:
        publish(brief)
    assert refused.value.hint
    assert not [path for path in folder.glob("*") if path.is_file()]
    filler.unlink()
    publish(brief)
    assert (folder / "result.json").is_file()
