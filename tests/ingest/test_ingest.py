"""A whole load over real HTTP and real files: what readers see afterwards, whatever happened."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.ingest.conftest import NewWorkplace, Workplace, workplace

from sophia_kit.core.errors import Busy, IngestError, NoSnapshot, Unconfigured, UnknownName
from sophia_kit.core.files import file_lock
from sophia_kit.core.settings import CompanySettings, LandingSettings
from sophia_kit.ingest import IngestReport, ProgressEvent, Span, ingest, load_contracts, run_ingest
from sophia_kit.ingest.privacy import Treatment
from sophia_kit.metrics import Calendar, Catalogue, MetricQuery, evaluate
from sophia_kit.sandbox import Company, Faults, SandboxServer, deliver
from sophia_kit.sandbox.faults import FaultKind
from sophia_kit.warehouse import Warehouse

DOWN = "http://127.0.0.1:9"


@dataclass(frozen=True, slots=True)
class FirstLoad:
    """A load of Salesforce and all deliveries into a new workspace. Not to be changed."""

    work: Workplace
    report: IngestReport
    events: list[ProgressEvent]


@pytest.fixture(scope="module")
def served(company: Company) -> Iterator[SandboxServer]:
    """Not to be changed."""
    with SandboxServer(company) as running:
        yield running


@pytest.fixture(scope="module")
def first(
    company: Company, served: SandboxServer, landing: Path, tmp_path_factory: pytest.TempPathFactory
) -> FirstLoad:
    events: list[ProgressEvent] = []
    work = workplace(company, tmp_path_factory.mktemp("first"), base_url=served.base_url, landing=landing)
    report = work.load(progress=events.append)
    work.state.close()
    return FirstLoad(work, report, events)


@pytest.fixture
def loaded(
    first: FirstLoad, served: SandboxServer, landing: Path, new_workplace: NewWorkplace, tmp_path: Path
) -> Workplace:
    """A workspace of the test's own in which the first load is done."""
    root = Path(shutil.copytree(first.work.settings.root, tmp_path / "loaded"))
    return new_workplace(base_url=served.base_url, landing=landing, root=root)


def test_what_is_loaded_is_what_a_perfect_loader_holds(first: FirstLoad, company: Company) -> None:
    work, report, events = first.work, first.report, first.events
    assert report.complete
    assert report.demo
    assert report.snapshot == work.store.current()
    hashed = Treatment(work.settings.privacy.key)
    loaded = [contract for contract in load_contracts().values() if contract.source in ("landing", "salesforce")]
    for contract in loaded:
        expected = company.table(contract.table)
        private = [column for column in contract.columns if column.privacy != "keep"]
        expected = expected.with_columns(hashed.series(column, expected[column.field]) for column in private)
        fields = {column.field: column.name for column in contract.columns}
        if contract.deleted_field:
            fields[contract.deleted_field] = "is_deleted"
        stored = ", ".join(f'"{name}"' for name in fields.values())
        held = work.rows(f"SELECT {stored} FROM raw.{contract.table} ORDER BY source_id COLLATE C")
        zoned = [
            pl.col(name).dt.replace_time_zone(None) for name, kind in expected.schema.items() if kind == pl.Datetime
        ]
        wanted = expected.with_columns(zoned).sort(contract.key_field).select(*fields)
        assert held == wanted.rows(), contract.table
    assert [event.stage for event in events][-2:] == ["publishing", "published"]
    assert {event.table for event in events if event.stage == "complete"} == {contract.table for contract in loaded}


def test_two_delivered_tables_are_loaded_at_a_time_the_largest_first(first: FirstLoad, landing: Path) -> None:
    stages = [(event.table, event.stage) for event in first.events if event.source == "landing"]
    begun = list(dict.fromkeys(table for table, _ in stages))
    sizes = [sum(file.stat().st_size for file in landing.glob(f"{name}/*.parquet")) for name in begun]
    assert len(begun) > 10
    assert sizes == sorted(sizes, reverse=True)
    ended = [place for place, (_, stage) in enumerate(stages) if stage == "complete"]
    assert {table for table, _ in stages[: ended[0]]} == set(begun[:2])
    assert sorted(begun) == [table.table for table in first.report.tables if table.source == "landing"]


