"""Budgets and the ledger, on both databases: never more is held than is left, whoever asks at once and whoever dies."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import REGISTRY
from tests.state.conftest import location, open_state

from sophia_kit.core.clock import Clock, FrozenClock
from sophia_kit.core.errors import BudgetExceeded, NoModelFits, StorageError
from sophia_kit.core.llm_policy_settings import BudgetSettings
from sophia_kit.core.settings import Settings
from sophia_kit.llm import Answer, Catalogue, ChatRequest, Message, Usage
from sophia_kit.llm.budget import Budgets, BudgetState, from_pico, pico
from sophia_kit.llm.ledger import Ledger, call_entry, cost_of, recent_calls
from sophia_kit.state import LlmCall, State

__all__ = ["location", "open_state"]

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
REQUEST = ChatRequest((Message("user", "canary prompt"),), tenant="acme", user="ann", purpose="brief")
USD = Decimal


class Moving:
    """A clock that is moved by hand."""

    frozen = False

    def __init__(self) -> None:
        self.at = NOON

    def now(self) -> datetime:
        return self.at


@pytest.fixture
def state(open_state: Callable[[], State]) -> State:
    return open_state()


@asynccontextmanager
async def ledger(state: State, tmp_path: Path, clock: Clock | None = None, **budget: Any) -> AsyncIterator[Ledger]:
    settings = Settings(root=tmp_path, llm={"budget": budget}, company={"time_zone": "America/Chicago"})  # type: ignore[arg-type]
    opened = Ledger(settings, state, clock or FrozenClock(NOON))
    try:
        yield opened
    finally:
        opened.close()


def entry(call_id: str, cost: Decimal | None = None, **more: Any) -> LlmCall:
    return call_entry(
        REQUEST,
        call_id=call_id,
        started_at=NOON,
        ended_at=NOON + timedelta(seconds=2),
        reason="asked for by name",
        cost_usd=cost,
        **more,
    )


def day(ledger: Ledger, state: State) -> dict[str, tuple[Any, Any, str]]:
    ledger.flush()
    return {one.member or one.budget: (one.spent_usd, one.held_usd, one.status) for one in ledger.budgets.states(state)}


async def test_a_call_is_held_then_settled_and_booked_for_everybody_its_tenant_and_its_user(
    state: State, tmp_path: Path
) -> None:
    async with ledger(state, tmp_path, day_usd=1) as books:
        account = books.account("c1", tenant="acme", user="ann")
        await account.reserve(USD("0.25"))
        assert day(books, state)["day"] == (0, USD("0.25"), "ok")
        assert REGISTRY.get_sample_value("sophia_llm_budget_used_ratio") == 0.25
        account.charge(USD("0.1"))
        account.close(entry("c1", USD("0.1"))).result()
        assert REGISTRY.get_sample_value("sophia_llm_budget_used_ratio") == 0.1
        assert day(books, state) == {
            "day": (USD("0.1"), 0, "ok"),
            "acme": (USD("0.1"), 0, "no limit"),
            "ann": (USD("0.1"), 0, "no limit"),
        }
        assert await books.left_usd("acme", "ann") == USD("0.9")
        (booked,) = state.llm_ledger.calls()
        assert (booked.sequence, booked.call_id, booked.cost_usd, booked.purpose) == (1, "c1", USD("0.1"), "brief")
        assert "canary" not in repr(booked)


async def test_the_stop_is_at_the_limit_to_the_last_fraction_of_a_cent(state: State, tmp_path: Path) -> None:
    async with ledger(state, tmp_path, day_usd="0.3") as books:
        for number in range(3):
            await books.account(str(number)).reserve(USD("0.1"))
        with pytest.raises(BudgetExceeded, match=r"today's budget \(\$0.3\) \$0.000000 are left") as refused:
            await books.account("more").reserve(USD("0.000000000001"))
        assert (refused.value.budget, refused.value.exit_code) == ("day", 15)
        assert day(books, state)["day"] == (0, USD("0.3"), "stop")


@pytest.mark.parametrize(("budget", "member"), [("tenant_day_usd", "acme"), ("user_day_usd", "ann")])
async def test_tenants_and_users_have_budgets_of_their_own(
    state: State, tmp_path: Path, budget: str, member: str
) -> None:
    limit: dict[str, Any] = {budget: 1}
    async with ledger(state, tmp_path, **limit) as books:
        await books.account("1", tenant="acme", user="ann").reserve(USD(1))
        with pytest.raises(BudgetExceeded, match=f"of {member}"):
            await books.account("2", tenant="acme", user="ann").reserve(USD("0.01"))
        await books.account("3", tenant="globex", user="bob").reserve(USD(1))


async def test_a_request_is_limited_with_all_its_attempts(state: State, tmp_path: Path) -> None:
    async with ledger(state, tmp_path, request_usd=1) as books:
        account = books.account("1", max_cost_usd=USD("0.5"))
        await account.reserve(USD("0.3"))
        account.charge(USD("0.25"))
        await account.reserve(USD("0.25"))
        account.charge(None)
        assert account.charged_usd == USD("0.5")
        with pytest.raises(BudgetExceeded, match="one request"):
            await account.reserve(USD("0.01"))
        account.close(entry("1", USD("0.5"))).result()
        assert day(books, state)["day"] == (USD("0.5"), 0, "no limit")


async def test_what_was_refused_holds_nothing_and_what_was_never_answered_costs_nothing(
    state: State, tmp_path: Path
) -> None:
    async with ledger(state, tmp_path, day_usd=1, user_day_usd="0.1") as books:
        with pytest.raises(BudgetExceeded):
            await books.account("1", user="ann").reserve(USD("0.5"))
        account = books.account("2", user="bob")
        await account.reserve(USD("0.1"))
        account.charge(USD(0))
        account.close(entry("2", outcome="unreachable")).result()
        assert day(books, state)["day"] == (0, 0, "ok")


async def test_a_cost_that_nobody_knows_holds_back_a_request(state: State, tmp_path: Path) -> None:
    async with ledger(state, tmp_path, day_usd=1) as books:
        with pytest.raises(NoModelFits, match="isn't known"):
            await books.account("1").reserve(None)
    async with ledger(state, tmp_path) as free:
        account = free.account("2")
        await account.reserve(None)
        account.charge(USD("0.2"))
        account.close(entry("2", USD("0.2"))).result()
        # What was spent without a budget counts once there is one.
        assert day(free, state)["day"] == (USD("0.2"), 0, "no limit")


async def test_at_eighty_percent_there_is_one_warning(
    state: State, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger="sophia_kit.llm.budget"):
        async with ledger(state, tmp_path, day_usd=1) as books:
            for number, amount in enumerate(("0.79", "0.01", "0.1")):
                await books.account(str(number)).reserve(USD(amount))
                assert day(books, state)["day"][2] == ("ok" if number == 0 else "warning")
    assert [record.getMessage() for record in caplog.records] == [
        "the day budget for language models is 80 % spent or held: $0.80 of $1.00"
    ]


async def test_a_day_is_the_companys(state: State, tmp_path: Path) -> None:
    clock = Moving()
    async with ledger(state, tmp_path, clock, day_usd=1) as books:
        clock.at = datetime(2026, 11, 23, 5, 59, tzinfo=UTC)
        account = books.account("1")
        await account.reserve(USD(1))
        clock.at = datetime(2026, 11, 23, 6, 0, tzinfo=UTC)
        await books.account("2").reserve(USD("0.5"))
        # What was held yesterday is settled with yesterday.
        account.charge(USD("0.75"))
        account.close(entry("1", USD("0.75"))).result()
        assert day(books, state)["day"] == (0, USD("0.5"), "ok")
        yesterday = books.budgets.states(state, date(2026, 11, 22))
        assert [(one.spent_usd, one.held_usd) for one in yesterday if one.budget == "day"] == [(USD("0.75"), USD(0))]


async def test_a_reservation_that_is_never_settled_is_charged_in_full_when_its_time_is_up(
    state: State, tmp_path: Path
) -> None:
    clock = Moving()
    async with ledger(state, tmp_path, clock, day_usd=1, reservation_s=900) as books:
        lost = books.account("lost", tenant="acme")
        await lost.reserve(USD("0.6"))
        clock.at += timedelta(seconds=899)
        with pytest.raises(BudgetExceeded):
            await books.account("1").reserve(USD("0.5"))
        assert day(books, state)["day"] == (0, USD("0.6"), "ok")
        clock.at += timedelta(seconds=1)
        await books.account("2").reserve(USD("0.1"))
        assert day(books, state)["day"] == (USD("0.6"), USD("0.1"), "ok")
        (told,) = state.llm_ledger.calls()
        assert (told.outcome, told.cost_usd, told.cost_source) == ("abandoned", USD("0.6"), "reservation")
        # It was alive after all: what comes late corrects what was charged.
        lost.charge(USD("0.2"))
        lost.close(entry("lost", USD("0.2"))).result()
        assert day(books, state)["day"] == (USD("0.2"), USD("0.1"), "ok")


async def test_a_hundred_at_once_hold_no_more_than_there_is(state: State, tmp_path: Path) -> None:
    async with ledger(state, tmp_path, day_usd=1) as books:

        async def one(number: int) -> bool:
            account = books.account(str(number))
            try:
                await account.reserve(USD("0.04"))
            except BudgetExceeded:
                return False
            account.charge(USD("0.04"))
            account.close(entry(str(number), USD("0.04")))
            return True

        done = await asyncio.gather(*(one(number) for number in range(100)))
        assert sum(done) == 25
        assert day(books, state)["day"] == (1, 0, "stop")
        assert [call.sequence for call in state.llm_ledger.calls()] == list(range(1, 26))


WORKER = """
import sys
from datetime import UTC, datetime
from decimal import Decimal
from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import BudgetExceeded
from sophia_kit.core.llm_policy_settings import BudgetSettings
from sophia_kit.llm.budget import Budgets
from sophia_kit.state import State

