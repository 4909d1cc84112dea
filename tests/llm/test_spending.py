"""What calls through the gateway cost, over real HTTP: held before they are sent, settled after, also after a kill."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from tests.llm.gateways import asked, at, gateway, hello
from tests.llm.upstream import Pause, Upstream, error, final, json_answer, piece, stream

from sophia_kit.core.clock import FrozenClock
from sophia_kit.core.errors import BrokenStream, BudgetExceeded, LimitReached, NoModelFits, ProviderError
from sophia_kit.core.llm_policy_settings import BudgetSettings
from sophia_kit.llm.budget import Budgets
from sophia_kit.state import LlmCall, State

# Dollars per token as whole numbers: a thousandth for the prompt, two for the answer.
PRICED = {"gpt-4o-mini": {"input_usd": 1000, "output_usd": 2000}}
USD = Decimal


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    with State.open(str(tmp_path / "data" / "live" / "state.sqlite")) as opened:
        yield opened


def whole(prompt: int = 7, completion: int = 5) -> bytes:
    """An answer with its usage."""
    message = {"role": "assistant", "content": "Good morning."}
    usage = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    return json_answer({"id": "c", "object": "chat.completion", "model": "m-1", "choices": choices, "usage": usage})


def spent(state: State, now: datetime | None = None) -> tuple[Decimal, Decimal]:
    budgets = Budgets(BudgetSettings(), "UTC", FrozenClock(now or datetime.now(UTC)))
    one = budgets.states(state)[0]
    return one.spent_usd, one.held_usd


def ledger(state: State) -> list[LlmCall]:
    return state.llm_ledger.calls()


async def test_a_call_costs_its_tokens_by_the_list_and_says_why_it_went_there(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    upstream.play(whole())
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, models=PRICED, budget={"day_usd": 5}) as door:
        answer = await door.chat(hello(max_tokens=10, tenant="acme", user="ann", purpose="test"))
    assert answer.cost_usd == USD("0.017")
    (call,) = ledger(state)
    assert (call.cost_usd, call.cost_source, call.price_source) == (USD("0.017"), "price list", "your settings")
    assert (call.tenant, call.user_name, call.purpose, call.model_used) == ("acme", "ann", "test", "gpt-4o-mini")
    assert (call.input_tokens, call.output_tokens, call.outcome, call.attempts) == (7, 5, "ok", 1)
    assert call.reason.startswith("balanced: score 0.")
    assert spent(state) == (USD("0.017"), USD(0))


async def test_what_is_not_left_is_not_sent(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(whole())
    budget = {"day_usd": "0.05"}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, models=PRICED, budget=budget) as door:
        with pytest.raises((BudgetExceeded, NoModelFits), match="left"):
            await door.chat(hello(max_tokens=100))
        assert upstream.requests == []
        await door.chat(hello(max_tokens=10))
    assert len(upstream.requests) == 1


async def test_explain_counts_what_the_budgets_leave(tmp_path: Path, upstream: Upstream, state: State) -> None:
    budget = {"day_usd": "0.05"}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, models=PRICED, budget=budget) as door:
        assert [one.code for one in door.explain(hello(max_tokens=100)).refused[0].refusals] == ["budget"]
        assert len(door.explain(hello(max_tokens=10)).candidates) == 1


async def test_without_a_price_nothing_is_sent_where_a_budget_holds(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, budget={"day_usd": 5}) as door:
        with pytest.raises(NoModelFits, match="its price isn't known, and a budget holds"):
            await door.chat(hello(max_tokens=10))
    assert upstream.requests == []


async def test_many_at_once_pass_no_limit(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(whole(10, 10))
    # Each holds at most 0.028 (8 tokens of prompt, 10 of answer) and comes to 0.03.
    budget = {"day_usd": "0.3"}
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, models=PRICED, budget=budget) as door:
        done = await asyncio.gather(
            *(door.chat(hello(f"Good morning {number}", max_tokens=10)) for number in range(30)),
            return_exceptions=True,
        )
    served = [one for one in done if not isinstance(one, BaseException)]
    assert 1 < len(served) <= 10
    assert all(isinstance(one, BudgetExceeded | NoModelFits) for one in done if isinstance(one, BaseException))
    assert len(upstream.requests) == len(served)
    assert spent(state) == (USD("0.03") * len(served), USD(0))


async def test_a_refused_request_costs_nothing_and_a_broken_stream_what_it_said(
    tmp_path: Path, upstream: Upstream, state: State
) -> None:
    upstream.play(error("503 Service Unavailable", "busy"))
    deployments = {"a": at(upstream.base_url)}
    async with gateway(tmp_path, deployments, state, models=PRICED, budget={"day_usd": 5}, attempts=1) as door:
        with pytest.raises(ProviderError):
            await door.chat(hello(max_tokens=10))
        upstream.forget()
        upstream.play(stream(piece("Good "), piece("morning")))
        with pytest.raises(BrokenStream):
            await asked(door, hello(max_tokens=10))
    refused, broken = ledger(state)
    assert (refused.cost_usd, refused.cost_source) == (USD(0), "nothing")
    assert broken.cost_usd is not None
    assert broken.cost_usd > 0
    assert broken.outcome == "broken-stream"
    assert spent(state) == (broken.cost_usd, USD(0))


async def test_a_stream_is_booked_once_it_is_whole(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(stream(piece("Good morning."), piece(finish="stop"), final(7, 5)))
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, models=PRICED) as door:
        await asked(door, hello())
    (call,) = ledger(state)
    assert (call.streamed, call.cost_usd) == (True, USD("0.017"))
    assert call.first_token_s is not None


async def test_too_fast_is_refused_before_it_is_sent(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(whole())
    async with gateway(tmp_path, {"a": at(upstream.base_url)}, state, limits={"tenant_requests": 1}) as door:
        await door.chat(hello(tenant="acme"))
        with pytest.raises(LimitReached, match="tenant acme"):
            await door.chat(hello(tenant="acme"))
        await door.chat(hello(tenant="globex"))
    assert len(upstream.requests) == 2


CALLER = """
import asyncio, sys
from pathlib import Path
from tests.llm.gateways import at, gateway, hello
from sophia_kit.state import State