def test_the_planted_malformed_records_are_all_in_quarantine(first: FirstLoad) -> None:
    work, report = first.work, first.report
    held = work.rows("SELECT table_name, count(*) FROM meta.quarantine WHERE resolved_at IS NULL GROUP BY ALL")
    refused = {table.table: table.rows_quarantined for table in report.tables if table.rows_quarantined}
    assert dict(held) == refused
    assert {"payments", "surveys", "ledger_entries", "salesforce_opportunities"} <= refused.keys()
    reasons = {str(row[0]) for row in work.rows("SELECT reason FROM meta.quarantine")}
    assert {"source_id is required and empty", "amount is not decimal(18,2): 'n/a'"} <= reasons
    assert all(json.loads(row[0]) for row in work.rows("SELECT record FROM meta.quarantine"))


def test_the_same_load_twice_gives_the_same_rows(loaded: Workplace) -> None:
    work = loaded
    first, marks = work.digest(), work.rows("SELECT source_id, loaded_at, load_id FROM raw.payments ORDER BY ALL")
    again = work.load()
    assert (work.digest(), sum(table.rows_merged for table in again.tables)) == (first, 0)
    full = work.load(full=True)
    assert (work.digest(), sum(table.rows_merged for table in full.tables)) == (first, 0)
    assert work.rows("SELECT source_id, loaded_at, load_id FROM raw.payments ORDER BY ALL") == marks
    assert len(work.store.list()) == 3


def test_two_days_in_turn_give_the_same_as_the_second_day_at_once(
    loaded: Workplace, landing: Path, new_workplace: NewWorkplace, company: Company, tmp_path: Path
) -> None:
    folder = tmp_path / "landing"
    shutil.copytree(landing, folder)
    later = company.at(company.day + timedelta(2))
    with SandboxServer(later) as server:
        deliver(later, folder)
        in_turn = new_workplace(base_url=server.base_url, landing=folder, root=loaded.settings.root).on(later)
        second = in_turn.load()
        at_once = new_workplace(base_url=server.base_url, landing=folder).on(later)
        at_once.load()
    read = {table.table: table.rows_read for table in second.tables}
    assert 0 < read["payments"] < at_once.rows("SELECT count(*) FROM raw.payments")[0][0]
    assert in_turn.digest() == at_once.digest()
    days = [path.stem for path in sorted((folder / "payments").glob("*.parquet"))]
    span = Span(datetime.fromisoformat(f"{days[3]}T00:00:00Z"), datetime.fromisoformat(f"{days[5]}T00:00:00Z"))
    again = in_turn.load(only=["landing"], span=span)
    due = sum(
        pl.scan_parquet(folder / f"payments/{day}.parquet").select(pl.len()).collect().item() for day in days[3:5]
    )
    assert [table.rows_read for table in again.tables if table.table == "payments"] == [due]
    assert in_turn.digest() == at_once.digest()
    before = in_turn.store.list()[0]
    assert in_turn.store.known_at(company.now) == before


def test_a_vendors_bad_day_does_not_show_in_the_rows(
    new_workplace: NewWorkplace, served: SandboxServer, company: Company
) -> None:
    calm = new_workplace(base_url=served.base_url)
    calm.load()
    kinds: tuple[FaultKind, ...] = (
        "server_error",
        "drop",
        "cut_body",
        "truncated_json",
        "malformed_json",
        "expired_token",
    )
    stormy_faults = Faults(script={3 * turn + 4: kind for turn, kind in enumerate(kinds)})
    with SandboxServer(company, faults=stormy_faults) as stormy:
        work = new_workplace(base_url=stormy.base_url)
        assert work.load().complete
        assert any(request.fault for request in stormy.requests)
    assert work.digest() == calm.digest()


