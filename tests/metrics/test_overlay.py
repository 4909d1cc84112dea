"""A project's own metrics stand over the package's: they add, or replace where they say so."""

from __future__ import annotations

import os
from datetime import date
from pathlib import Path

import pytest
from tests.metrics.asking import Asking

from sophia_kit.core.errors import ConfigError, DefinitionError
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.core.source_file import SourceFile
from sophia_kit.metrics import Catalogue, explain, metric
from sophia_kit.metrics.catalogue import parse_definitions

TICKETS = """\
metrics:
  tickets_of_ours:
    label: Tickets of ours
    description: Support tickets opened in the period.
    source: Company's own
    owner: Support
    kind: simple
    base: tickets
    time: opened_day
    expression: count(*)
    unit: count
    format: count
    higher_is_better: false
    additive: full
    grains: [month, quarter]
"""

HEADCOUNT = """\
metrics:
  headcount:
    override: true
    label: Headcount
    description: Everybody who works here on the period's last day, contractors too.
    source: Company's own
    owner: People
    kind: point_in_time
    base: employees
    valid: {from: hired_day, to: left_day}
    expression: count(*)
    unit: fte
    format: decimal
    higher_is_better: null
    additive: dimensions
    grains: [month, quarter, year]
"""

NEW_MRR = """\
metrics:
  mrr_new:
    override: true
    label: New customers
    description: Customers who had no MRR at the month end before.
    source: Company's own
    owner: Finance
    kind: simple
    base: mrr_movements
    time: month_end
    filter: movement = 'new'
    expression: count(*)
    unit: count
    format: count
    higher_is_better: true
    additive: full
    grains: [month]
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "metrics"
    made.mkdir()
    return made


def written(folder: Path, text: str, name: str = "mine.yaml") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder


def test_a_metric_is_added(folder: Path) -> None:
    packaged, catalogue = Catalogue.load(), Catalogue.load(written(folder, TICKETS))
    assert {item.name for item in catalogue} - {item.name for item in packaged} == {"tickets_of_ours"}
    assert catalogue.get("arr") is packaged.get("arr")
    origin = catalogue.origin("tickets_of_ours")
    assert origin is not None
    assert (str(origin), origin.own, origin.overrides) == ("metrics/mine.yaml:2", True, None)
    assert "tickets_of_ours" not in Catalogue.load()


@pytest.mark.parametrize("name", ["metrics", "absent"])
def test_without_own_metrics_it_is_the_package_s_catalogue(folder: Path, name: str) -> None:
    assert Catalogue.load(folder.with_name(name)) is Catalogue.load()


def test_one_that_says_so_replaces_the_package_s_and_what_derives_from_it_follows(
    folder: Path, larkfield: Asking, demo_settings: Settings
) -> None:
    settings = demo_settings.model_copy(update={"metrics_dir": written(folder, HEADCOUNT)})
    own, packaged = (metric("headcount", settings=item).value for item in (settings, demo_settings))
    people = larkfield.warehouse.query(
        "SELECT count(*) FROM employees WHERE hired_day <= $day AND (left_day IS NULL OR left_day > $day)",
        {"day": date(2025, 12, 31)},
    ).frame.item()
    assert own.value == people
    assert own.value != packaged.value
    rpe, before = (metric("rpe", settings=item).value for item in (settings, demo_settings))
    assert rpe.value != before.value
    assert rpe.provenance.definition_digest != before.provenance.definition_digest
    assert before.provenance.own_definitions == ()
    (said,) = rpe.provenance.own_definitions
    assert said.startswith("headcount (metrics/mine.yaml:2, overrides catalogue/company.yaml:")
    assert explain("rpe", settings=settings).own_definitions == (said,)
    assert explain("headcount", settings=settings).file == "metrics/mine.yaml:2"


def test_a_changed_file_is_read_again(folder: Path) -> None:
    written(folder, TICKETS)
    assert Catalogue.load(folder) is Catalogue.load(folder)
    written(folder, TICKETS.replace("owner: Support", "owner: Care"))
    os.utime(folder / "mine.yaml", ns=(1, 1))
    assert Catalogue.load(folder).get("tickets_of_ours").owner == "Care"


@pytest.mark.parametrize(
    ("text", "line", "message", "hint"),
    [
        (HEADCOUNT.replace("    override: true\n", ""), 2, "the package has a metric 'headcount'", "override: true"),
        (HEADCOUNT.replace("  headcount:", "  headcont:"), 3, "'headcont' overrides nothing", "headcount"),
        (HEADCOUNT.replace("[month, quarter, year]", "[quarter]"), 2, "rpe derives from headcount", "rpe"),
        (NEW_MRR, 2, "arr derives from mrr_new: mrr_new is no movement of arr", "arr"),
    ],
    ids=["a clash of names", "nothing to replace", "what derives from it needs more", "a movement no longer"],
)
def test_what_does_not_fit_the_package_is_located(folder: Path, text: str, line: int, message: str, hint: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Catalogue.load(written(folder, text))
    assert (caught.value.file, caught.value.line) == ("metrics/mine.yaml", line)
    assert message in caught.value.message
    assert hint in (caught.value.hint or "")


def test_a_file_that_would_be_passed_over_by_its_name_is_a_mistake(folder: Path) -> None:
    with pytest.raises(DefinitionError, match=r"metrics/mine\.yml: files of metrics end in \.yaml") as caught:
        Catalogue.load(written(folder, TICKETS, "mine.yml"))
    assert caught.value.hint == "Call it mine.yaml."


def test_tests_and_override_change_no_digest() -> None:
    tested = TICKETS + "    tests: [{day: 2025-12-31, expect: 12}]\n"
    (plain,), (with_test,) = (parse_definitions(SourceFile("x", text)) for text in (TICKETS, tested))
    assert with_test.tests
    assert plain.digest == with_test.digest


def test_the_folder_is_below_the_root_unless_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "sophia.toml").touch()
    assert load_settings(tmp_path).metrics_folder == tmp_path / "metrics"
    monkeypatch.setenv("SOPHIA_METRICS_DIR", "definitions")
    with pytest.raises(ConfigError, match="there is no folder"):
        load_settings(tmp_path)
    (tmp_path / "definitions").mkdir()
    found = load_settings(tmp_path)
    assert found.metrics_folder == tmp_path / "definitions"
    assert found.environment()["SOPHIA_METRICS_DIR"] == str(tmp_path / "definitions")
