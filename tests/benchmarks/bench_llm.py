"""The gateway beside LiteLLM's Router, which runs in an environment of its own, against the same upstream.

Targets: overhead over the bare SDK at most a fifth of LiteLLM's, one at a time and 32 at once; `import sophia_kit.llm`
loads no SDK; memory flat over 20,000 requests; every fault is told; 1,000 streams at once end whole; with one of three
deployments dead, p95 within 1.2 times of the healthy one.

Each table is printed as soon as it is measured. Where LiteLLM breaks off, its cells say why; where ours does, the
benchmark fails. An argument `small` makes everything small, for a try; names of parts (overhead, import, faults,
streams, memory, dead) run these alone.
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
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
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
TURNS: Final = 8
PATIENCE_S: Final = 900
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


@dataclass(frozen=True, slots=True)
class Rival:
    """What LiteLLM's Router made of a work, and why it broke off, if it did."""

    lines: list[dict[str, Any]]
    failure: str | None = None

    def cells(self, count: int, made: Callable[[list[dict[str, Any]]], list[str]]) -> list[str]:
        """The `count` cells that `made` makes of the lines; where it broke off, why in the place of each."""
        return made(self.lines) if self.failure is None else [f"broke off: {self.failure}"] * count


def theirs(python: Path, work: str, base: str, count: int, *more: str) -> Rival:
    """What LiteLLM's Router makes of the same work."""
    command = [str(python), str(HERE / "llm_litellm.py"), work, base, str(count), *more]
    environment = os.environ | {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "CRITICAL"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=PATIENCE_S)
    except subprocess.TimeoutExpired:
        return Rival([], f"not done after {PATIENCE_S} s")
    lines = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode == 0:
        return Rival(lines)
    return Rival(lines, next(reversed(done.stderr.split("\n")[:-1]), f"it ended with {done.returncode}"))


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
    rounds: dict[str, list[float]] = {}
    async with (
        openai.AsyncOpenAI(api_key="canary", base_url=base, max_retries=0) as bare,
        gateway(root, state, [("ok", base)]) as door,
    ):

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


async def dead(root: Path, base: str, gone: str) -> list[list[float]]:
    """The 95th percentile of seconds of each turn, with three deployments well and with one of them dead."""
    taken: list[list[float]] = [[], []]
    ways = [(base, base, base), (base, base, gone)]
    async with AsyncExitStack() as open_doors:
        doors = [
            await open_doors.enter_async_context(gateway(root, None, [("ok", one) for one in bases])) for bases in ways
        ]
        for turn in range(TURNS + 1):
            for place in (0, 1) if turn % 2 else (1, 0):
                seconds = await timed(partial(doors[place].chat, HELLO), COUNT if turn else 16, 8)
                # The first turn opens connections, and the breaker.
                taken[place] += [sorted(seconds)[int(len(seconds) * 0.95)]] if turn else []
    return taken


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


