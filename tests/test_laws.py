"""The laws of CONTRIBUTING.md, each held where a user would see it broken: at the doors, on the demo company.

The rooms' own tests hold them in detail; a law that is broken anywhere on the way fails here.
"""

from __future__ import annotations

import base64
import csv
import io
import json
import re
import shutil
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import duckdb
import pytest
from tests.conftest import Project

import sophia_kit as sk
from sophia_kit.core.errors import PolicyRefused
from sophia_kit.core.policy import READS, RequestPolicy
from sophia_kit.core.settings import load_settings
from sophia_kit.metrics import Catalogue, explain
from sophia_kit.warehouse import SnapshotStore, Warehouse

KPIS = [
    "arr",
    "mrr",
    "nrr",
    "win_rate",
    "pipeline_coverage",
    "payment_volume",
    "payment_success_rate",
    "revenue",
    "rpe",
]


def ask(project: Project, metric: str, *options: str) -> dict[str, Any]:
    """The one value of a metric on the demo company, as the command line gives it to programs."""
    done = project.here("metric", metric, "--demo", "--format", "json", *options)
    assert done.returncode == 0, done.stderr
    values = json.loads(done.stdout)["values"]
    assert len(values) == 1
    value: dict[str, Any] = values[0]
    return value


def run_folder(project: Project) -> Path:
    (folder,) = (project.root / "data" / "demo" / "reports").iterdir()
    return folder


def demo_day(project: Project) -> datetime:
    """The moment at which the demo's clock stands."""
    return datetime.fromisoformat(statement(project)["predicate"]["run"]["clock"]["time"])


def statement(project: Project) -> dict[str, Any]:
    (file,) = (project.root / "proofs" / "demo" / "daily_bi").glob("*.json")
    found: dict[str, Any] = json.loads(base64.b64decode(json.loads(file.read_bytes())["payload"]))
    return found


def test_law_1_one_definition_one_number(demo: Project) -> None:
    """The library, the command, the brief and the signed proof say the same."""
    day = demo_day(demo)
    brief = (run_folder(demo) / "brief.html").read_text(encoding="utf-8")
    readings = statement(demo)["predicate"]["run"]["metrics"]
    settings = load_settings(demo.root, workspace="demo", frozen_at=day)
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        for name in KPIS:
            value = sk.metric(name, settings=settings, warehouse=warehouse).value
            sealed = [one for one in readings if one["name"] == name and one["period"] == value.period.label]
            assert {one["display"] for one in sealed if not one["members"]} == {value.display}
            assert value.display in brief
    for name in ("arr", "win_rate"):
        told = ask(demo, name)
        assert told["display"] in {one["display"] for one in readings if one["name"] == name}
        assert told["display"] in brief


@pytest.mark.parametrize("metric", ["arr", "payment_volume", "win_rate", "headcount"])
def test_law_2_a_number_can_be_checked_by_running_the_sql_it_names(demo: Project, metric: str) -> None:
    """The explanation is enough to get the same number again, without the kit's evaluation."""
    value = ask(demo, metric)
    provenance = value["provenance"]
    assert provenance["source_systems"]
    assert provenance["tables"]
    assert value["freshness"]["status"] in ("fresh", "stale")
    assert provenance["snapshot_id"] in (demo.root / "data" / "demo" / "snapshots" / "current").read_text()
    settings = load_settings(demo.root, workspace="demo")
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        again = warehouse.query(provenance["sql"].split(";")[0], provenance["params"]).frame.row(0, named=True)
    found = again["value"] if again["denominator"] is None else again["value"] / again["denominator"]
    assert abs(found - Decimal(value["value"])) < Decimal("1e-9")


def test_law_2_every_metric_explains_itself(demo: Project) -> None:
    settings = load_settings(demo.root, workspace="demo")
    catalogue = Catalogue.load()
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        for metric in catalogue:
            told = explain(metric.name, settings=settings, warehouse=warehouse, catalogue=catalogue)
            assert told.source
            assert told.owner
            assert all(sql.startswith(("SELECT", "WITH")) for _, sql in told.sql)
            assert told.tables
            assert all(table.source_system for table in told.tables)
            assert told.freshness is not None
            assert told.snapshot_id == warehouse.snapshot.snapshot_id
    said = demo.here("explain", "rpe", "--demo", "--format", "json")
    assert json.loads(said.stdout)["source"] == catalogue.get("rpe").source


