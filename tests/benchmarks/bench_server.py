"""The server under load: a metric by REST and by an MCP tool, beside a bare FastAPI endpoint with the same statement.

Each server is a process of its own, as `sophia serve` is, with tokens, rate limit and audit log; a third process asks,
64 connections at once. All answers are checked for their status. A few questions are asked again and again, as people
do: the metric layer finds their numbers once on each snapshot. Then more different ones in turn than it keeps, so that
each runs its statement. Then memory: after 5,000 requests, and after 50,000 more and 5,000 rejected ones. Targets: no
error, p95 near the bare endpoint's, memory within 10 %.

`python tests/benchmarks/bench_server.py 0.02` asks a fiftieth of it.
"""

from __future__ import annotations

import json
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any, Final

import psutil
from rich.console import Console
from rich.table import Table

REPOSITORY: Final = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(REPOSITORY))

from tests.http_load import Outcome, Plan, request  # noqa: E402
from tests.larkfield import load_larkfield  # noqa: E402

from sophia_kit.core.clock import SystemClock  # noqa: E402
from sophia_kit.core.settings import Settings  # noqa: E402
from sophia_kit.metrics import metric  # noqa: E402
from sophia_kit.metrics.value import Grain  # noqa: E402
from sophia_kit.server.auth.tokens import issue  # noqa: E402
from sophia_kit.state import State  # noqa: E402

SCALE: Final = 0.1
CONCURRENCY: Final = 64
REQUESTS: Final = 10_000
ROUNDS: Final = 4
WARMING: Final = 88
SETTLED: Final = 5_000
LATER: Final = 50_000
REJECTED: Final = 5_000
TARGET_GROWTH: Final = 1.10
METRIC: Final = "payment_success_rate"


@dataclass(frozen=True, slots=True)
class Questions:
    """The metric of one period after the other: as many questions as there are days, in turn."""

    grain: Grain
    days: tuple[date, ...]


FEW: Final = Questions("month", tuple(date(2025, month, 28) for month in range(2, 13)))
MANY: Final = Questions("day", tuple(date(2024, 1, 10) + timedelta(days=day) for day in range(700)))


@dataclass(frozen=True, slots=True)
class Target:
    """An endpoint, what it is asked, and whose figures its own are held against."""

    port: int
    process: psutil.Process
    requests: list[str]
    rival: str
    count: int


