"""docs/mcp.md's ways to plug the servers in, taken word by word: the command it shows is started and asked."""

from __future__ import annotations

import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

import anyio
import pytest
from mcp import StdioServerParameters
from mcp.client import Client
from mcp.client.stdio import stdio_client

from sophia_kit.server.mcp import SERVERS

PAGE = Path(__file__).parents[3] / "docs" / "mcp.md"
CONFIGURATIONS = [
    json.loads(fence) for fence in re.findall(r"^```json\n(.*?)^```", PAGE.read_text("utf-8"), re.M | re.S)
]
DESKTOP, IDE, SHARED = CONFIGURATIONS


def clone(demo: Any, place: Path) -> Path:
    """The demo's project with the command where a clone has it."""
    project = demo.copy(place / "sophia-kit")
    command = project.root / ".venv" / "bin" / "sophia"
    command.parent.mkdir(parents=True)
    command.symlink_to(Path(sys.executable).with_name("sophia"))
    return Path(project.root)


@pytest.mark.parametrize(
    ("servers", "placeholder"),
    [(DESKTOP["mcpServers"], "/path/to/sophia-kit"), (IDE["servers"], "${workspaceFolder}")],
    ids=["desktop", "ide"],
)
async def test_what_the_page_shows_starts_a_server_that_answers(
    demo: Any, tmp_path: Path, servers: dict[str, Any], placeholder: str
) -> None:
    root = clone(demo, tmp_path)
    [shown] = servers.values()
    entry = json.loads(json.dumps(shown).replace(placeholder, str(root)))
    parameters = StdioServerParameters(
        command=entry["command"],
        args=entry["args"],
        env=entry["env"] | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        cwd=tmp_path,
    )
    async with Client(stdio_client(parameters)) as client:
        result = await client.call_tool("query_metric", {"metric": "arr"})
    assert result.structured_content is not None
    assert (result.structured_content["metric"], result.structured_content["demo"]) == ("arr", True)


def test_the_shared_server_is_asked_at_a_path_that_there_is() -> None:
    [entry] = SHARED["servers"].values()
    assert entry["url"].rpartition("/mcp/")[2] in SERVERS
    [asked] = SHARED["inputs"]
    assert entry["headers"] == {"Authorization": f"Bearer ${{input:{asked['id']}}}"}
    assert asked["password"] is True


async def test_nothing_but_the_protocol_is_written_to_standard_output(demo: Any) -> None:
    command = [shutil.which("sophia", path=str(Path(sys.executable).parent)) or "", "mcp", "slack", "--demo"]
    hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}}
    messages: list[dict[str, Any]] = [
        {"method": "initialize", "id": 1, "params": hello},
        {"method": "notifications/initialized"},
        {"method": "tools/call", "id": 2, "params": {"name": "list_threads", "arguments": {"channel": "nowhere"}}},
        {"method": "no/such/method", "id": 3},
    ]
    sent = "".join(json.dumps({"jsonrpc": "2.0"} | message) + "\n" for message in messages) + "no JSON\n"
    async with await anyio.open_process(command, env=demo.environment, cwd=demo.root, stderr=None) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        await process.stdin.send(sent.encode())
        seen: dict[int, Any] = {}
        lines = b""
        with anyio.fail_after(60):
            while not {1, 2, 3} <= set(seen):
                lines += await process.stdout.receive()
                *whole, lines = lines.split(b"\n")
                for line in whole:
                    message = json.loads(line)
                    assert message["jsonrpc"] == "2.0"
                    seen[message.get("id")] = message
            await process.stdin.aclose()
            assert await process.wait() == 0
    assert seen[2]["result"]["structuredContent"]["code"] == "unknown-name"
    assert seen[3]["error"]["code"] == -32601