def test_law_3_what_was_never_loaded_is_unknown_never_zero(demo: Project, tmp_path: Path) -> None:
    """The same company, but its payments never arrive: what stands on them is unknown, the rest is as it was."""
    copy = demo.copy(tmp_path / "project")
    shutil.rmtree(copy.root / "data" / "demo" / "snapshots")
    landing = copy.root / "data" / "demo" / "landing"
    shutil.rmtree(landing / "payments")
    env = {
        "SOPHIA_WORKSPACE": "demo",
        "SOPHIA_FROZEN_AT": "2025-12-31T23:59:59-06:00",
        "SOPHIA_COMPANY__TIME_ZONE": "America/Chicago",
        "SOPHIA_LANDING__PATH": str(landing),
    }
    loaded = copy.here("ingest", "run", env=env)
    assert (copy.root / "data" / "demo" / "snapshots" / "current").exists(), loaded.stderr
    for metric in ("payment_volume", "payment_success_rate", "failed_payments"):
        value = ask(copy, metric)
        assert value["value"] is None
        assert value["unknown"]["code"] == "not_loaded"
        assert value["display"] == "unknown"
    assert ask(copy, "win_rate")["unknown"]["code"] == "not_loaded", "deals come from the CRM, which was not asked"
    assert Decimal(ask(copy, "headcount")["value"]) > 0


def test_law_4_demo_says_so_on_every_surface(demo: Project) -> None:
    assert "DEMO DATA" in (demo.root / "demo-output.txt").read_text()
    assert "DEMO DATA" in demo.here("metric", "arr", "--demo").stdout
    as_csv = demo.here("metric", "arr", "--demo", "--format", "csv").stdout
    assert next(csv.DictReader(io.StringIO(as_csv)))["demo"] == "true"
    assert ask(demo, "arr")["demo"] is True
    assert statement(demo)["predicate"]["run"]["demo"] is True
    assert json.loads((run_folder(demo) / "result.json").read_text())["demo"] is True
    assert "DEMO DATA" in (run_folder(demo) / "brief.html").read_text()
    assert "DEMO DATA" in demo.here("doctor", "--demo").stdout


def test_law_4_demo_data_is_known_by_itself_not_by_the_workspace(demo: Project, tmp_path: Path) -> None:
    """Demo deliveries put into the live workspace's landing folder stay demo data."""
    copy = demo.copy(tmp_path / "project")
    env = {"SOPHIA_LANDING__PATH": str(copy.root / "data" / "demo" / "landing")}
    copy.here("ingest", "run", env=env)
    done = copy.here("metric", "headcount", "--day", "2025-12-31", "--format", "json")
    assert json.loads(done.stdout)["values"][0]["demo"] is True


def test_law_5_what_may_be_sent_is_a_list_that_only_reads() -> None:
    posts = {(rule.provider, rule.method, rule.path) for rule in READS if rule.method != "GET"}
    assert posts == {
        ("salesforce", "POST", "/services/oauth2/token"),
        ("gong", "POST", "/v2/calls/extensive"),
        ("gong", "POST", "/v2/calls/transcript"),
        ("notion", "POST", "/v1/search"),
        ("notion", "POST", "/v1/data_sources/{data_source_id}/query"),
        ("github", "POST", "/app/installations/{installation}/access_tokens"),
    }
    policy = RequestPolicy("salesforce")
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(PolicyRefused):
            policy.check(method, "/services/data/v66.0/sobjects/Account")


def test_law_5_the_ci_variable_is_not_a_right(demo: Project) -> None:
    done = demo.here("proofs", "list", "--format", "json", env={"CI": "true"})
    assert done.returncode == 0
    assert not (demo.root / "proofs" / "ci").exists()


def test_law_6_the_demo_left_evidence_that_holds(demo: Project) -> None:
    done = demo.sophia("proofs", "verify")
    assert done.returncode == 0, done.stdout + done.stderr


def test_law_7_nothing_refused_is_lost(demo: Project) -> None:
    """Each record that the demo company's sources sent in bad shape is kept with its reason."""
    from sophia_kit.core.settings import load_settings
    from sophia_kit.warehouse import SnapshotStore

    current = SnapshotStore(load_settings(demo.root, workspace="demo").snapshots_dir).current()
    with duckdb.connect(str(current.path), read_only=True) as connection:
        kept = connection.execute("SELECT reason, record FROM meta.quarantine").fetchall()
    assert kept
    assert all(reason and json.loads(record) is not None for reason, record in kept)


def test_law_8_the_narrative_says_that_rules_wrote_it(demo: Project) -> None:
    page = (run_folder(demo) / "brief.html").read_text()
    assert re.search(r"[Ww]ritten by rules", page)
