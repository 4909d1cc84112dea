"""Portkey's own gateway, as its npm package has it, between this one and the model servers.

Two things are put right before it starts: it listens on all interfaces and has no option not to, and it fails on every
stream with a Node whose `fetch` gives headers that can't be written (its issue 1389).
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from llmock.testing import LLMockServer
from tests.llm.gateways import asked, gateway, hello
from tests.llm.upstream import RESET, Pause, Upstream, error, final, piece, stream

from sophia_kit.core.errors import AuthFailed, BrokenStream
from sophia_kit.llm import Gateway

PUT_RIGHT = """
const net = require("net");
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (...given) {
  const options = typeof given[0] === "object" ? { ...given[0] } : { port: given[0] };
  return listen.call(this, { ...options, host: "127.0.0.1" }, given.find((one) => typeof one === "function"));
};
const fetched = globalThis.fetch;
globalThis.fetch = async (...asked) => {
  const { body, status, statusText, headers } = await fetched(...asked);
  return new Response(body, { status, statusText, headers });
};
"""
CANARY = "canary-upstream-key"


@pytest.fixture(scope="module")
def portkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The base URL of a Portkey gateway, whose package is where SOPHIA_TEST_PORTKEY says."""
    package, node = os.environ.get("SOPHIA_TEST_PORTKEY"), shutil.which("node")
    if not package or node is None:
        pytest.skip("no Portkey gateway: set SOPHIA_TEST_PORTKEY to the folder of @portkey-ai/gateway, as .ci/run does")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = tmp_path_factory.mktemp("portkey")
    (folder / "put-right.cjs").write_text(PUT_RIGHT, encoding="utf-8")
    script = Path(package) / "build" / "start-server.js"
    command = [node, "--require", str(folder / "put-right.cjs"), str(script), f"--port={port}", "--headless"]
    with (folder / "log").open("wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:
        try:
            for _ in range(600):
                try:
                    with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as answer:
                        answer.read()
                        break
                except OSError:
                    assert process.poll() is None, (folder / "log").read_text("utf-8")
                    time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def door(root: Path, portkey: str, config: dict[str, Any], **llm: Any) -> Gateway:
    deployment = {"provider": "portkey", "model": "gpt-4o-mini", "base_url": portkey, "config": json.dumps(config)}
    patience = {"first_token_s": 30, "stall_s": 30, "answer_s": 30, "deadline_s": 60}
    return gateway(root, {"pk": deployment}, keys={"openai": CANARY}, **(patience | llm))


def target(base_url: str) -> dict[str, Any]:
    return {"provider": "openai", "custom_host": base_url, "api_key": "${openai}"}


async def test_chats_and_streams_pass_through_it_with_the_upstream_s_key(
    tmp_path: Path, portkey: str, upstream: Upstream
) -> None:
    upstream.play(stream(piece("Yes, "), piece("of course."), piece(finish="stop"), final(7, 5)))
    async with door(tmp_path, portkey, target(upstream.base_url)) as opened:
        text, answer = await asked(opened, hello())
    assert (text, answer.usage.input_tokens, answer.usage.output_tokens) == ("Yes, of course.", 7, 5)
    (seen,) = upstream.requests
    assert seen.headers["authorization"] == f"Bearer {CANARY}"


async def test_its_own_fallback_counts_as_one_attempt_of_ours(
    tmp_path: Path, portkey: str, upstream: Upstream, mocked: LLMockServer
) -> None:
    upstream.play(error("503 Busy"))
    targets = [target(upstream.base_url), target(mocked.base_url())]
    config = {"strategy": {"mode": "fallback"}, "targets": targets}
    async with door(tmp_path, portkey, config) as opened:
        answer = await opened.chat(hello())
    assert answer.text
    assert [one.outcome for one in answer.attempts] == ["ok"]
    assert len(upstream.requests) == 1


@pytest.mark.parametrize("end", ["closed", "reset"])
async def test_a_stream_that_breaks_behind_it_is_broken_here(
    end: str, tmp_path: Path, portkey: str, upstream: Upstream
) -> None:
    """What Portkey passes on as an ordinary end."""
    upstream.play(stream(piece("Revenue "), piece("rose ")), Pause(0.2), *([RESET] if end == "reset" else []))
    async with door(tmp_path, portkey, target(upstream.base_url), stall_s=3) as opened:
        with pytest.raises(BrokenStream) as broken:
            await asked(opened, hello())
    assert broken.value.said == "Revenue rose "


async def test_a_refusal_behind_it_is_said_without_the_key(tmp_path: Path, portkey: str, upstream: Upstream) -> None:
    upstream.play(error("401 No", f"Incorrect key {CANARY}"))
    async with door(tmp_path, portkey, target(upstream.base_url)) as opened:
        with pytest.raises(AuthFailed) as refused:
            await opened.chat(hello())
    assert CANARY not in str(refused.value.problem())
