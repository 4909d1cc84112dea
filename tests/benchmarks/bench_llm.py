"""The gateway beside LiteLLM's Router, which runs in an environment of its own, against the same upstream.

Targets: overhead over the bare SDK at most a fifth of LiteLLM's, one at a time and 32 at once; `import sophia_kit.llm`
loads no SDK; memory flat over 20,000 requests; every fault is told; 1,000 streams at once end whole; with one of three
deployments dead, p95 within 1.2 times of the healthy one. An argument `small` makes everything small, for a try.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

import openai
import psutil
from rich.console import Console
from rich.table import Table

from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import SophiaError
from sophia_kit.core.llm_settings import LlmSettings
from sophia_kit.core.settings import Settings
from sophia_kit.llm import ChatRequest, Gateway, Message
from sophia_kit.state import State

HERE: Final = Path(__file__).resolve().parent
LITELLM: Final = "litellm==1.106.2"
SMALL: Final = "small" in sys.argv[1:]
COUNT: Final = 64 if SMALL else 480
STREAMS: Final = 50 if SMALL else 1000
REQUESTS: Final = 600 if SMALL else 20_000
FAULTS: Final = (
    "flaky-503",
    "flaky-429",
    "flaky-slow",
    *(f"flaky-{kind}-0" for kind in ("drop", "cut", "bad", "stall")),
    *(f"{kind}-{after}" for kind in ("drop", "cut") for after in (1, 3, 50)),
    "bad-3",
    "stall-3",
)
HELLO: Final = ChatRequest((Message("user", "Good morning"),))


def litellm_python() -> Path:
    """The interpreter of an environment with LiteLLM, made once and kept in the user's cache."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "sophia-kit" / LITELLM.replace("==", "-")
    python = cache / "bin" / "python"
    uv = str(Path(sys.executable).with_name("uv"))
    if not (cache / "whole").exists():
        subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(cache)], check=True)
        subprocess.run([uv, "pip", "install", "--quiet", "--python", str(python), LITELLM], check=True)
        (cache / "whole").touch()
    return python


def theirs(python: Path, work: str, base: str, count: int, *more: str) -> list[dict[str, Any]]:
    """What LiteLLM's Router makes of the same work."""
    command = [str(python), str(HERE / "llm_litellm.py"), work, base, str(count), *more]
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}
    done = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def gateway(root: Path, state: State | None, models: list[tuple[str, str]], **llm: Any) -> Gateway:
    deployments = {
        f"d{number}": {"provider": "compatible", "model": model, "serves": "m", "base_url": base}
        for number, (model, base) in enumerate(models)
    }
    settings = LlmSettings.model_validate({"deployments": deployments, "cache": "off", **llm})
    return Gateway(Settings(root=root, llm=settings), state, SystemClock(), random_=random.Random(1))


