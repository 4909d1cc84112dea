"""The connector lab: vendors, a look at what they have, and how it was loaded; as a script, and in a program."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from tests.conftest import DEMO_SCALE
from tests.larkfield import PROFILE

import sophia_kit as sk
from sophia_kit.connectors import CONNECTORS
from sophia_kit.core.errors import InputError, UnknownName
from sophia_kit.core.settings import PrivacySettings, Settings
from sophia_kit.reports import ConnectorParameters, connector_parameters, vendor_setups
from sophia_kit.sandbox import Company, SandboxServer, connected
from sophia_kit.warehouse import SnapshotStore, Warehouse


@pytest.fixture(scope="module")
def notebook(demo: Any) -> ModuleType:
    spec = importlib.util.spec_from_file_location("connector_lab_under_test", demo.root / "notebooks/connector_lab.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def server() -> Iterator[SandboxServer]:
    with SandboxServer(Company.load(PROFILE, scale=float(DEMO_SCALE))) as running:
        yield running


@pytest.fixture
def settings(in_demo: Path, server: SandboxServer) -> Settings:
    """The demo's workspace, with every vendor configured."""
    server.requests.clear()
    return connected(sk.load_settings(), server.base_url)


def run(notebook: ModuleType, settings: Settings, **params: Any) -> tuple[str, Mapping[str, Any]]:
    """What it shows, as text, and what it defines."""
    given = {"params": ConnectorParameters(**params), "settings": settings, "setups": vendor_setups(settings)}
    outputs, defs = notebook.app.run(defs=given)
    return "".join(output.text for output in outputs if hasattr(output, "text")), defs


def test_it_shows_what_loads_left_and_talks_to_nobody(
    notebook: ModuleType, settings: Settings, server: SandboxServer
) -> None:
    shown, defs = run(notebook, settings, vendor="salesforce", resource="Contact")
    past = defs["past"]
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        count = "SELECT count(*) AS n FROM meta.quarantine WHERE table_name = 'salesforce_contacts'"
        assert past.open_findings == warehouse.query(f"{count} AND resolved_at IS NULL").frame.item()
        assert past.freshness == warehouse.freshness()["salesforce_contacts"]
    assert [attempt.status for attempt in past.attempts] == ["complete"]
    for text in ("DEMO DATA", "Vendors", "Fresh", "Quarantine: 2 open", "SystemModstamp", "Nothing was read yet"):
        assert text in shown, text
    assert server.requests == []


@pytest.mark.parametrize(("vendor", "resource"), [("salesforce", "Contact"), ("gong", "users")])
def test_a_look_shows_what_a_load_would_store(
    notebook: ModuleType, settings: Settings, server: SandboxServer, vendor: str, resource: str
) -> None:
    defs = run(notebook, settings, vendor=vendor, resource=resource, records=20, ask="records")[1]
    look = defs["looked"].look
    assert look.demo
    assert look.frame.height + len(look.refused) == 20
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        names = ", ".join(look.frame.columns)
        rows = warehouse.query(f"SELECT {names} FROM raw.{look.contract.table}").frame.rows()
    assert set(look.frame.rows()) <= set(rows)
    hashed = [column.name for column in look.contract.columns if column.privacy == "hash"]
    assert all(look.frame[name].drop_nulls().str.starts_with("hmac-sha256:").all() for name in hashed)
    assert len(server.requests) <= 4


def test_what_is_read_only_by_choice_is_not_read_for_a_look_either(
    notebook: ModuleType, settings: Settings, server: SandboxServer
) -> None:
    without = settings.model_copy(update={"privacy": PrivacySettings()})
    shown, defs = run(notebook, without, vendor="slack", resource="messages", ask="records")
    assert "SOPHIA_PRIVACY__MESSAGES" in defs["looked"].reason
    assert "no: it is read only where SOPHIA_PRIVACY__MESSAGES is true" in shown
    assert server.requests == []


def test_every_vendor_says_how_it_is_when_it_is_asked(
    notebook: ModuleType, settings: Settings, server: SandboxServer
) -> None:
    healths = run(notebook, settings, ask="health")[1]["healths"]
    assert {health.provider: health.state for health in healths} == dict.fromkeys(CONNECTORS, "reachable")


def test_without_anything_configured_it_runs_as_a_script_and_says_what_is_missing(project: Any) -> None:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("SOPHIA_")}
    done = subprocess.run(
        [sys.executable, "notebooks/connector_lab.py", "--vendor", "slack", "--ask", "records"],
        cwd=project.root,
        env=clean | project.environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 1, done.stderr
    assert "SOPHIA_GONG__ACCESS_KEY" in done.stdout
    assert "Nothing has been loaded" in done.stdout
    assert "Not configured. Slack is not configured." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    assert not (project.root / "data" / "live").exists()


def test_a_parameter_that_means_nothing_is_refused() -> None:
    given = {"vendor": "slack", "resource": "users", "records": "7", "since": "2025-12-01", "ask": "records"}
    assert connector_parameters(given) == ConnectorParameters("slack", "users", 7, date(2025, 12, 1), "records")
    assert connector_parameters({"records": ""}) == ConnectorParameters()
    for wrong in ({"records": "0"}, {"records": "many"}, {"since": "yesterday"}, {"ask": "everything"}):
        with pytest.raises(InputError):
            connector_parameters(wrong)
    with pytest.raises(UnknownName, match="slak"):
        connector_parameters({"vendor": "slak"})
