"""Many HTTP/1.1 requests over kept connections, and what became of them: for benchmarks and tests of the server.

In a process of its own it reads a `Plan` as JSON from standard input and prints the `Outcome` as JSON:
`python tests/http_load.py < plan.json`. It costs a tenth of what httpx does, so that it isn't what is measured.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from itertools import cycle, islice

__all__ = ["Answered", "Outcome", "Plan", "drive", "request"]

_TIMEOUT_S = 60.0
_ERRORS_KEPT = 5


@dataclass(frozen=True, slots=True)
class Plan:
    """What to ask.

    Attributes:
        requests: whole requests as text, asked in turn until `count` are answered.
        expected: the statuses that are no error.
    """

    host: str
    port: int
    requests: Sequence[str]
    count: int
    concurrency: int
    expected: Sequence[int] = (200,)


@dataclass(slots=True)
class Outcome:
    """What became of a plan's requests.

    Attributes:
        statuses: how many answers of each status.
        errors: how many answers of another status than expected, broken connections and timeouts.
        told: the first few of them.
        p50_ms, p95_ms, p99_ms: how long answers took, whole, in milliseconds.
        seconds: from the first request to the last answer.
    """

    statuses: dict[str, int] = field(default_factory=dict)
    errors: int = 0
    told: list[str] = field(default_factory=list)
    p50_ms: float = 0.0
    p95_ms: float = 0.0
    p99_ms: float = 0.0
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer.

    Attributes:
        number: which of the plan's requests it answers.
    """

    number: int
    status: int
    body: bytes


def request(method: str, path: str, headers: dict[str, str] | None = None, body: str = "") -> str:
    """A whole request as text. `headers` has to name the host."""
    length = {"Content-Length": str(len(body.encode()))} if body else {}
    lines = [f"{method} {path} HTTP/1.1", *(f"{name}: {value}" for name, value in ((headers or {}) | length).items())]
    return "\r\n".join([*lines, "", body])


async def drive(plan: Plan, seen: Callable[[Answered], None] | None = None) -> Outcome:
    """Ask all of it; `seen` is given each answer."""
    texts = [text.encode() for text in plan.requests]
    turns = islice(cycle(range(len(texts))), plan.count)
    outcome, statuses, took = Outcome(), Counter[str](), list[float]()

    def failed(what: str) -> None:
        outcome.errors += 1
        if len(outcome.told) < _ERRORS_KEPT:
            outcome.told.append(what)

    async def connection() -> None:
        reader: asyncio.StreamReader | None = None
        writer: asyncio.StreamWriter | None = None
        for number in turns:
            try:
                if reader is None or writer is None:
                    reader, writer = await asyncio.open_connection(plan.host, plan.port)
                began = time.perf_counter()
                writer.write(texts[number])
                status, body, kept = await asyncio.wait_for(_answer(reader), _TIMEOUT_S)
                took.append(time.perf_counter() - began)
            except (OSError, EOFError, TimeoutError, ValueError) as error:
                failed(f"{type(error).__name__}: {error}")
                reader = None
                continue
            statuses[str(status)] += 1
            if status not in plan.expected:
                failed(f"{status}: {body[:300].decode(errors='replace')}")
            if seen is not None:
                seen(Answered(number, status, body))
            if not kept:
                writer.close()
                reader = None
        if writer is not None:
            writer.close()

    began = time.perf_counter()
    await asyncio.gather(*(connection() for _ in range(min(plan.concurrency, plan.count))))
    outcome.seconds = time.perf_counter() - began
    outcome.statuses = dict(statuses)
    took.sort()
    outcome.p50_ms, outcome.p95_ms, outcome.p99_ms = (_percentile(took, share) for share in (0.5, 0.95, 0.99))
    return outcome


async def _answer(reader: asyncio.StreamReader) -> tuple[int, bytes, bool]:
    """The status, the body, and whether the connection stays open."""
    head = await reader.readuntil(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    status = int(lines[0].split(" ")[1])
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:] if line)}
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(await reader.readline(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return status, body, headers.get("connection", "").lower() != "close"


def _percentile(took: Sequence[float], share: float) -> float:
    """In milliseconds; NaN where nothing was answered."""
    return 1000 * took[min(len(took) - 1, int(share * len(took)))] if took else float("nan")


def main() -> None:
    plan = Plan(**json.load(sys.stdin))
    json.dump(asdict(asyncio.run(drive(plan))), sys.stdout)


if __name__ == "__main__":
    main()