def test_a_source_that_fails_leaves_its_tables_as_they_were(
    loaded: Workplace, new_workplace: NewWorkplace, served: SandboxServer, landing: Path, company: Company
) -> None:
    work = loaded
    before = work.rows("SELECT count(*) FROM raw.salesforce_accounts")
    later = work.on(company.at(company.day + timedelta(1)))
    broken = new_workplace(base_url=DOWN, landing=landing, root=work.settings.root, frozen_at=later.settings.frozen_at)
    report = broken.load()

    assert {table.source for table in report.failed} == {"salesforce"}
    assert len(report.failed) == sum(one.source == "salesforce" for one in load_contracts().values())
    assert not report.complete
    assert broken.rows("SELECT count(*) FROM raw.salesforce_accounts") == before
    fresh = dict(broken.rows("SELECT table_name, last_success_at FROM meta.freshness"))
    assert fresh["salesforce_accounts"] == company.now.replace(tzinfo=None)
    catalogue = Catalogue.load()
    query = MetricQuery("open_pipeline", company.day)
    with Warehouse.open(broken.store.current(), broken.settings) as warehouse:
        (value,) = evaluate(warehouse, catalogue, query, broken.settings.clock(), Calendar()).values
    # Its tables were loaded a day ago, which their contracts permit: it is stale because the last load failed.
    assert value.value is not None
    assert value.freshness.status == "stale"
    assert "salesforce_opportunities" in value.freshness.tables
    assert any("failed: salesforce at 127.0.0.1 can't be reached" in text for text in value.freshness.failures)
    assert "can&#x27;t be reached" in value._repr_html_()
    audit = dict(
        broken.rows(
            f"SELECT table_name, status FROM meta.load_audit WHERE snapshot_id = '{report.snapshot.snapshot_id}'"
        )
    )
    assert (audit["salesforce_users"], audit["payments"]) == ("failed", "complete")

    recovered = new_workplace(
        base_url=served.base_url, landing=landing, root=work.settings.root, frozen_at=later.settings.frozen_at
    )
    assert recovered.load().complete
    assert recovered.rows("SELECT * FROM meta.behind") == []
    assert recovered.attempts("salesforce_accounts")[0].mode == "incremental"


def test_nothing_is_published_when_every_source_fails(new_workplace: NewWorkplace) -> None:
    work = new_workplace(base_url=DOWN)
    with pytest.raises(IngestError, match="No source could be read") as caught:
        work.load()
    assert caught.value.retryable
    assert caught.value.hint
    with pytest.raises(NoSnapshot):
        work.store.current()
    assert work.leftovers() == []
    attempts = work.state.attempts()
    assert {attempt.status for attempt in attempts} == {"failed"}
    assert all(attempt.error for attempt in attempts)