state = State.open(sys.argv[1])
budgets = Budgets(BudgetSettings(day_usd=1), "UTC", FrozenClock(datetime(2026, 11, 22, 12, tzinfo=UTC)))
print("ready", flush=True)
sys.stdin.readline()
held = 0
for number in range(20):
    try:
        with state.transaction():
            one = budgets.reserve(state, call_id=str(number), tenant="", user="", amount=Decimal("0.03"))
    except BudgetExceeded:
        continue
    held += 1
    if number % 2:
        with state.transaction():
            state.llm_ledger.settle(one.reservation_id, one.amount)
print(held, flush=True)
sys.stdin.readline()
"""


def worker(location: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WORKER, location], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def test_many_processes_hold_no_more_than_there_is_and_a_killed_one_is_charged(location: str, state: State) -> None:
    workers = [worker(location) for _ in range(4)]
    try:
        for one in workers:
            assert one.stdout is not None
            assert one.stdout.readline() == "ready\n"
        for one in workers:
            assert one.stdin is not None
            one.stdin.write("go\n")
            one.stdin.flush()
        held = [int(one.stdout.readline()) for one in workers if one.stdout is not None]
    finally:
        for one in workers:
            # Each has reservations that it didn't settle.
            os.kill(one.pid, signal.SIGKILL)
            one.communicate()
    assert sum(held) == 33
    clock = Moving()
    budgets = Budgets(BudgetSettings(day_usd=USD(1)), "UTC", clock)
    before = budgets.states(state)[0]
    assert before.spent_usd + before.held_usd == USD("0.99")
    assert before.held_usd > 0
    clock.at += timedelta(hours=1)
    with state.transaction():
        assert budgets.expire(state, clock.now()) == int(before.held_usd / USD("0.03"))
        assert budgets.expire(state, clock.now()) == 0
    after = budgets.states(state)[0]
    assert after == BudgetState(date(2026, 11, 22), "day", "", USD(1), USD("0.99"), USD(0), "warning")


async def test_what_cannot_be_written_is_not_sent(tmp_path: Path) -> None:
    broken = State.open(str(tmp_path / "state.sqlite"))
    async with ledger(broken, tmp_path, day_usd=1) as books:
        await books.account("1").reserve(USD("0.1"))
        broken._engine.execute("DROP TABLE llm_reservations")
        with pytest.raises(StorageError):
            await books.account("2").reserve(USD("0.1"))
        # The ledger goes on.
        books.account("3").close(entry("3")).result()
    broken.close()


async def test_nobody_waits_for_the_ledger_and_closing_it_writes_what_waits(tmp_path: Path) -> None:
    state = State.open(str(tmp_path / "state.sqlite"))
    async with ledger(state, tmp_path) as books:
        began = time.perf_counter()
        with state.transaction():
            # Somebody else is writing.
            for number in range(50):
                books.account(str(number)).close(entry(str(number)))
            assert time.perf_counter() - began < 5
            assert state.llm_ledger.count() == 0
    assert state.llm_ledger.count() == 50
    state.close()


def test_an_answers_row_says_who_what_and_why() -> None:
    settings = Settings.model_validate(
        {
            "root": Path("/"),
            "llm": {
                "deployments": {"one": {"provider": "openai", "model": "gpt-4o"}},
                "models": {"gpt-4o": {"input_usd": 2, "output_usd": 8}},
            },
        }
    ).llm
    model = Catalogue(settings).model(settings.deployments["one"], NOON)
    usage = Usage(input_tokens=1000, output_tokens=100, cached_input_tokens=10)
    answer = Answer("canary answer", "stop", usage, "one", "openai", "gpt-4o", seconds=1.5, first_token_s=0.25)
    cost, source = cost_of(usage, model)
    told = entry("1", cost, cost_source=source, answer=answer, model=model, streamed=True, preset="balanced")
    assert (told.cost_usd, told.cost_source, told.price_source) == (USD("0.0028"), "price list", "your settings")
    assert (told.tenant, told.user_name, told.model_asked, told.model_used) == ("acme", "ann", None, "gpt-4o")
    assert (told.input_tokens, told.output_tokens, told.first_token_s) == (1000, 100, 0.25)
    assert "canary" not in repr(told)
    assert cost_of(Usage(cost_usd=USD("0.5")), model) == (USD("0.5"), "provider")


def test_the_ledger_is_read_by_place_and_by_time(state: State) -> None:
    with state.transaction():
        for number in range(5):
            state.llm_ledger.append(entry(str(number), deployment=f"d{number % 2}"))
    assert [call.call_id for call in state.llm_ledger.calls(after=3)] == ["3", "4"]
    assert [call.call_id for call in state.llm_ledger.calls(newest=2)] == ["3", "4"]
    assert [call.call_id for call in state.llm_ledger.calls(limit=1)] == ["0"]
    assert state.llm_ledger.calls(since=NOON + timedelta(seconds=3)) == []
    assert len(list(recent_calls(state, NOON + timedelta(minutes=1)))) == 5


def test_money_is_exact() -> None:
    assert pico(USD("0.000000000001")) == 1
    assert pico(USD("0.0000000000001")) == 1
    assert from_pico(pico(USD("123456.789012345678"))) == USD("123456.789012345678")
