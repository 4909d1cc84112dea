"""LiteLLM's Router doing what `bench_llm.py` has ours do; run in an environment that has LiteLLM. Prints JSON lines."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

WORK, BASE, COUNT = sys.argv[1], sys.argv[2], int(sys.argv[3])
DEAD = sys.argv[4] if len(sys.argv) > 4 else BASE
SAY: Any = [{"role": "user", "content": "Good morning"}]
MORE: Any = json.loads(sys.argv[5]) if len(sys.argv) > 5 else None


async def timed(ask: Callable[[], Awaitable[Any]], count: int, at_once: int) -> list[float]:
    taken: list[float] = []

    async def one() -> None:
        for _ in range(count // at_once):
            began = time.perf_counter()
            await ask()
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(at_once)))
    return taken


def router(models: list[str], **more: Any) -> Any:
    import litellm  # type: ignore[import-not-found, unused-ignore]

    litellm.suppress_debug_info = True
    # The second of two is also what the first falls back to, as its documentation advises for streams.
    names = ["m", "spare"] if len(models) == 2 else ["m"] * len(models)
    entries = [
        {"model_name": called, "litellm_params": {"model": f"openai/{name}", "api_base": base, "api_key": "canary"}}
        for called, (name, base) in zip(names, (model.split("|") for model in models), strict=True)
    ]
    if len(models) == 2:
        more["fallbacks"] = [{"m": ["spare"]}]
    return litellm.Router(model_list=entries, **more)


async def overhead() -> None:
    import openai

    bare = openai.AsyncOpenAI(api_key="canary", base_url=BASE, max_retries=0)
    door = router([f"ok|{BASE}"], num_retries=2)

    async def sdk() -> Any:
        return await bare.chat.completions.create(model="ok", messages=SAY)

    async def routed() -> Any:
        return await door.acompletion(model="m", messages=SAY)

    for ask in (sdk, routed):
        await timed(ask, 20, 1)
    rounds: dict[str, list[float]] = {}
    for at_once in (1, 32):
        for _ in range(4):
            for name, ask in (("sdk", sdk), ("ours", routed)):
                began = time.perf_counter()
                await timed(ask, COUNT, at_once)
                rounds.setdefault(f"{name}-{at_once}", []).append((time.perf_counter() - began) / COUNT)
    print(json.dumps({name: min(taken) for name, taken in rounds.items()}))


async def faults() -> None:
    for fault in MORE:
        name = fault.replace("flaky", "flaky:theirs")
        door = router([f"{name}|{BASE}", f"{name}|{BASE}"], num_retries=2, stream_timeout=1.5, timeout=4)
        text = ""
        finish = None
        try:
            async with asyncio.timeout(12):
                async for chunk in await door.acompletion(model="m", messages=SAY, stream=True):
                    choice = chunk.choices[0] if chunk.choices else None
                    if choice is not None:
                        text += choice.delta.content or ""
                        finish = choice.finish_reason or finish
            outcome = "said to be whole"
        except Exception as error:  # noqa: BLE001 - whatever it raises is the finding
            outcome = f"{type(error).__name__}"
        print(
            json.dumps({"fault": fault, "words": text.count("word"), "finish": finish, "outcome": outcome}), flush=True
        )


async def dead() -> None:
    """Three deployments well and one of them dead, in turns; each call has three attempts, as ours has."""
    ways = [
        router([f"ok|{base}" for base in bases], num_retries=2, allowed_fails=3, cooldown_time=30)
        for bases in ((BASE, BASE, BASE), (BASE, BASE, DEAD))
    ]
    taken: list[list[float]] = [[], []]
    failed: list[list[str]] = [[], []]
    for turn in range(MORE + 1):
        for place in (0, 1) if turn % 2 else (1, 0):

            async def ask(door: Any = ways[place], told: list[str] = failed[place]) -> None:
                try:
                    await door.acompletion(model="m", messages=SAY)
                except Exception as error:  # noqa: BLE001 - that it fails is the finding, and its time counts
                    told.append(type(error).__name__)

            # The first turn opens connections, and finds out who is dead.
            seconds = await timed(ask, COUNT if turn else 16, 8)
            taken[place] += [sorted(seconds)[int(len(seconds) * 0.95)]] if turn else []
    for found, told in zip(taken, failed, strict=True):
        why = ", ".join(sorted(set(told)))
        print(json.dumps({"p95": found, "failed": len(told), "calls": MORE * COUNT + 16, "why": why}))


asyncio.run({"overhead": overhead, "faults": faults, "dead": dead}[WORK]())
