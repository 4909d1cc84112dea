"""docs/mcp.md's ways to plug the servers in, taken word by word: the command it shows is started and asked."""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

import anyio

from sophia_kit.server.mcp import SERVERS

PAGE = Path(__file__).parents[3] / "docs" / "mcp.md"
CONFIGURATIONS = [
    json.loads(fence) for fence in re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
]
DESKTOP, IDE, SHARED = CONFIGURATIONS


def test_the_shared_server_is_asked_at_a_path_that_there_is() -> None:
    [entry] = SHARED["servers"].values()
    assert entry["url"].rpartition("/mcp/")[2] in SERVERS
    [asked] = SHARED["inputs"]
    assert entry["headers"] == {"Authorization": f"Bearer ${{input:{asked['id']}}}"}
    assert asked["password"] is True


def test_an_ide_starts_the_same_as_a_desktop_assistant() -> None:
    [desktop], [ide] = DESKTOP["mcpServers"].values(), IDE["servers"].values()
    assert json.dumps(ide | {"type": "stdio"}).replace("${workspaceFolder}", "/path/to/sophia-kit") == json.dumps(
        {"type": "stdio"} | desktop
    )


async def test_what_the_page_shows_starts_a_server_that_writes_the_protocol_and_nothing_else(
    demo: Any, tmp_path: Path
) -> None:
    project = demo.copy(tmp_path / "sophia-kit")
    command = project.root / ".venv" / "bin" / "sophia"
    command.parent.mkdir(parents=True)
    command.symlink_to(Path(sys.executable).with_name("sophia"))
    [shown] = DESKTOP["mcpServers"].values()
    entry = json.loads(json.dumps(shown).replace("/path/to/sophia-kit", str(project.root)))
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages: list[dict[str, Any]] = [
        {"method": "initialize", "id": 1, "params": hello},
        {"method": "notifications/initialized"},
        {"method": "tools/call", "id": 2, "params": {"name": "query_metric", "arguments": {"metric": "arr"}}},
        {"method": "tools/call", "id": 3, "params": {"name": "query_metric", "arguments": {"metric": "arrr"}}},
        {"method": "no/such/method", "id": 4},
    ]
    sent = "".join(json.dumps({"jsonrpc": "2.0"} | message) + "\n" for message in messages) + "no JSON\n"
    env = entry["env"] | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    whole = [entry["command"], *entry["args"]]
    async with await anyio.open_process(whole, env=env, cwd=tmp_path, stderr=None) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(sent.encode())
        seen: dict[int, Any] = {}
        rest = b""
        with anyio.fail_after(120):
            while not {1, 2, 3, 4} <= set(seen):
                *lines, rest = (rest + await process.stdout.receive()).split(b"\n")
                for line in lines:
                    message = json.loads(line)
                    assert message["jsonrpc"] == "2.0"
                    seen[message.get("id")] = message
            await process.stdin.aclose()
            assert await process.wait() == 0
    answer = seen[2]["result"]["structuredContent"]
    assert (answer["metric"], answer["demo"]) == ("arr", True)
    assert seen[3]["result"]["structuredContent"]["code"] == "unknown-name"
    assert seen[4]["error"]["code"] == -32601