async def timed(ask: Callable[[], Awaitable[Any]], count: int, at_once: int) -> list[float]:
    taken: list[float] = []

    async def one() -> None:
        for _ in range(count // at_once):
            began = time.perf_counter()
            await ask()
            taken.append(time.perf_counter() - began)

    await asyncio.gather(*(one() for _ in range(at_once)))
    return taken


async def overhead(root: Path, state: State, base: str) -> dict[str, float]:
    """Seconds a request: the best of four turns each, so that a busy moment of the machine counts for nobody."""
    bare = openai.AsyncOpenAI(api_key="canary", base_url=base, max_retries=0)
    rounds: dict[str, list[float]] = {}
    async with gateway(root, state, [("ok", base)]) as door:

        async def sdk() -> Any:
            return await bare.chat.completions.create(
                model="ok", messages=[{"role": "user", "content": "Good morning"}]
            )

        async def ours() -> Any:
            return await door.chat(HELLO)

        for ask in (sdk, ours):
            await timed(ask, 20, 1)
        for at_once in (1, 32):
            for _ in range(4):
                for name, ask in (("sdk", sdk), ("ours", ours)):
                    began = time.perf_counter()
                    await timed(ask, COUNT, at_once)
                    rounds.setdefault(f"{name}-{at_once}", []).append((time.perf_counter() - began) / COUNT)
    return {name: min(taken) for name, taken in rounds.items()}


async def faults(root: Path, base: str) -> dict[str, dict[str, Any]]:
    found = {}
    patience = {"first_token_s": 1.5, "stall_s": 1.5, "deadline_s": 12, "attempts": 3}
    for fault in FAULTS:
        words = 0
        outcome, finish = "", None
        name = fault.replace("flaky", "flaky:ours")
        async with gateway(root, None, [(name, base), (name, base)], **patience) as door:
            try:
                async for chunk in door.stream(HELLO):
                    words += chunk.text.count("word")
                    finish = chunk.answer.finish_reason if chunk.answer else finish
                outcome = "said to be whole"
            except SophiaError as error:
                outcome = type(error).__name__
        found[fault] = {"words": words, "finish": finish, "outcome": outcome}
    return found


async def many(root: Path, state: State, base: str) -> tuple[int, float]:
    """How many of so many streams at once ended whole, and after how many seconds."""
    async with gateway(root, state, [("ok", base)], first_token_s=110, stall_s=110) as door:

        async def one() -> bool:
            text, whole = "", False
            async for chunk in door.stream(HELLO):
                text += chunk.text
                whole = chunk.answer is not None and chunk.answer.text == text and text.count("word") == 60
            return whole

        began = time.perf_counter()
        return sum(await asyncio.gather(*(one() for _ in range(STREAMS)))), time.perf_counter() - began


async def memory(root: Path, state: State, base: str) -> list[float]:
    """Resident megabytes after a tenth, a half, and all of the requests."""
    process = psutil.Process()
    found = []
    async with gateway(root, state, [("ok", base)]) as door:
        for part in (REQUESTS // 10, REQUESTS * 4 // 10, REQUESTS // 2):
            await timed(partial(door.chat, HELLO), part, 8)
            found.append(process.memory_info().rss / 1e6)
    return found


async def dead(root: Path, base: str, gone: str) -> list[float]:
    """The 95th percentile of seconds, with three deployments well and with one of them dead."""
    found = []
    for bases in ((base, base, base), (base, base, gone)):
        async with gateway(root, None, [("ok", one) for one in bases]) as door:
            await timed(partial(door.chat, HELLO), 16, 8)
            taken = sorted(await timed(partial(door.chat, HELLO), COUNT, 8))
            found.append(taken[int(len(taken) * 0.95)])
    return found


def imported(python: str | Path, module: str) -> float:
    """Milliseconds of a process that imports it, the best of five."""
    best = float("inf")
    for _ in range(2 if SMALL else 5):
        began = time.perf_counter()
        subprocess.run([str(python), "-c", f"import {module}"], check=True, stderr=subprocess.DEVNULL)
        best = min(best, (time.perf_counter() - began) * 1000)
    return best


def right(fault: str, told: dict[str, Any]) -> bool:
    """Whole with all sixty words where it could still be, an error where words were already said."""
    whole = told["outcome"] == "said to be whole"
    if fault.startswith("flaky"):
        return whole and told["words"] == 60 and told["finish"] is not None
    return not whole


def table(title: str, *headings: str) -> Table:
    made = Table(title=title)
    for number, heading in enumerate(headings):
        made.add_column(heading, justify="left" if number == 0 else "right")
    return made


def main() -> None:
    console = Console()
    python = litellm_python()
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    served = subprocess.Popen([sys.executable, str(HERE / "llm_upstream.py"), "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        base = f"http://127.0.0.1:{served.stdout.readline().strip()}/v1"
        with tempfile.TemporaryDirectory() as folder, State.open(f"{folder}/state.sqlite") as state:
            report(console, python, Path(folder), state, base, gone)
    finally:
        served.terminate()
        served.wait()


def report(console: Console, python: Path, root: Path, state: State, base: str, gone: str) -> None:
    our_time, their_time = asyncio.run(overhead(root, state, base)), theirs(python, "overhead", base, COUNT)[0]
    shown = table("Overhead over the bare SDK, us a request (target: a fifth)", "at once", "ours", "LiteLLM", "share")
    for at_once in ("1", "32"):
        ours = (our_time[f"ours-{at_once}"] - our_time[f"sdk-{at_once}"]) * 1e6
        other = (their_time[f"ours-{at_once}"] - their_time[f"sdk-{at_once}"]) * 1e6
        shown.add_row(at_once, f"{ours:.0f}", f"{other:.0f}", f"{ours / other:.2f}")
    console.print(shown)

    ours, other = imported(sys.executable, "sophia_kit.llm"), imported(python, "litellm")
    shown = table("Import, ms, the interpreter's start included", "", "ours", "LiteLLM", "share")
    shown.add_row("import", f"{ours:.0f}", f"{other:.0f}", f"{ours / other:.2f}")
    console.print(shown)

    told = asyncio.run(faults(root, base))
    their = {line["fault"]: line for line in theirs(python, "faults", base, 0, gone, json.dumps(FAULTS))}
    shown = table("Faults of a stream of 60 words (right: told, or passed over)", "fault", "ours", "", "LiteLLM", "")
    for fault in FAULTS:
        row = []
        for each in (told[fault], their[fault]):
            row += [f"{each['outcome']}, {each['words']} words", "right" if right(fault, each) else "WRONG"]
        shown.add_row(fault, *row)
    console.print(shown)

    whole, seconds = asyncio.run(many(root, state, base))
    after = asyncio.run(memory(root, state, base))
    ours95 = asyncio.run(dead(root, base, gone))
    their95 = [line["p95"] for line in theirs(python, "dead", base, COUNT, gone)]
    shown = table("Under load", "what", "ours", "target", "LiteLLM")
    shown.add_row(f"of {STREAMS} streams at once, whole", f"{whole} in {seconds:.1f} s", str(STREAMS), "")
    shown.add_row(
        f"MB after {REQUESTS // 10:,}, {REQUESTS // 2:,}, {REQUESTS:,}",
        ", ".join(f"{x:.0f}" for x in after),
        "flat",
        "",
    )
    ratio, their_ratio = ours95[1] / ours95[0], their95[1] / their95[0]
    shown.add_row("p95 with one of three dead, of healthy", f"{ratio:.2f}", "1.2", f"{their_ratio:.2f}")
    console.print(shown)


if __name__ == "__main__":
    main()
