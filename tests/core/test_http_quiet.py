"""A library doesn't print: retries are counted, and logged for whoever configured logging."""

from __future__ import annotations

import subprocess
import sys

RETRYING = """
import asyncio
from sophia_kit.core.errors import Unreachable
from sophia_kit.core.http import HttpClient
from sophia_kit.core.policy import RequestPolicy, Rule
from sophia_kit.core.settings import HttpSettings

{before}
async def main():
    settings = HttpSettings(attempts=2, backoff_initial_s=0, backoff_max_s=0)
    policy = RequestPolicy("v", [Rule("v", "GET", "/x")])
    async with HttpClient("v", "http://127.0.0.1:9", settings, policy=policy) as http:
        try:
            await http.get("/x")
        except Unreachable:
            print("unreachable")

asyncio.run(main())
"""


def run(before: str) -> subprocess.CompletedProcess[str]:
    code = RETRYING.format(before=before)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)


def test_a_retry_prints_nothing() -> None:
    done = run("")
    assert (done.stdout, done.stderr) == ("unreachable\n", "")


def test_a_retry_is_logged_where_logging_is_configured() -> None:
    done = run("import logging; logging.basicConfig(level=logging.WARNING)")
    assert done.stderr.count("stamina.retry_scheduled") == 1