@dataclass(frozen=True, slots=True)
class Bench:
    """What each part works with: LiteLLM's interpreter, the model server, and an address where nobody listens."""

    python: Path
    root: Path
    state: State
    base: str
    gone: str

    def overhead(self) -> Table:
        ours = asyncio.run(overhead(self.root, self.state, self.base))
        rival = theirs(self.python, "overhead", self.base, COUNT)
        shown = table(
            "Overhead over the bare SDK, us a request (target: a fifth)", "at once", "ours", "LiteLLM", "share"
        )
        for at_once in ("1", "32"):
            own = _over(ours, at_once)

            def made(lines: list[dict[str, Any]], at_once: str = at_once, own: float = own) -> list[str]:
                other = _over(lines[0], at_once)
                return [f"{other:.0f}", f"{own / other:.2f}"]

            shown.add_row(at_once, f"{own:.0f}", *rival.cells(2, made))
        return shown

    def imports(self) -> Table:
        ours, other = imported(sys.executable, "sophia_kit.llm"), imported(self.python, "litellm")
        shown = table("Import, ms, the interpreter's start included", "", "ours", "LiteLLM", "share")
        shown.add_row("import", f"{ours:.0f}", f"{other:.0f}", f"{ours / other:.2f}")
        return shown

    def faults(self) -> Table:
        told = asyncio.run(faults(self.root, self.base))
        rival = theirs(self.python, "faults", self.base, 0, self.gone, json.dumps(FAULTS))
        their = {line["fault"]: line for line in rival.lines}
        shown = table(
            "Faults of a stream of 60 words (right: told, or passed over)", "fault", "ours", "", "LiteLLM", ""
        )
        for fault in FAULTS:
            row = []
            for each in (told[fault], their.get(fault)):
                if each is None:
                    row += [f"broke off: {rival.failure}", ""]
                else:
                    row += [f"{each['outcome']}, {each['words']} words", "right" if right(fault, each) else "WRONG"]
            shown.add_row(fault, *row)
        return shown

    def streams(self) -> Table:
        whole, seconds = asyncio.run(many(self.root, self.state, self.base))
        shown = table("Streams at once", "of", "ended whole", "after")
        shown.add_row(str(STREAMS), str(whole), f"{seconds:.1f} s")
        return shown

    def memory(self) -> Table:
        after = asyncio.run(memory(self.root, self.state, self.base))
        shown = table("Memory, MB (target: flat)", "requests", "resident", "of the first")
        for count, resident in zip((REQUESTS // 10, REQUESTS // 2, REQUESTS), after, strict=True):
            shown.add_row(f"{count:,}", f"{resident:.0f}", f"{resident / after[0]:.2f}")
        return shown

    def dead(self) -> Table:
        ours = asyncio.run(dead(self.root, self.base, self.gone))
        rival = theirs(self.python, "dead", self.base, COUNT, self.gone, str(TURNS))
        shown = table(
            f"p95, ms, 8 at once, the median of {TURNS} turns (target: 1.2 times)",
            "",
            "ours",
            "LiteLLM",
            "calls that failed at LiteLLM",
        )
        for place, of in enumerate(("three deployments well", "one of three dead")):

            def made(lines: list[dict[str, Any]], place: int = place) -> list[str]:
                told = lines[place]
                return [
                    f"{median(told['p95']) * 1000:.1f}",
                    f"{told['failed']} of {told['calls']} {told['why']}".strip(),
                ]

            shown.add_row(of, f"{median(ours[place]) * 1000:.1f}", *rival.cells(2, made))

        def times(lines: list[dict[str, Any]]) -> list[str]:
            return [f"{_times(lines[0]['p95'], lines[1]['p95']):.2f}"]

        shown.add_row("times", f"{_times(*ours):.2f}", *rival.cells(1, times))
        return shown


def _times(well: list[float], dead: list[float]) -> float:
    """The median of the turns' ratios: the two of a turn were measured in one stretch of a machine that has moods."""
    return median(after / before for before, after in zip(well, dead, strict=True))


def _over(seconds: dict[str, float], at_once: str) -> float:
    """Microseconds that a request takes longer than with the bare SDK."""
    return (seconds[f"ours-{at_once}"] - seconds[f"sdk-{at_once}"]) * 1e6


PARTS: Final[dict[str, Callable[[Bench], Table]]] = {
    "overhead": Bench.overhead,
    "import": Bench.imports,
    "faults": Bench.faults,
    "streams": Bench.streams,
    "memory": Bench.memory,
    "dead": Bench.dead,
}


def main(arguments: list[str]) -> None:
    asked = [name for name in arguments if name != "small"] or list(PARTS)
    if unknown := set(asked) - PARTS.keys():
        raise SystemExit(f"no part is called {', '.join(sorted(unknown))}; there are {', '.join(PARTS)}")
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
    served = subprocess.Popen([sys.executable, str(HERE / "llm_upstream.py"), "0"], stdout=subprocess.PIPE, text=True)
    try:
        assert served.stdout is not None
        base = f"http://127.0.0.1:{served.stdout.readline().strip()}/v1"
        with tempfile.TemporaryDirectory() as folder, State.open(f"{folder}/state.sqlite") as state:
            bench = Bench(litellm_python(), Path(folder), state, base, gone)
            for name in asked:
                Console().print(PARTS[name](bench))
    finally:
        served.terminate()
        served.wait()


if __name__ == "__main__":
    main(sys.argv[1:])
