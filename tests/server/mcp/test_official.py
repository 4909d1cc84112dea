"""What the protocol's own tools say of the servers: the conformance suite and the inspector, which run on Node.

They are installed apart: `npm ci --ignore-scripts` in `npm/` beside this file, or in a copy of it that SOPHIA_TEST_MCP
names. SOPHIA_TEST_NODE names a Node of 22.19 or later when the one on PATH is older.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
from mcp.server.mcpserver.prompts.base import UserMessage
from mcp.server.mcpserver.utilities.types import Audio, Image
from mcp_types import EmbeddedResource, ImageContent, TextContent, TextResourceContents
from tests.server.serving import Serving, serving

from sophia_kit.core.settings import ServerSettings, Settings
from sophia_kit.server.mcp.kit_server import KitServer

OLDEST_NODE: Final = (22, 19)
PIXEL: Final = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010802000000907753de0000000c49444154789c63f8cfc0000003010100c9fe92ef"
    "0000000049454e44ae426082"
)
SILENCE: Final = bytes.fromhex(
    "524946462400000057415645666d74201000000001000100401f0000803e0000020010006461746100000000"
)

NOT_OURS: Final = {
    "logging-set-level": "no log is sent to clients; the protocol gives it up, too",
    "tools-call-with-logging": "no log is sent to clients",
    "tools-call-with-progress": "an answer is one JSON object, with nothing before it",
    "tools-call-sampling": "the servers ask nothing of clients",
    "tools-call-elicitation": "the servers ask nothing of clients",
    "elicitation-sep1034-defaults": "the servers ask nothing of clients",
    "elicitation-sep1330-enums": "the servers ask nothing of clients",
    "server-sse-multiple-streams": "there are no sessions and no streams",
    "resources-subscribe": "there are no sessions; a snapshot never changes",
    "resources-unsubscribe": "there are no sessions; a snapshot never changes",
}
"""Scenarios of the suite that don't apply, and why."""


def node() -> str:
    """A Node that is recent enough."""
    found = os.environ.get("SOPHIA_TEST_NODE") or shutil.which("node")
    if found is None:
        pytest.skip("Node is not installed: SOPHIA_TEST_NODE names one")
    told = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout
    if tuple(int(part) for part in re.findall(r"\d+", told)[:2]) < OLDEST_NODE:
        pytest.skip(
            f"Node {told.strip()} is older than 22.19, which MCP's own tools need: SOPHIA_TEST_NODE names another"
        )
    return found


def tool(package: str, entry: str) -> list[str]:
    """The command of an installed package."""
    folder = Path(os.environ.get("SOPHIA_TEST_MCP", Path(__file__).with_name("npm")))
    script = folder / "node_modules" / "@modelcontextprotocol" / package / entry
    if not script.is_file():
        pytest.skip(f"{package} of MCP is not installed: npm ci --ignore-scripts in tests/server/mcp/npm")
    return [node(), str(script)]