@contextmanager
def started(
    command: Sequence[str], settings: Settings, environment: Mapping[str, str], told: str = ""
) -> Iterator[Any]:
    """A server as a process: its URL's port and psutil's view of it, once it says where it listens."""
    process = subprocess.Popen(
        command,
        cwd=settings.root,
        env={**os.environ, **settings.environment(), **environment, "PYTHONUNBUFFERED": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(told)
    process.stdin.close()
    try:
        found = next(
            (match for line in process.stdout if (match := re.search(r"http://127\.0\.0\.1:(\d+)", line))), None
        )
        if found is None:
            raise SystemExit(f"{command} ended before it served.")
        yield int(found[1]), psutil.Process(process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


def drive(plan: Plan) -> Outcome:
    """Ask from a process of its own."""
    done = subprocess.run(
        [sys.executable, str(REPOSITORY / "tests/http_load.py")],
        input=json.dumps(asdict(plan)),
        capture_output=True,
        text=True,
        check=True,
    )
    return Outcome(**json.loads(done.stdout))


def rest_requests(port: int, token: str, questions: Questions = FEW) -> list[str]:
    """The questions by REST."""
    headers = {"Host": f"127.0.0.1:{port}", "Authorization": f"Bearer {token}"}
    path = f"/v1/metrics/{METRIC}?grain={questions.grain}&day="
    return [request("GET", f"{path}{day}", headers) for day in questions.days]


def mcp_requests(port: int, token: str) -> list[str]:
    """The few questions by the MCP tool."""
    headers = {
        "Host": f"127.0.0.1:{port}",
        "Authorization": f"Bearer {token}",
        "Content-Type": "application/json",
        "Accept": "application/json, text/event-stream",
    }
    return [
        request(
            "POST",
            "/mcp/metrics",
            headers,
            json.dumps(
                {
                    "jsonrpc": "2.0",
                    "id": number,
                    "method": "tools/call",
                    "params": {
                        "name": "query_metric",
                        "arguments": {"metric": METRIC, "grain": FEW.grain, "day": str(day)},
                    },
                }
            ),
        )
        for number, day in enumerate(FEW.days)
    ]


def rejected_requests(port: int, token: str) -> list[str]:
    """What the server has to refuse: nobody, a wrong token, no such metric, no message, a path that isn't there."""
    here = {"Host": f"127.0.0.1:{port}"}
    known = here | {"Authorization": f"Bearer {token}"}
    wrong = here | {"Authorization": "Bearer sophia_0000000000000000_" + "x" * 43}
    json_type = {"Content-Type": "application/json", "Accept": "application/json"}
    return [
        request("GET", f"/v1/metrics/{METRIC}", here),
        request("POST", "/mcp/metrics", wrong | json_type, "{}"),
        request("GET", "/v1/metrics/no_such_metric", known),
        request("POST", "/mcp/metrics", known | json_type, "[]"),
        request("POST", "/mcp/metrics", known | json_type, '{"jsonrpc": "2.0"'),
        request("GET", "/nowhere", known),
        request("GET", f"/v1/metrics/{METRIC}?day=never", known),
    ]


def asked(settings: Settings, questions: Questions) -> dict[str, Any]:
    """What the bare endpoint runs: the statement of the metric layer, and what is bound to it for each day."""
    found = [metric(METRIC, grain=questions.grain, day=day, settings=settings).provenance for day in questions.days]
    bound = [{name: _plain(value) for name, value in each.params} for each in found]
    return {"sql": found[0].sql, "params": bound}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return value.isoformat() if isinstance(value, date) else value


def rival(question: dict[str, Any], port: int) -> list[str]:
    return [request("GET", f"/?number={n}", {"Host": f"127.0.0.1:{port}"}) for n in range(len(question["params"]))]


def speed(out: Console, targets: Mapping[str, Target]) -> None:
    """Ask each in turns, so that a slow minute of the machine is everybody's."""
    rounds: dict[str, list[Outcome]] = {name: [] for name in targets}
    cpu_s = dict.fromkeys(targets, 0.0)
    for target in targets.values():
        drive(Plan("127.0.0.1", target.port, target.requests, WARMING, 8))
    for turn in range(ROUNDS):
        for name, target in targets.items():
            each = target.count // ROUNDS
            asked_already = (WARMING + turn * each) % len(target.requests)
            going_on = target.requests[asked_already:] + target.requests[:asked_already]
            before = sum(target.process.cpu_times()[:2])
            rounds[name].append(drive(Plan("127.0.0.1", target.port, going_on, each, CONCURRENCY)))
            cpu_s[name] += sum(target.process.cpu_times()[:2]) - before
    table = Table(title=f"{CONCURRENCY} requests at once, in {ROUNDS} turns, scale {SCALE}")
    for column in ("Endpoint", "Requests", "Errors", "p50 ms", "p95 ms", "CPU ms", "p50 / bare", "p95 / bare"):
        table.add_column(column, justify="left" if column == "Endpoint" else "right")
    middle = {
        name: [statistics.median(getattr(one, field) for one in found) for field in ("p50_ms", "p95_ms")]
        for name, found in rounds.items()
    }
    for name, found in rounds.items():
        (p50, p95), rival = middle[name], middle[targets[name].rival]
        table.add_row(
            name,
            f"{targets[name].count:,}",
            f"{sum(one.errors for one in found)}",
            f"{p50:.1f}",
            f"{p95:.1f}",
            f"{1000 * cpu_s[name] / targets[name].count:.2f}",
            f"{p50 / rival[0]:.2f}",
            f"{p95 / rival[1]:.2f}",
        )
    out.print(table)
    for name, found in rounds.items():
        for told in [told for one in found for told in one.told][:3]:
            out.print(f"{name}: {told}")


def memory(out: Console, port: int, process: psutil.Process, token: str, share: float) -> None:
    """How much memory the server holds, and how much after ten times as many requests and as many rejected ones."""
    requests = [*rest_requests(port, token), *mcp_requests(port, token)]

    def ask(count: int) -> Outcome:
        return drive(Plan("127.0.0.1", port, requests, max(1, int(count * share)), CONCURRENCY))

    ask(SETTLED)
    before = process.memory_info().rss
    done = ask(LATER)
    answered = process.memory_info().rss
    refused = drive(
        Plan(
            "127.0.0.1",
            port,
            rejected_requests(port, token),
            max(7, int(REJECTED * share)),
            CONCURRENCY,
            expected=(400, 401, 404, 422, 429),
        )
    )
    after = process.memory_info().rss
    table = Table(title="Memory of the server")
    for column in ("After", "Errors", "MB", "of the first"):
        table.add_column(column, justify="left" if column == "After" else "right")
    table.add_row(f"{int(SETTLED * share):,} requests", "", f"{before / 1e6:.0f}", "1.00")
    table.add_row(f"{int(LATER * share):,} more", f"{done.errors}", f"{answered / 1e6:.0f}", f"{answered / before:.2f}")
    table.add_row(
        f"{int(REJECTED * share):,} rejected", f"{refused.errors}", f"{after / 1e6:.0f}", f"{after / before:.2f}"
    )
    out.print(table)
    out.print(f"Target: {TARGET_GROWTH:.2f}. Rejected with {refused.statuses}.")
    for told in (*done.told, *refused.told):
        out.print(told)


def main() -> None:
    share = float(sys.argv[1]) if len(sys.argv) > 1 else 1.0
    out = Console(width=110)
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "project"
        root.mkdir()
        settings = load_larkfield(root, scale=min(SCALE, SCALE * max(share, 0.2)))
        (root / "notebooks").symlink_to(REPOSITORY / "notebooks")
        with State.open(settings.state_location) as state:
            now = SystemClock().now()
            token, _ = issue(state, name="bench", scopes=["all"], now=now, lifetime=timedelta(days=1))
        environment = {
            "SOPHIA_SERVER__AUTHENTICATION": "tokens",
            "SOPHIA_SERVER__REQUESTS_PER_MINUTE": "100000000",
        }
        bare = [sys.executable, str(REPOSITORY / "tests/benchmarks/bare_endpoint.py")]
        ours = [sys.executable, "-m", "sophia_kit", "serve", "--port", "0"]
        few, many = asked(settings, FEW), asked(settings, MANY)
        with (
            started(bare, settings, {}, json.dumps(few)) as (few_port, few_process),
            started(bare, settings, {}, json.dumps(many)) as (many_port, many_process),
            started(ours, settings, environment) as (port, process),
        ):
            count = max(ROUNDS * CONCURRENCY, int(REQUESTS * share))
            first, second = "bare FastAPI, few questions", "bare FastAPI, many"
            targets = {
                first: Target(few_port, few_process, rival(few, few_port), first, count),
                "REST, few": Target(port, process, rest_requests(port, token), first, count),
                "MCP tool, few": Target(port, process, mcp_requests(port, token), first, count),
                second: Target(many_port, many_process, rival(many, many_port), second, count // 4),
                "REST, many": Target(port, process, rest_requests(port, token, MANY), second, count // 4),
            }
            speed(out, targets)
            memory(out, port, process, token, share)


if __name__ == "__main__":
    main()