def test_one_unreadable_file_fails_its_table_only(new_workplace: NewWorkplace, few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(few, folder)
    plans = next((folder / "plans").glob("*.parquet"))
    good = plans.read_bytes()
    plans.write_bytes(good[: len(good) // 2])
    work = new_workplace(landing=folder)
    report = work.load()
    assert [table.table for table in report.failed] == ["plans"]
    assert "can't be read as Parquet" in str(report.failed[0].note)
    assert [table.table for table in report.tables if table.status == "complete"] == ["quotas"]
    assert work.rows("SELECT count(*) FROM raw.plans") == [(0,)]
    assert work.rows("SELECT last_success_at FROM meta.freshness WHERE table_name = 'plans'") == [(None,)]
    plans.write_bytes(good)
    assert {table.table for table in work.load().tables if table.status == "complete"} == {"plans", "quotas"}
    assert work.rows("SELECT status FROM meta.load_audit WHERE table_name = 'plans' ORDER BY attempt_id, status") != []


def test_a_file_delivered_again_with_other_content_is_read_again(
    new_workplace: NewWorkplace, few: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(few, folder)
    work = new_workplace(landing=folder)
    work.load()
    path = next((folder / "plans").glob("*.parquet"))
    frame = pl.read_parquet(path)
    key = frame["source_id"][0]
    newer = pl.col("modified_at") + pl.duration(days=1)
    frame.head(1).with_columns(newer, unit=pl.lit("EUR")).write_parquet(path)
    report = work.load()
    assert next(table.rows_merged for table in report.tables if table.table == "plans") == 1
    assert work.rows(f"SELECT unit FROM raw.plans WHERE source_id = '{key}'") == [("EUR",)]
    path.touch()
    assert next(table.rows_read for table in work.load().tables if table.table == "plans") == 0


def test_a_column_nobody_knew_is_added_and_noted(new_workplace: NewWorkplace, few: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(few, folder)
    work = new_workplace(landing=folder)
    work.load()
    path = next((folder / "plans").glob("*.parquet"))
    frame = pl.read_parquet(path).with_columns(pl.col("modified_at") + pl.duration(days=1), Channel=pl.lit(7))
    frame.write_parquet(path.with_name("2099-01-01.parquet"))
    report = work.load()
    assert next(table.new_columns for table in report.tables if table.table == "plans") == ("Channel",)
    assert work.attempts("plans")[0].new_columns == "Channel"
    assert work.rows('SELECT DISTINCT "Channel" FROM raw.plans') == [("7",)]
    assert work.rows("SELECT new_columns FROM meta.load_audit WHERE new_columns IS NOT NULL") == [("Channel",)]


def test_old_deliveries_do_not_make_a_table_fresh(new_workplace: NewWorkplace, landing: Path, company: Company) -> None:
    much_later = company.at(company.day + timedelta(30))
    work = new_workplace(landing=landing).on(much_later)
    work.load()
    last = work.rows("SELECT last_success_at FROM meta.freshness WHERE table_name = 'payments'")[0][0]
    assert isinstance(last, datetime)
    assert abs(last - company.now.replace(tzinfo=None)) < timedelta(seconds=2)
    work.load()
    assert work.rows("SELECT last_success_at FROM meta.freshness WHERE table_name = 'payments'") == [(last,)]


def test_empty_is_not_success(new_workplace: NewWorkplace, landing: Path, tmp_path: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(landing, folder)
    for file in (folder / "plans").glob("*.parquet"):
        pl.read_parquet(file).clear().write_parquet(file)
    shutil.rmtree(folder / "quotas")
    work = new_workplace(landing=folder)
    report = work.load()
    told = {table.table: (table.status, table.note) for table in report.tables if table.status != "complete"}
    assert told == {
        "plans": ("empty", "the source answered, and had no records"),
        "quotas": ("empty", "nothing was delivered"),
    }
    never = work.rows(
        "SELECT table_name FROM meta.freshness WHERE last_success_at IS NULL AND table_name IN ('plans', 'quotas')"
    )
    assert len(never) == 2
    assert work.rows("SELECT table_name, reason FROM meta.behind") == [
        ("plans", "the source answered, and had no records")
    ]
    assert work.attempts("plans")[0].status == "empty"


def test_a_load_where_every_record_is_refused_is_no_success(
    new_workplace: NewWorkplace, few: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(few, folder)
    for file in (folder / "plans").glob("*.parquet"):
        pl.read_parquet(file).with_columns(pl.col("value").cast(pl.String)).write_parquet(file)
    work = new_workplace(landing=folder)
    plans = next(table for table in work.load().tables if table.table == "plans")
    assert plans.status == "empty"
    assert "every record was refused" in str(plans.note)
    refused = work.rows("SELECT count(*) FROM meta.quarantine WHERE table_name = 'plans' AND resolved_at IS NULL")
    assert refused == [(plans.rows_read,)]


def test_demo_and_live_data_never_mix(new_workplace: NewWorkplace, few: Path, tmp_path: Path) -> None:
    live = tmp_path / "live"
    shutil.copytree(few, live)
    (live / "_manifest.json").unlink()
    work = new_workplace(landing=few)
    work.load()
    current = work.store.current()
    with pytest.raises(IngestError, match="never mixed") as caught:
        work.load(landing=live, full=True)
    assert "SOPHIA_WORKSPACE" in str(caught.value.hint)
    assert work.store.current() == current
    assert work.leftovers() == []


def test_two_sources_of_different_kind_never_mix(
    new_workplace: NewWorkplace, served: SandboxServer, few: Path, tmp_path: Path
) -> None:
    live = tmp_path / "live"
    shutil.copytree(few, live)
    (live / "_manifest.json").write_text('{"demo": false}')
    work = new_workplace(base_url=served.base_url, landing=live)
    with pytest.raises(IngestError, match="never mixed"):
        work.load()
    with pytest.raises(NoSnapshot):
        work.store.current()


def test_nothing_configured_is_refused_with_what_is_missing(new_workplace: NewWorkplace) -> None:
    work = new_workplace()
    with pytest.raises(Unconfigured) as caught:
        work.load()
    assert {"SOPHIA_SALESFORCE__BASE_URL", "SOPHIA_LANDING__PATH"} <= set(caught.value.missing)
    with pytest.raises(UnknownName):
        work.load(only=["salesfroce"])


def test_a_half_configured_vendor_is_not_left_out_in_silence(new_workplace: NewWorkplace, landing: Path) -> None:
    work = new_workplace(landing=landing, salesforce={"base_url": DOWN})
    with pytest.raises(Unconfigured, match="in part only") as caught:
        work.load()
    assert "SOPHIA_SALESFORCE__CLIENT_ID" in caught.value.missing


def test_another_load_at_work_is_said_to_be_at_work(new_workplace: NewWorkplace, few: Path) -> None:
    work = new_workplace(landing=few)
    with file_lock(work.settings.locks_dir / "ingest.lock", what="a test"), pytest.raises(Busy):
        work.load()
    assert work.load().snapshot == work.store.current()


def test_a_clock_that_went_back_is_refused(new_workplace: NewWorkplace, few: Path, company: Company) -> None:
    work = new_workplace(landing=few)
    work.load()
    with pytest.raises(IngestError, match="the clock stands before it"):
        work.on(company.at(company.day - timedelta(1))).load()


def test_another_time_zone_needs_another_workspace(new_workplace: NewWorkplace, few: Path) -> None:
    work = new_workplace(landing=few)
    work.load()
    moved = new_workplace(landing=few, root=work.settings.root, company=CompanySettings(time_zone="Europe/Berlin"))
    with pytest.raises(IngestError, match="time zone is now Europe/Berlin"):
        moved.load()


def test_a_source_may_be_read_alone(new_workplace: NewWorkplace, few: Path) -> None:
    work = new_workplace(base_url=DOWN, landing=few)
    assert {table.source for table in work.load(only=["landing"]).tables} == {"landing"}


def test_lost_state_costs_a_full_reading_and_no_rows(
    loaded: Workplace, new_workplace: NewWorkplace, served: SandboxServer, landing: Path
) -> None:
    work = loaded
    before = work.digest()
    work.state.close()
    for left in Path(work.settings.state_location).parent.glob("state.sqlite*"):
        left.unlink()
    work = new_workplace(base_url=served.base_url, landing=landing, root=work.settings.root)
    report = work.load()
    assert (work.digest(), {attempt.mode for attempt in work.state.attempts()}) == (before, {"full"})
    assert sum(table.rows_deleted for table in report.tables) == 0


@pytest.mark.parametrize("share", [0.0, 1.0], ids=["while it is read", "while its end is written"])
async def test_a_cancelled_load_publishes_nothing(new_workplace: NewWorkplace, landing: Path, share: float) -> None:
    work = new_workplace(landing=landing)
    started = asyncio.Event()
    loop = asyncio.get_running_loop()

    def progress(event: ProgressEvent) -> None:
        if event.table == "payments" and event.total and event.rows >= share * event.total:
            loop.call_later(0.03 * share, started.set)

    task = asyncio.create_task(ingest(work.settings, work.state, work.store, work.settings.clock(), progress=progress))
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.leftovers() == []
    assert {attempt.error for attempt in work.state.attempts()} >= {"interrupted"}
    assert not [attempt for attempt in work.state.attempts() if attempt.status in ("running", "complete")]
    assert (await asyncio.to_thread(work.load)).complete


def test_a_folder_that_is_no_landing_zone_is_refused(new_workplace: NewWorkplace, tmp_path: Path) -> None:
    with pytest.raises(IngestError, match="not a folder"):
        new_workplace(landing=tmp_path / "nowhere").load()
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "_manifest.json").write_text("{")
    with pytest.raises(IngestError, match=r"_manifest\.json can't be read"):
        new_workplace(landing=tmp_path / "odd").load()


def test_a_full_disk_leaves_readers_on_the_old_snapshot(
    new_workplace: NewWorkplace, landing: Path, small_disk: Path
) -> None:
    from sophia_kit.core.errors import StorageError

    work = new_workplace(landing=landing, root=small_disk)
    work.load(only=["landing"])
    before, current = work.digest(), work.store.current()
    ballast = small_disk / "ballast"
    free = shutil.disk_usage(small_disk).free
    ballast.write_bytes(b"\0" * (free - current.path.stat().st_size - 200_000))
    with pytest.raises(StorageError) as caught:
        work.load(full=True, only=["landing"], landing=_moved(landing, small_disk.parent / "moved"))
    assert caught.value.hint
    assert (work.store.current(), work.digest(), work.leftovers()) == (current, before, [])
    ballast.unlink()
    assert run_ingest(work.settings, work.state, work.store, work.settings.clock()).complete


def _moved(landing: Path, to: Path) -> Path:
    """The same deliveries with every record changed, so that a load has to write."""
    shutil.copytree(landing, to)
    for file in to.glob("*/*.parquet"):
        frame = pl.read_parquet(file)
        frame.with_columns(
            pl.col("modified_at") + pl.duration(days=1), source_id="new-" + pl.col("source_id")
        ).write_parquet(file)
    return to


def test_settings_of_the_landing_zone_are_the_default(new_workplace: NewWorkplace, few: Path) -> None:
    work = new_workplace()
    moved = work.settings.model_copy(update={"landing": LandingSettings(path=few)})
    report = run_ingest(moved, work.state, work.store, moved.clock())
    assert {table.source for table in report.tables} == {"landing"}
