"""From the ledger to a number: the next load takes the calls into the snapshot, and the metric layer answers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.metrics.asking import Asking

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import IngestError
from sophia_kit.core.settings import Settings
from sophia_kit.ingest import IngestReport, Span, run_ingest
from sophia_kit.llm import ChatRequest, Message, Usage
from sophia_kit.llm.ledger import call_entry
from sophia_kit.metrics import Calendar, Catalogue
from sophia_kit.state import LlmCall, State
from sophia_kit.warehouse import SnapshotStore, Warehouse

TODAY = date(2026, 11, 22)
NOON = datetime(2026, 11, 22, 18, tzinfo=UTC)
REQUEST = ChatRequest((Message("user", "canary prompt"),), tenant="acme", user="ann", purpose="brief")


def call(call_id: str, model: str | None, tokens: tuple[int, int], cost: str | None, *, at: datetime = NOON) -> LlmCall:
    usage = Usage(input_tokens=tokens[0], output_tokens=tokens[1])
    entry = call_entry(
        REQUEST, call_id=call_id, started_at=at, ended_at=at, reason="balanced: score 0.700", model_used=model,
        usage=usage, cost_usd=None if cost is None else Decimal(cost),
        cost_source="unknown" if cost is None else "provider",
    )  # fmt: skip
    return replace(entry, seconds=1.23456)


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(root=tmp_path_factory.mktemp("ledger"), company={"time_zone": "America/Chicago"})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def state(settings: Settings) -> Iterator[State]:
    with State.open(settings.state_location) as opened:
        yield opened


def book(state: State, *calls: LlmCall) -> None:
    with state.transaction():
        for each in calls:
            state.llm_ledger.append(each)


def load(settings: Settings, state: State, *only: str, span: Span | None = None) -> IngestReport:
    store = SnapshotStore(settings.snapshots_dir)
    return run_ingest(settings, state, store, FrozenClock(NOON + timedelta(hours=1)), only=only, span=span)


@contextmanager
def asking(settings: Settings) -> Iterator[Asking]:
    """On the snapshot that is current now."""
    clock = FrozenClock(NOON + timedelta(hours=1))
    with Warehouse.open(SnapshotStore(settings.snapshots_dir).current(), settings) as warehouse:
        yield Asking(warehouse, Catalogue.load(), clock, Calendar.of(settings.company))


def test_an_empty_ledger_is_no_success(settings: Settings, state: State) -> None:
    with pytest.raises(IngestError, match="delivered nothing"):
        load(settings, state, "llm")


def test_the_ledger_becomes_numbers_load_by_load(settings: Settings, state: State) -> None:
    book(
        state,
        call("yesterday", "gpt-4o", (10, 10), "5", at=datetime(2026, 11, 22, 5, 59, tzinfo=UTC)),
        call("one", "gpt-4o", (1000, 100), "0.0035"),
        call("two", "gpt-5", (2000, 50), "0.25"),
        call("lost", None, (0, 0), "0"),
    )
    # No source is configured but the ledger, and that is enough once a model was called.
    report = load(settings, state)
    assert [(one.table, one.status, one.rows_merged) for one in report.tables] == [("llm_calls", "complete", 4)]
    with asking(settings) as ask:
        cost = ask.value("llm_cost", TODAY, grain="day", unfinished=True)
        assert (cost.value, cost.unit, cost.demo, cost.quality) == (Decimal("0.2535"), "USD", False, ())
        assert cost.provenance is not None
        assert "llm_gateway" in cost.provenance.source_systems
        models = ask.result("llm_cost", TODAY, grain="day", by=("model",), unfinished=True).values
        assert {each.members[0][1]: each.value for each in models} == {
            "gpt-4o": Decimal("0.0035"),
            "gpt-5": Decimal("0.25"),
            "(not set)": 0,
        }
        assert ask.value("llm_tokens", TODAY, grain="day", unfinished=True).value == 3150
        filters = {"tenant": "acme", "purpose": "brief"}
        assert ask.value("llm_requests", TODAY, grain="day", filters=filters, unfinished=True).value == 3

    book(state, call("unpriced", "our-own", (100, 10), None))
    again = load(settings, state)
    assert [(one.rows_read, one.rows_merged) for one in again.tables] == [(1, 1)]
    # A cost that nobody knows doesn't pass for nothing: the sum says that it is too small.
    with asking(settings) as ask:
        marked = ask.value("llm_cost", TODAY, grain="day", unfinished=True)
        assert marked.value == Decimal("0.2535")
        assert [mark.check for mark in marked.quality] == ["llm_calls.cost_known"]
        assert ask.value("llm_requests", TODAY, grain="day", unfinished=True).quality == ()

    # A range is read again, and nothing of it changes.
    backfill = load(settings, state, "llm", span=Span(NOON - timedelta(hours=1), NOON + timedelta(hours=1)))
    assert [(one.rows_read, one.rows_merged) for one in backfill.tables] == [(4, 0)]


def test_the_ledger_alone_is_no_load_where_vendors_fail(state: State, settings: Settings, tmp_path: Path) -> None:
    # A landing zone that delivers nothing.
    (tmp_path / "landing").mkdir()
    empty = settings.model_copy(update={"landing": settings.landing.model_copy(update={"path": tmp_path / "landing"})})
    with pytest.raises(IngestError, match=r"The sources delivered nothing. landing:"):
        load(empty, state)
