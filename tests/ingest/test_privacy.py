"""What is private is hashed or dropped before it is stored: in rows, in quarantine, in notes, in every file."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pydantic import SecretStr
from tests.connectors.salesforce_org import FIELDS, Org, records
from tests.wire import WireServer

from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.core.errors import ConfigError
from sophia_kit.core.settings import HttpSettings, PrivacySettings, Settings, load_settings
from sophia_kit.ingest import IngestReport, TableReport, ingest, load_contracts, read_contract, replay
from sophia_kit.ingest.privacy import Treatment, with_policy
from sophia_kit.state import State
from sophia_kit.warehouse import SnapshotStore

CANARY = "ana.canary@example.com"
KEY = b"0123456789abcdef"
HASH = "hmac-sha256:" + hmac.digest(KEY, CANARY.encode(), hashlib.sha256).hex()
CONTRACT = """\
table: customers
description: A customer.
source: salesforce
resource: Account
source_system: salesforce
freshness_hours: 36
deleted_field: IsDeleted
new_fields: note
columns:
  - {name: source_id, from: Id, type: string, required: true}
  - {name: name, from: Name, type: string}
  - {name: email, from: Email__c, type: string, required: true, privacy: hash}
  - {name: remark, from: Remark__c, type: string, privacy: drop}
  - {name: modified_at, from: SystemModstamp, type: timestamp, required: true}
"""
PRIVATE = read_contract(CONTRACT, "customers.yaml")
OPEN = read_contract(
    CONTRACT.replace(", privacy: hash", "").replace(", privacy: drop", "").replace(": note", ": keep"), "customers.yaml"
)
# The tables that canonical views stand on are there, and nothing delivers them.
OTHERS = {name: replace(contract, source="nobody") for name, contract in load_contracts().items()}


@pytest.fixture
async def org() -> AsyncIterator[Org]:
    found = Org()
    found.fields = (*FIELDS, "Email__c", "Remark__c")
    found.pages = [
        [
            one | {"Email__c": f" Ana.Canary@Example.COM{' ' * number}", "Remark__c": f"write to {CANARY}"}
            for number, one in enumerate(records(3))
        ]
    ]
    async with WireServer(found) as server:
        found.server = server
        yield found


@pytest.fixture
def settings(org: Org, tmp_path: Path) -> Settings:
    salesforce = {"base_url": org.server.url, "client_id": "a", "client_secret": "b", "refresh_token": "c"}
    privacy = PrivacySettings(hash_key=SecretStr(KEY.decode()))
    return load_settings(tmp_path, salesforce=salesforce, http=HttpSettings(attempts=1), privacy=privacy)


async def load(settings: Settings, contract: Any = PRIVATE, *, full: bool = False) -> TableReport:
    with State.open(settings.state_location) as state:
        report: IngestReport = await ingest(
            settings,
            state,
            SnapshotStore(settings.snapshots_dir, keep=1),
            settings.clock(),
            connectors=[Salesforce(settings)],
            contracts=OTHERS | {"customers": contract},
            full=full,
        )
    return report.tables[0]


def rows(settings: Settings, query: str) -> list[tuple[Any, ...]]:
    path = SnapshotStore(settings.snapshots_dir).current().path
    with duckdb.connect(str(path), read_only=True) as connection:
        return connection.execute(query).fetchall()


def canaries(settings: Settings) -> Iterator[str]:
    """Where the canary is found: values of the snapshot, and bytes of any file below the project's root."""
    path = SnapshotStore(settings.snapshots_dir).current().path
    with duckdb.connect(str(path), read_only=True) as connection:
        columns = connection.execute(
            "SELECT schema_name, table_name, column_name FROM duckdb_columns() WHERE data_type = 'VARCHAR' "
            "AND schema_name IN ('raw', 'meta')"
        ).fetchall()
        for schema, table, column in columns:
            found = f'SELECT count(*) FROM {schema}."{table}" WHERE "{column}" ILIKE \'%canary%\''
            if connection.execute(found).fetchall() != [(0,)]:
                yield f"{schema}.{table}.{column}"
    for file in settings.root.rglob("*"):
        if file.is_file() and b"canary" in file.read_bytes().lower():
            yield file.name


def malformed(number: int, **changes: Any) -> dict[str, Any]:
    return records(1, number)[0] | {"Email__c": CANARY, "Remark__c": CANARY} | changes


