"""`sophia demo`: the main job on the fictional company, over real HTTP, with nothing configured."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

from sophia_kit.cli.context import console, demo_settings
from sophia_kit.cli.run import print_run
from sophia_kit.core.clock import SystemClock, company_day
from sophia_kit.core.errors import Interrupted, JobFailed

if TYPE_CHECKING:
    from sophia_kit.cli.progress import RunProgress
    from sophia_kit.core.settings import Settings
    from sophia_kit.ingest import ProgressEvent

__all__ = ["demo_command"]

_READY = re.compile(r"http://127\.0\.0\.1:\d+")
_PATIENCE_S = 60.0


def demo_command(
    day: Annotated[
        datetime | None,
        typer.Option("--day", formats=["%Y-%m-%d"], help="The company's present day; its last day by default."),
    ] = None,
    scale: Annotated[
        float | None, typer.Option("--scale", min=0.005, max=2.0, help="Size of the company; 1 is 1.5 M payments.")
    ] = None,
) -> None:
    """Run the daily brief on a fictional company: generate it, serve its vendors, load, write, seal.

    Everything it shows is DEMO DATA. Nothing is configured, and nothing leaves this machine.
    """
    from sophia_kit.cli.progress import RunProgress

    began = time.monotonic()
    settings = demo_settings(day.date() if day else None, last_day=day is None)
    clock = settings.clock()
    today = company_day(clock.now(), settings.company.time_zone)
    out = console()
    out.print(
        f"DEMO DATA. {settings.company.name} is a fictional company; nobody in it exists.",
        style="bold magenta",
        soft_wrap=True,
    )
    out.print(
        f"The clock stands at {clock.now():%Y-%m-%d %H:%M:%S} UTC, the end of the company's {today}; "
        f"in truth it is {SystemClock().now():%Y-%m-%d %H:%M} UTC.",
        soft_wrap=True,
    )
    with RunProgress(console(stderr=True)) as progress, _sandbox(settings, today, scale, progress) as sandbox:
        from sophia_kit.connectors import CONNECTORS
        from sophia_kit.ingest import load_contracts
        from sophia_kit.jobs import run_job

        unread = {contract.table for contract in load_contracts().values() if contract.source in CONNECTORS}

        def loading(event: ProgressEvent) -> None:
            if event.stage != "reading":
                unread.discard(event.table)
            if not unread:
                sandbox.stop()
            progress.load(event)

        arguments = {"day": today.isoformat()}
        done = run_job(
            sandbox.settings,
            "daily_bi",
            arguments,
            delivered=sandbox.delivered,
            stage=progress.stage,
            progress=loading,
        )
    print_run(settings, done, elapsed_s=time.monotonic() - began)
    out.print("The brief opens in any browser, without a network.")


@dataclass(frozen=True, slots=True)
class _Sandbox:
    """The running sandbox, and the settings that point to it."""

    settings: Settings
    server: subprocess.Popen[str]
    delivery: subprocess.Popen[str]

    def stop(self) -> None:
        """End the server: what the vendors had is read. Nothing to do when it has ended."""
        _stop(self.server)

    async def delivered(self) -> None:
        """Returns when all Parquet is there, and what the vendors had is read: the memory of both is wanted then.

        Raises:
            Interrupted: Ctrl-C ended the delivery.
            JobFailed: it failed.
        """
        # A process of `subprocess` has no event to wait for.
        while (code := self.delivery.poll()) is None or (code == 0 and self.server.poll() is None):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        if code in (130, -signal.SIGINT):
            raise Interrupted("Interrupted by the keyboard.", hint="Nothing was half-written; run it again.")
        if code != 0:
            assert self.delivery.stdout is not None
            said = self.delivery.stdout.read().strip()
            raise JobFailed(f"The demo company's data could not be delivered: {said}")


def _stop(server: subprocess.Popen[str]) -> None:
    if server.poll() is not None:
        return
    server.terminate()
    try:
        server.wait(timeout=5)
    except subprocess.TimeoutExpired:
        server.kill()
        server.wait()


@contextmanager
def _sandbox(settings: Settings, day: date, scale: float | None, progress: RunProgress) -> Iterator[_Sandbox]:
    """The company's data platform and its vendors: Parquet in a folder, their APIs over HTTP on loopback.

    Each in a process of its own, so that the kit talks to it as it would to a vendor, and its memory ends with it.
    """
    from sophia_kit.core.settings import LandingSettings
    from sophia_kit.sandbox import connected

    landing = settings.data_dir / "landing"
    common = ["--day", day.isoformat(), *(["--scale", str(scale)] if scale is not None else [])]
    progress.stage("company")
    serve, deliver = (
        ["serve", "--port", "0", "--parent", str(os.getpid()), *common],
        ["deliver", "--to", str(landing), *common],
    )
    with _start(serve) as server, _start(deliver) as delivery:
        try:
            # The kit's own imports take a second or two: the time in which its vendors get ready.
            import_module("sophia_kit.jobs")
            configured = settings.model_copy(update={"landing": LandingSettings(path=landing)})
            yield _Sandbox(connected(configured, _address(server)), server, delivery)
        finally:
            _stop(server)
            _stop(delivery)


def _start(arguments: list[str]) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sophia_kit", "sandbox", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )


def _address(server: subprocess.Popen[str]) -> str:
    """The URL that the server prints when it is ready.

    Raises:
        JobFailed: it ended, or printed nothing in time.
    """
    assert server.stdout is not None
    timer = threading.Timer(_PATIENCE_S, server.kill)
    timer.start()
    said: list[str] = []
    try:
        for line in server.stdout:
            said.append(line)
            if match := _READY.search(line):
                return match[0]
    finally:
        timer.cancel()
    raise JobFailed(f"The demo company's vendors did not start: {''.join(said).strip()}")
