"""A vendor's table gains a field: it is read from then on, and noted. What was there from the beginning isn't."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.connectors.salesforce_org import FIELDS, Org, records
from tests.wire import WireServer

from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.core.settings import HttpSettings, Settings, load_settings
from sophia_kit.ingest import ingest
from sophia_kit.ingest.contract import Column, Contract
from sophia_kit.ingest.contract_files import load_contracts
from sophia_kit.ingest.cursors import VendorCursor, cursor_text
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

ACCOUNTS = Contract(
    table="customers",
    description="A customer.",
    source="salesforce",
    resource="Account",
    source_system="salesforce",
    freshness_hours=36,
    columns=(
        Column("source_id", "Id", "string", required=True),
        Column("name", "Name", "string"),
        Column("modified_at", "SystemModstamp", "timestamp", required=True),
    ),
    deleted_field="IsDeleted",
)
# The tables that canonical views stand on are there, and nothing delivers them.
CONTRACTS = {name: replace(contract, source="nobody") for name, contract in load_contracts().items()}
CONTRACTS[ACCOUNTS.table] = ACCOUNTS


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    found = Org()
    found.fields = (*FIELDS, "Secret_Since_Ever__c")
    async with WireServer(found) as server:
        found.server = server
        yield found


@pytest.fixture
def settings(org: Org, tmp_path: Path) -> Settings:
    salesforce = {"base_url": org.server.url, "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    return load_settings(tmp_path, salesforce=salesforce, http=HttpSettings(attempts=1))


async def load(settings: Settings, *, full: bool = False) -> tuple[str, ...]:
    """The columns that the load notes as new."""
    with State.open(settings.state_location) as state:
        store = SnapshotStore(settings.snapshots_dir, keep=3)
        report = await ingest(
            settings,
            state,
            store,
            settings.clock(),
            connectors=[Salesforce(settings)],
            contracts=CONTRACTS,
            full=full,
        )
    return report.tables[0].new_columns


def rows(settings: Settings, column: str) -> dict[str, Any]:
    import duckdb

    path = SnapshotStore(settings.snapshots_dir, keep=3).current().path
    with duckdb.connect(str(path), read_only=True) as connection:
        query = f"SELECT source_id, {column} FROM raw.customers ORDER BY source_id"
        return dict(connection.execute(query).fetchall())


async def test_a_field_that_appears_is_read_as_text_and_noted(org: Org, settings: Settings) -> None:
    held = records(2)
    org.pages = [held]
    assert await load(settings) == ()
    assert "Secret_Since_Ever__c" not in org.queries()[-1]

    org.fields = (*org.fields, "Tier__c")
    changed = {**held[1], "SystemModstamp": "2025-06-02T00:00:00.000+0000", "Tier__c": 3}
    org.pages = [[changed]]
    assert await load(settings) == ("Tier__c",)
    assert "Tier__c" in org.queries()[-1]
    assert "Secret_Since_Ever__c" not in org.queries()[-1]
    # Its records that haven't changed aren't delivered again.
    assert rows(settings, "Tier__c") == {held[0]["Id"]: None, held[1]["Id"]: "3"}

    org.pages = [[{**held[0], "Tier__c": 1}, changed]]
    assert await load(settings, full=True) == ("Tier__c",)
    assert rows(settings, "Tier__c") == {held[0]["Id"]: "1", held[1]["Id"]: "3"}


async def test_a_field_that_goes_again_is_no_longer_asked_for(org: Org, settings: Settings) -> None:
    org.pages = [records(1)]
    await load(settings)
    org.fields = (*org.fields, "Tier__c")
    org.pages = [[{**records(1)[0], "Tier__c": "gold"}]]
    await load(settings, full=True)
    org.fields = (*FIELDS, "Secret_Since_Ever__c")
    org.pages = [records(1)]
    assert await load(settings) == ()
    assert "Tier__c" not in org.queries()[-1]


async def test_what_the_settings_don_t_list_is_neither_loaded_nor_drift(org: Org, settings: Settings) -> None:
    section = settings.salesforce.model_copy(update={"objects": ("Account",), "fields": {"Account": ("Name",)}})
    listed = settings.model_copy(update={"salesforce": section})
    org.pages = [records(1)]
    assert await load(listed) == ()
    org.fields = (*org.fields, "Tier__c")
    assert await load(listed) == ()
    assert "Tier__c" not in "".join(org.queries())
    people = {"people": replace(ACCOUNTS, table="people", resource="Contact")}
    with State.open(listed.state_location) as state:
        store = SnapshotStore(listed.snapshots_dir, keep=3)
        report = await ingest(
            listed, state, store, listed.clock(), connectors=[Salesforce(listed)], contracts=CONTRACTS | people
        )
    told = {table.table: (table.status, table.note) for table in report.tables}
    assert told == {
        "customers": ("complete", None),
        "people": ("off", "it is not listed in SOPHIA_SALESFORCE__OBJECTS"),
    }


def test_a_cursor_of_another_form_means_reading_everything_again() -> None:
    assert VendorCursor.parse("2025-06-01T00:00:00.000Z") is None
    assert VendorCursor.parse('["at"]') is None
    cursor = VendorCursor("2025-06-01T00:00:00.000Z", ("Id", "Name"))
    assert VendorCursor.parse(cursor.text()) == cursor
    assert cursor_text(cursor.text()) == "2025-06-01T00:00:00.000Z"
    more = VendorCursor('{"at": "2025-06-02T00:00:00.000Z", "channels": ["C1"]}', ())
    assert cursor_text(more.text()) == "2025-06-02T00:00:00.000Z"