async def main():
    root = Path(sys.argv[1])
    models = {"gpt-4o-mini": {"input_usd": 1000, "output_usd": 2000}}
    with State.open(str(root / "data" / "live" / "state.sqlite")) as state:
        async with gateway(root, {"a": at(sys.argv[2])}, state, models=models, budget={"day_usd": 5}) as door:
            await door.chat(hello(max_tokens=10))

asyncio.run(main())
"""


def test_a_process_killed_in_mid_call_is_charged_what_it_held(tmp_path: Path, upstream: Upstream, state: State) -> None:
    upstream.play(Pause(60))
    repository = Path(__file__).parents[2]
    caller = subprocess.Popen([sys.executable, "-c", CALLER, str(tmp_path), upstream.base_url], cwd=repository)
    try:
        ends = time.monotonic() + 60
        while not upstream.requests and caller.poll() is None and time.monotonic() < ends:
            time.sleep(0.05)
        assert upstream.requests
        held = spent(state)
    finally:
        os.kill(caller.pid, signal.SIGKILL)
        caller.wait()
    # The request is under way: what it can cost is on the disk, and counts.
    assert held[0] == 0
    assert held[1] > USD("0.02")
    assert (spent(state), ledger(state)) == (held, [])
    today = datetime.now(UTC)
    budgets = Budgets(BudgetSettings(day_usd=USD(5)), "UTC", FrozenClock(today))
    with state.transaction():
        assert budgets.expire(state, today + timedelta(seconds=901)) == 1
    (told,) = ledger(state)
    assert (told.outcome, told.cost_usd, told.cost_source) == ("abandoned", held[1], "reservation")
    assert spent(state, today) == (held[1], USD(0))
