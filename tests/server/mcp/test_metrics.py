"""The metric layer's MCP server, asked by the SDK's client: numbers are the metric layer's own, digit for digit."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import CallToolResult, ResourceTemplateReference, TextContent, TextResourceContents

import sophia_kit as sk
from sophia_kit.metrics import Principal
from sophia_kit.server.auth.caller import LOCAL, SCOPES, Caller
from sophia_kit.server.mcp.build import build_server
from sophia_kit.server.mcp.kit_server import KitServer
from sophia_kit.server.services import Services

DAY = date(2025, 12, 31)
RESTRICTED = Caller(Principal("ada", (("segment", ("Enterprise",)),)), frozenset(SCOPES), token_id="t1")
WITHOUT_ASK = Caller(Principal("robot"), frozenset({"metrics:read"}), token_id="t2")

Servers = dict[Caller, KitServer]


@pytest.fixture(scope="module")
def servers(services: Services) -> Servers:
    """One for each caller, over what stands for stdio."""
    return {caller: build_server("metrics", services, caller=caller) for caller in (LOCAL, RESTRICTED, WITHOUT_ASK)}


async def call(servers: Servers, tool: str, caller: Caller = LOCAL, **arguments: Any) -> CallToolResult:
    async with Client(servers[caller]) as client:
        return await client.call_tool(tool, arguments)


async def content(servers: Servers, tool: str, caller: Caller = LOCAL, **arguments: Any) -> dict[str, Any]:
    """What a tool answers; its text is the same, as JSON."""
    result = await call(servers, tool, caller, **arguments)
    assert not result.is_error, result.content
    assert result.structured_content is not None
    [text] = result.content
    assert isinstance(text, TextContent)
    found: dict[str, Any] = result.structured_content
    assert json.loads(text.text) == found
    return found


async def problem(servers: Servers, tool: str, caller: Caller = LOCAL, **arguments: Any) -> dict[str, Any]:
    result = await call(servers, tool, caller, **arguments)
    assert result.is_error
    found: dict[str, Any] | None = result.structured_content
    assert found is not None
    return found


async def test_every_tool_says_that_it_only_reads_and_what_it_returns(servers: Servers) -> None:
    async with Client(servers[LOCAL]) as client:
        tools = (await client.list_tools()).tools
    assert [tool.name for tool in tools] == ["list_metrics", "describe_metric", "query_metric", "explain_change", "ask"]
    for tool in tools:
        assert tool.annotations is not None
        assert (tool.annotations.read_only_hint, tool.annotations.destructive_hint) == (True, False)
        assert tool.title
        assert tool.description
        assert tool.output_schema is not None
        assert all(of.get("description") for of in tool.input_schema["properties"].values()), tool.name


async def test_a_value_is_the_metric_layers_own_with_all_that_explains_it(servers: Servers, services: Services) -> None:
    answer = await content(servers, "query_metric", metric="arr", day="2025-12-31", compare=["prior_year"])
    expected = sk.metric("arr", day=DAY, compare="prior_year", settings=services.settings).value
    [value] = answer["values"]
    assert (value["value"], value["display"]) == (f"{expected.value:f}", expected.display)
    assert value["comparisons"][0]["change"] == f"{expected.comparisons[0].absolute:f}"
    assert (answer["unit"], answer["demo"], value["period"]["label"]) == ("USD", True, "Dec 2025")
    assert answer["known_at"] == expected.known_at.isoformat().replace("+00:00", "Z")  # type: ignore[union-attr]
    assert answer["provenance"]["snapshot_id"] == expected.provenance.snapshot_id
    assert answer["freshness"]["status"] == expected.freshness.status
    assert answer["provenance"]["sql"] is None


async def test_what_isnt_known_is_unknown_with_its_reason(servers: Servers) -> None:
    answer = await content(servers, "query_metric", metric="arr", day="2025-12-31", known_at="2020-01-01")
    [value] = answer["values"]
    assert (value["value"], value["display"], value["unknown"]["code"]) == (None, "unknown", "no_snapshot_at")


async def test_pages_together_are_the_whole_answer_and_each_names_the_next(
    servers: Servers, services: Services
) -> None:
    asked: dict[str, Any] = {"metric": "arr", "day": "2025-12-31", "by": ["account"], "periods": 2}
    whole = sk.metric("arr", day=DAY, by="account", periods=2, settings=services.settings).values
    seen: list[tuple[str, str]] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        answer = await content(servers, "query_metric", limit=60, after=after, **asked)
        assert answer["total"] == len(whole)
        assert len(answer["values"]) <= 60
        seen += [(value["period"]["label"], value["members"]["account"]) for value in answer["values"]]
        after, pages = answer["next"], pages + 1
    assert seen == [(value.period.label, dict(value.members)["account"]) for value in whole]
    assert pages == -(-len(whole) // 60)


async def test_a_token_of_another_question_is_refused(servers: Servers) -> None:
    first = await content(servers, "query_metric", metric="arr", by=["account"], limit=1)
    for after in (first["next"], "nonsense", "WzEsbnVsbF0"):
        told = await problem(servers, "query_metric", metric="mrr", by=["account"], after=after)
        assert (told["code"], told["retryable"]) == ("input", False)
        assert told["hint"]


@pytest.mark.parametrize(
    ("arguments", "code", "hint"),
    [
        ({"metric": "arrr"}, "unknown-name", "arr"),
        ({"metric": "arr", "periods": 0}, "invalid-request", "schema"),
        ({"metric": "arr", "grain": "decade"}, "invalid-request", "schema"),
        ({"metric": "arr", "day": "2031-01-01"}, "input", "up to"),
        ({"metric": "arr", "by": ["galaxy"]}, "unknown-name", "segment"),
        ({"metric": "arr", "limit": 1000}, "input", "200"),
        ({"metric": "arr", "known_at": "yesterday"}, "input", "2025-12-31"),
        ({}, "invalid-request", "schema"),
    ],
)
async def test_a_mistake_is_told_in_the_kits_shape(
    servers: Servers, arguments: dict[str, Any], code: str, hint: str
) -> None:
    told = await problem(servers, "query_metric", **arguments)
    assert told["code"] == code
    assert hint in told["hint"]
    assert told["detail"]


async def test_a_tool_that_isnt_there_is_a_protocol_error_that_names_a_near_one(servers: Servers) -> None:
    async with Client(servers[LOCAL]) as client:
        with pytest.raises(MCPError) as caught:
            await client.call_tool("query_metrics", {})
    assert caught.value.error.data["code"] == "unknown-name"
    assert "query_metric" in caught.value.error.data["hint"]


async def test_a_principal_sees_its_own_rows_alone(servers: Servers) -> None:
    answer = await content(servers, "query_metric", RESTRICTED, metric="arr", day="2025-12-31", by=["segment"])
    assert {value["members"]["segment"] for value in answer["values"]} == {"Enterprise"}
    told = await problem(servers, "query_metric", RESTRICTED, metric="arr", filters={"segment": ["Mid-Market"]})
    assert told["code"] == "access-refused"
    entries = (await content(servers, "list_metrics", RESTRICTED, limit=200))["metrics"]
    assert all(("segment" in entry["dimensions"]) == (entry["refused"] is None) for entry in entries)


async def test_a_caller_without_the_scope_neither_sees_nor_calls_the_tool(servers: Servers) -> None:
    async with Client(servers[WITHOUT_ASK]) as client:
        assert "ask" not in {tool.name for tool in (await client.list_tools()).tools}
    told = await problem(servers, "ask", WITHOUT_ASK, question="arr")
    assert (told["code"], told["scope"]) == ("scope-missing", "ask")


async def test_a_question_is_answered_asked_back_or_declined(servers: Servers) -> None:
    answered = await content(servers, "ask", question="top 3 customers by arr")
    assert (answered["status"], len(answered["answer"]["values"])) == ("answered", 3)
    asks = await content(servers, "ask", question="why did churn rise last month")
    [first, *_] = asks["options"]
    assert (asks["status"], asks["answer"]) == ("asks", None)
    # What may be meant can be called as it is.
    chosen = await content(servers, "query_metric", **first["query"])
    assert chosen["metric"] == first["query"]["metric"]
    declined = await content(servers, "ask", question="what is the weather")
    assert (declined["status"], declined["answer"]) == ("declined", None)
    assert declined["reason"]


async def test_the_parts_of_a_change_sum_to_it(servers: Servers) -> None:
    answer = await content(servers, "explain_change", metric="arr", period="2025-11", dimensions=["segment"])
    by_segment = next(item for item in answer["dimensions"] if item["by"] == "segment")
    assert by_segment["left_out"] == 0
    assert sum(float(part["change"]) for part in by_segment["parts"]) == pytest.approx(float(answer["change"]))
    assert answer["change_display"] in answer["explanation"]


async def test_a_definition_tells_its_formula_and_sources(servers: Servers, services: Services) -> None:
    answer = await content(servers, "describe_metric", metric="arr", include_sql=True)
    expected = sk.explain("arr", settings=services.settings)
    assert (answer["formula"], answer["sql"]) == (expected.formula, dict(expected.sql))
    assert {table["table"] for table in answer["tables"]} == {"subscriptions", "fx_rates"}


async def test_the_catalogue_definitions_and_the_state_of_the_data_are_resources(
    servers: Servers, services: Services
) -> None:
    async with Client(servers[LOCAL]) as client:
        read = {}
        for uri in ("metrics://catalogue", "metrics://definitions/arr", "metrics://status"):
            [found] = (await client.read_resource(uri)).contents
            assert isinstance(found, TextResourceContents)
            read[uri] = json.loads(found.text)
        with pytest.raises(MCPError) as caught:
            await client.read_resource("metrics://definitions/arrr")
    assert {item["name"] for item in read["metrics://catalogue"]} == {item.name for item in services.catalogue}
    assert read["metrics://definitions/arr"]["formula"] == sk.explain("arr", settings=services.settings).formula
    tables = {item["table"]: item["status"] for item in read["metrics://status"]["tables"]}
    assert tables["subscriptions"] == "fresh"
    assert caught.value.error.data["code"] == "unknown-name"


async def test_prompts_ask_by_the_rules_and_names_of_metrics_are_completed(servers: Servers) -> None:
    async with Client(servers[LOCAL]) as client:
        assert [prompt.name for prompt in (await client.list_prompts()).prompts] == ["brief", "why"]
        [message] = (await client.get_prompt("why", {"metric": "nrr"})).messages
        ref = ResourceTemplateReference(uri="metrics://definitions/{name}")
        completed = await client.complete(ref, {"name": "name", "value": "ar"})
    assert isinstance(message.content, TextContent)
    assert "nrr" in message.content.text
    assert "digit for digit" in message.content.text
    assert "arr" in completed.completion.values