def offer_what_the_suite_calls(server: KitServer) -> None:
    """Tools, resources and prompts of the names that the suite asks for, by its description of them."""
    picture = ImageContent(
        type="image", data=Image(data=PIXEL, format="png").to_image_content().data, mime_type="image/png"
    )

    def embedded(uri: str, text: str, kind: str = "text/plain") -> EmbeddedResource:
        return EmbeddedResource(type="resource", resource=TextResourceContents(uri=uri, text=text, mime_type=kind))

    @server.tool()
    def test_simple_text() -> str:
        """What the suite asks for by this name."""
        return "This is a simple text response for testing."

    @server.tool()
    def test_image_content() -> ImageContent:
        """What the suite asks for by this name."""
        return picture

    @server.tool()
    def test_audio_content() -> Audio:
        """What the suite asks for by this name."""
        return Audio(data=SILENCE, format="wav")

    @server.tool()
    def test_embedded_resource() -> EmbeddedResource:
        """What the suite asks for by this name."""
        return embedded("test://embedded-resource", "This is an embedded resource content.")

    @server.tool()
    def test_multiple_content_types() -> list[TextContent | ImageContent | EmbeddedResource]:
        """What the suite asks for by this name."""
        text = TextContent(type="text", text="Multiple content types test:")
        return [
            text,
            picture,
            embedded("test://mixed-content-resource", '{"test":"data","value":123}', "application/json"),
        ]

    @server.tool()
    def test_error_handling() -> str:
        """What the suite asks for by this name."""
        raise RuntimeError("This tool intentionally returns an error for testing")

    @server.resource("test://static-text", mime_type="text/plain")
    def static_text() -> str:
        """What the suite asks for by this name."""
        return "This is the content of the static text resource."

    @server.resource("test://static-binary", mime_type="image/png")
    def static_binary() -> bytes:
        """What the suite asks for by this name."""
        return PIXEL

    @server.resource("test://template/{id}/data", mime_type="application/json")
    def from_template(id: str) -> str:  # noqa: A002  # the suite's name
        """What the suite asks for by this name."""
        return json.dumps({"id": id, "templateTest": True, "data": f"Data for ID: {id}"})

    @server.prompt()
    def test_simple_prompt() -> str:
        """What the suite asks for by this name."""
        return "This is a simple prompt for testing."

    @server.prompt()
    def test_prompt_with_arguments(arg1: str, arg2: str) -> str:
        """What the suite asks for by this name."""
        return f"Prompt with arguments: arg1='{arg1}', arg2='{arg2}'"

    @server.prompt()
    def test_prompt_with_embedded_resource(resourceUri: str) -> list[UserMessage]:  # noqa: N803  # the suite's name
        """What the suite asks for by this name."""
        return [
            UserMessage(embedded(resourceUri, "Embedded resource content for testing.")),
            UserMessage("Please process the embedded resource above."),
        ]

    @server.prompt()
    def test_prompt_with_image() -> list[UserMessage]:
        """What the suite asks for by this name."""
        return [UserMessage(picture), UserMessage("Please analyze the image above.")]


@pytest.fixture(scope="module")
def served(demo: Any, settings: Settings, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Serving]:
    project = demo.copy(tmp_path_factory.mktemp("mcp-official") / "project")
    many = settings.model_copy(update={"root": project.root, "server": ServerSettings(requests_per_minute=100_000)})
    with serving(many, apps=()) as running:
        offer_what_the_suite_calls(running.app.state.mcp["metrics"])
        yield running


def test_the_conformance_suite_passes_but_for_what_doesnt_apply(served: Serving, tmp_path: Path) -> None:
    suite = tool("conformance", "dist/index.js")
    baseline = tmp_path / "not-ours.yml"
    baseline.write_text("server:\n" + "".join(f"  - {name}\n" for name in NOT_OURS))
    url = f"http://127.0.0.1:{served.port}/mcp/metrics"
    done = subprocess.run(
        [*suite, "server", "--url", url, "--suite", "active", "--expected-failures", str(baseline)],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
    )
    # It fails on a scenario that fails and isn't named, and on a named one that passes.
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    passed = set(re.findall(r"^✓ ([\w-]+): [1-9]\d* passed, 0 failed", done.stdout, re.M))
    assert {"server-initialize", "tools-list", "tools-call-error", "dns-rebinding-protection"} <= passed
    assert len(passed) >= 20


def test_the_page_tells_which_scenarios_dont_apply_and_why() -> None:
    page = (Path(__file__).parents[3] / "docs" / "mcp.md").read_text(encoding="utf-8")
    for name, reason in NOT_OURS.items():
        assert re.search(rf"`{name}`[^|]*\|[^|]*{re.escape(reason)}", page), name


def inspect(*arguments: str, project: Any = None) -> Any:
    """What the inspector's command line shows; what it starts, it starts in the project."""
    inspector = tool("inspector", "clients/launcher/build/index.js")
    done = subprocess.run(
        [*inspector, "--cli", *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        env=None if project is None else project.environment,
        cwd=None if project is None else project.root,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(done.stdout)


def test_the_inspector_calls_a_tool_over_http(served: Serving) -> None:
    url = f"http://127.0.0.1:{served.port}/mcp/salesforce"
    call = ("--method", "tools/call", "--tool-name", "find_accounts", "--tool-arg", "limit=1")
    result = inspect(url, "--transport", "http", *call)
    assert len(result["structuredContent"]["rows"]) == 1


def test_the_inspector_lists_tools_over_stdio(demo: Any) -> None:
    command = (sys.executable, "-m", "sophia_kit", "mcp", "slack", "--demo")
    listed = inspect(*command, "--method", "tools/list", project=demo)
    assert "read_thread" in [one["name"] for one in listed["tools"]]