async def test_no_file_holds_what_is_private_whatever_was_delivered(
    org: Org, settings: Settings, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    org.pages[0] += [
        malformed(10, Unheard__c=CANARY),
        malformed(11, SystemModstamp=None, Unheard__c=CANARY),
        malformed(12, Email__c=[CANARY]),
        malformed(13, Name={"person": {"email": CANARY}}),
        malformed(14, Email__c=None),
    ]
    report = await load(settings)
    assert (report.rows_read, report.rows_quarantined) == (8, 4)
    assert report.note == "new at the source and not stored: Unheard__c"
    assert list(canaries(settings)) == []
    assert "canary" not in caplog.text.lower()
    assert "canary" not in "".join(capfd.readouterr()).lower()
    # Four spellings of one address are one hash, which the key's holder can make.
    assert rows(settings, "SELECT email, remark, count(*) FROM raw.customers GROUP BY ALL") == [(HASH, None, 4)]
    assert rows(settings, "SELECT source_id, reason FROM meta.quarantine ORDER BY ALL") == [
        (f"{11:018d}", "modified_at is required and empty"),
        (f"{12:018d}", "email is not string: (not kept)"),
        (f"{13:018d}", "name is not string: an object"),
        (f"{14:018d}", "email is required and empty"),
    ]
    kept = rows(settings, "SELECT record FROM meta.quarantine ORDER BY source_id")
    assert HASH in kept[0][0]
    # What is dropped isn't even asked for.
    assert all("Remark__c" not in query for query in org.queries())


async def test_the_same_without_a_policy_is_found(org: Org, settings: Settings) -> None:
    """The search of the test above finds what is there."""
    await load(settings, OPEN)
    assert {"raw.customers.email", "raw.customers.remark"} <= set(canaries(settings))
    assert any(name.endswith(".duckdb") for name in canaries(settings))


async def test_without_a_key_what_should_be_hashed_is_dropped_and_the_report_says_so(
    org: Org, settings: Settings
) -> None:
    keyless = settings.model_copy(update={"privacy": PrivacySettings()})
    report = await load(keyless)
    assert report.status == "complete"
    assert report.note == "not stored, as SOPHIA_PRIVACY__HASH_KEY isn't set: email"
    assert rows(keyless, "SELECT DISTINCT email, remark FROM raw.customers") == [(None, None)]
    # With a key from now on, reading everything again fills in what is missing.
    await load(settings, full=True)
    assert rows(settings, "SELECT DISTINCT email FROM raw.customers") == [(HASH,)]


async def test_a_stricter_policy_holds_for_what_was_stored_before_it(org: Org, settings: Settings) -> None:
    org.pages[0] += [malformed(11, SystemModstamp=None, Unheard__c=CANARY), malformed(12, Unheard__c=CANARY)]
    await load(settings, OPEN)
    assert list(canaries(settings))
    # The vendor has nothing new: the rows come from the snapshot before.
    org.pages = [[]]
    await load(settings)
    assert rows(settings, "SELECT email, remark, count(*) FROM raw.customers GROUP BY ALL") == [(HASH, None, 4)]
    assert list(canaries(settings)) == []
    assert rows(settings, "SELECT count(*) FROM meta.quarantine WHERE resolved_at IS NULL") == [(1,)]
    again = await load(settings)
    assert again.rows_merged == 0


async def test_a_looser_policy_and_another_key_show_with_the_next_full_load(org: Org, settings: Settings) -> None:
    await load(settings)
    other = settings.model_copy(update={"privacy": PrivacySettings(hash_key=SecretStr("another key of 16"))})
    await load(other, full=True)
    hashed = rows(other, "SELECT DISTINCT email FROM raw.customers")
    assert hashed[0][0].startswith("hmac-sha256:")
    assert hashed != [(HASH,)]
    await load(settings, OPEN, full=True)
    held = rows(settings, "SELECT email, remark FROM raw.customers ORDER BY source_id LIMIT 1")
    assert held == [(" Ana.Canary@Example.COM", f"write to {CANARY}")]


async def test_what_is_replayed_is_not_hashed_twice(org: Org, settings: Settings) -> None:
    org.pages = [[malformed(1, Name=""), malformed(2)]]
    strict = read_contract(
        CONTRACT.replace("Name, type: string", "Name, type: string, required: true"), "customers.yaml"
    )
    await load(settings, strict)
    assert rows(settings, "SELECT count(*) FROM raw.customers") == [(1,)]
    with State.open(settings.state_location) as state:
        store = SnapshotStore(settings.snapshots_dir, keep=1)
        done = await replay(settings, state, store, settings.clock(), contracts=OTHERS | {"customers": PRIVATE})
    assert done is not None
    assert [(one.rows_read, one.rows_merged, one.rows_quarantined) for one in done.tables] == [(1, 1, 0)]
    assert rows(settings, "SELECT DISTINCT email FROM raw.customers") == [(HASH,)]
    assert list(canaries(settings)) == []


@pytest.mark.parametrize(
    ("text", "same"),
    [(" Ana@Example.COM\n", "ana@example.com"), ("Zoe\u0308", "Zo\u00eb"), ("Ann Lee ", "Ann Lee")],
)
def test_spellings_of_one_value_have_one_hash(text: str, same: str) -> None:
    treatment = Treatment(KEY)
    assert treatment.hashed(text) == treatment.hashed(same)
    assert treatment.hashed(text) != Treatment(b"another").hashed(text)


def test_case_matters_where_it_tells_values_apart() -> None:
    treatment = Treatment(KEY)
    assert treatment.hashed("00aB") != treatment.hashed("00ab")
    assert treatment.hashed(" ") == ""


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"custmers.email": "hash"}, "Did you mean customers?"),
        ({"customers.emial": "hash"}, "Did you mean email?"),
        ({"customers": "hash"}, "has no column ''"),
        ({"customers.source_id": "hash"}, "rows are merged by it"),
        ({"customers.modified_at": "drop"}, "rows are merged by it"),
    ],
)
def test_a_policy_of_what_is_not_there_is_a_clear_error(fields: dict[str, Any], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_policy({"customers": PRIVATE}, fields)
    assert says in f"{caught.value.message} {caught.value.hint}"


def test_the_settings_policy_comes_before_the_contracts() -> None:
    wanted = with_policy({"customers": PRIVATE}, {"customers.email": "drop", "customers.remark": "keep"})
    assert {column.name: column.privacy for column in wanted["customers"].columns if column.privacy != "keep"} == {
        "email": "drop"
    }
