"""The MCP servers of vendors' records: what is given, page by page, with names where vendors have ids."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from typing import Any

import pytest
from mcp.client import Client
from mcp.shared.exceptions import MCPError
from mcp_types import TextResourceContents

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.mcp_settings import McpQuerySettings, McpSettings
from sophia_kit.server.auth.caller import LOCAL
from sophia_kit.server.mcp.build import build_server
from sophia_kit.server.mcp.kit_server import MOST_CHARACTERS, KitServer
from sophia_kit.server.mcp.slack_names import Named, matching
from sophia_kit.server.mcp.slack_text import readable, thread_of
from sophia_kit.server.services import Services

Servers = dict[str, KitServer]
OPEN_DEALS = McpQuerySettings(
    of="salesforce_opportunities",
    description="Open deals with customers of a segment.",
    fields=("opportunity_id", "account_name", "amount", "currency"),
    filters={"is_closed": "false"},
    parameters=("segment",),
)


def with_settings(services: Services, **mcp: Any) -> Services:
    return replace(services, settings=services.settings.model_copy(update={"mcp": McpSettings(**mcp)}))


@pytest.fixture(scope="module")
def servers(services: Services) -> Servers:
    return {name: build_server(name, services, caller=LOCAL) for name in ("slack", "salesforce", "gong")}


async def content(server: KitServer, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    assert not result.is_error, result.content
    found: dict[str, Any] | None = result.structured_content
    assert found is not None
    return found


async def problem(server: KitServer, tool: str, **arguments: Any) -> dict[str, Any]:
    async with Client(server) as client:
        result = await client.call_tool(tool, arguments)
    found: dict[str, Any] | None = result.structured_content
    assert result.is_error
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "tools"),
    [
        ("slack", {"list_channels", "list_users", "search_messages", "read_thread", "list_threads", "resolve"}),
        ("salesforce", {"find_accounts", "find_opportunities", "find_contacts"}),
        ("gong", {"find_calls"}),
    ],
)
async def test_the_tools_only_read_and_say_what_they_take_and_return(
    servers: Servers, name: str, tools: set[str]
) -> None:
    async with Client(servers[name]) as client:
        offered = (await client.list_tools()).tools
    assert {tool.name for tool in offered} == tools
    for tool in offered:
        assert tool.annotations is not None
        assert (tool.annotations.read_only_hint, tool.annotations.open_world_hint) == (True, False)
        assert tool.output_schema is not None
        assert tool.input_schema["additionalProperties"] is False
        assert all(of.get("description") for of in tool.input_schema["properties"].values()), tool.name


async def test_rows_hold_the_fields_asked_for_and_say_what_they_stand_on(servers: Servers, services: Services) -> None:
    answer = await content(servers["salesforce"], "find_accounts", fields=["name", "account_id"], limit=3)
    assert [set(row) for row in answer["rows"]] == [{"account_id", "name"}] * 3
    with services.snapshots.current() as engine:
        assert engine.snapshot is not None
        assert answer["snapshot_id"] == engine.snapshot.snapshot_id
    assert (answer["demo"], answer["freshness"]["status"]) == (True, "fresh")


async def test_a_misspelt_argument_or_name_is_refused_and_not_answered_with_everything_or_nothing(
    servers: Servers,
) -> None:
    argument = await problem(servers["salesforce"], "find_opportunities", stages=["Proposal"])
    assert (argument["code"], argument["hint"]) == ("invalid-request", "Did you mean stage?")
    assert argument["errors"] == [{"where": "stages", "what": "there is no such argument"}]
    name = await problem(servers["salesforce"], "find_accounts", segment=["Enterprize"])
    assert (name["code"], name["hint"]) == ("unknown-name", "Did you mean Enterprise?")


async def test_pages_together_are_all_rows_each_once(servers: Servers) -> None:
    ids: list[str] = []
    after, pages = None, 0
    while pages == 0 or after is not None:
        answer = await content(servers["gong"], "find_calls", fields=["call_id"], limit=200, after=after)
        ids += [row["call_id"] for row in answer["rows"]]
        after, pages = answer["next"], pages + 1
    assert len(ids) == len(set(ids)) > 200
    assert pages == -(-len(ids) // 200)


async def test_a_page_ends_before_it_gets_too_long_and_the_next_goes_on(servers: Servers) -> None:
    answer = await content(servers["gong"], "find_calls", limit=200)
    assert 0 < len(answer["rows"]) < 200
    assert len(json.dumps(answer)) < MOST_CHARACTERS
    following = await content(servers["gong"], "find_calls", limit=200, after=answer["next"])
    assert not {row["call_id"] for row in following["rows"]} & {row["call_id"] for row in answer["rows"]}


async def test_a_thread_is_read_from_its_id_and_from_slacks_links_to_it(servers: Servers) -> None:
    slack = servers["slack"]
    threads = (await content(slack, "list_threads", channel="#support", limit=50))["threads"]
    thread = next(item for item in threads if item["message_count"] > 2)
    channel, _, ts = thread["thread_id"].partition(":")
    place = f"https://larkfield.slack.com/archives/{channel}"
    link = f"{place}/p{ts.replace('.', '')}"
    by_id = await content(slack, "read_thread", thread=thread["thread_id"])
    assert len(by_id["rows"]) == thread["message_count"]
    assert by_id["rows"][0] == thread["first"]
    assert (await content(slack, "read_thread", thread=link))["rows"] == by_id["rows"]
    answer = by_id["rows"][-1]["message_id"].partition(":")[2].replace(".", "")
    to_an_answer = f"{place}/p{answer}?thread_ts={ts}&cid={channel}"
    assert (await content(slack, "read_thread", thread=to_an_answer))["rows"] == by_id["rows"]
    assert (await problem(slack, "read_thread", thread="C0SB0000001:1000000000.000000"))["code"] == "input"
    assert (await problem(slack, "list_threads", channel="#support", limit=51))["hint"] == "Ask for 1 to 50."


async def test_people_and_channels_are_found_by_what_they_are_called(servers: Servers) -> None:
    users = (await content(servers["slack"], "list_users", limit=3))["rows"]
    user = users[-1]
    answer = await content(
        servers["slack"], "resolve", names=[f"<@{user['user_id']}>", f"@{user['handle']}", "#support", "no such one"]
    )
    by_id, by_handle, channel, nobody = [item["matches"] for item in answer["resolved"]]
    assert [match["id"] for match in by_id] == [match["id"] for match in by_handle] == [user["user_id"]]
    assert [(match["kind"], match["name"]) for match in channel] == [("channel", "support")]
    assert nobody == []


async def test_a_channel_that_isnt_there_is_told_with_a_near_one(servers: Servers) -> None:
    told = await problem(servers["slack"], "list_threads", channel="suport")
    assert "#support" in told["hint"]


async def test_messages_are_searched_with_the_newest_first(servers: Servers) -> None:
    rows = (await content(servers["slack"], "search_messages", text="export", fields=["posted_at", "text"]))["rows"]
    assert len(rows) > 1
    assert [row["posted_at"] for row in rows] == sorted((row["posted_at"] for row in rows), reverse=True)
    assert all("export" in row["text"].lower() for row in rows)


async def test_records_describe_themselves(servers: Servers) -> None:
    async with Client(servers["salesforce"]) as client:
        [listed] = (await client.read_resource("salesforce://records")).contents
        [schema] = (await client.read_resource("salesforce://records/salesforce_accounts")).contents
        with pytest.raises(MCPError) as caught:
            await client.read_resource("salesforce://records/salesforce_acounts")
    assert isinstance(listed, TextResourceContents)
    assert isinstance(schema, TextResourceContents)
    assert "segment" in json.loads(listed.text)[0]["filters"]
    assert json.loads(schema.text)["properties"]["name"]["description"]
    assert caught.value.error.data["code"] == "unknown-name"


async def test_a_token_doesnt_tell_what_isnt_given(services: Services) -> None:
    given = with_settings(services, fields={"salesforce_accounts": ["account_id"]})
    server = build_server("salesforce", given, caller=LOCAL)
    answer = await content(server, "find_accounts", limit=1)
    named = await content(build_server("salesforce", services, caller=LOCAL), "find_accounts", limit=1)
    token = answer["next"]
    # Pages are ordered by the name, so a token has to hold the last one.
    assert named["rows"][0]["name"].encode() not in base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))


async def test_rows_are_found_by_the_names_that_people_know(servers: Servers) -> None:
    call = (await content(servers["gong"], "find_calls", limit=1))["rows"][0]
    name = call["account_name"]
    calls = await content(servers["gong"], "find_calls", account_name=name.lower(), fields=["account_name"])
    deals = await content(servers["salesforce"], "find_opportunities", account_name=name, fields=["account_name"])
    assert {row["account_name"] for row in calls["rows"] + deals["rows"]} == {name}
    message = (await content(servers["slack"], "search_messages", channel=["support"], limit=1))["rows"][0]
    by_author = await content(servers["slack"], "search_messages", author_handle=[message["author_handle"]], limit=9)
    assert {row["author_id"] for row in by_author["rows"]} == {message["author_id"]}


async def test_only_what_the_settings_give_is_given(services: Services) -> None:
    given = with_settings(
        services,
        records=["salesforce_accounts", "slack_messages"],
        fields={"salesforce_accounts": ["account_id", "name"]},
    )
    server = build_server("salesforce", given, caller=LOCAL)
    async with Client(server) as client:
        [tool] = (await client.list_tools()).tools
    # What can't be seen can't be filtered by, either: a filter would tell it.
    assert set(tool.input_schema["properties"]) == {"account_id", "name", "fields", "limit", "after"}
    assert set((await content(server, "find_accounts", limit=1))["rows"][0]) == {"account_id", "name"}
    told = await problem(server, "find_accounts", fields=["segment"])
    assert (told["code"], told["hint"]) == ("unknown-name", "Known: account_id, name")
    async with Client(build_server("slack", given, caller=LOCAL)) as client:
        assert {one.name for one in (await client.list_tools()).tools} == {"search_messages", "read_thread"}


async def test_a_named_query_reads_what_it_says(services: Services) -> None:
    server = build_server("salesforce", with_settings(services, queries={"open_deals": OPEN_DEALS}), caller=LOCAL)
    async with Client(server) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    assert set(tools["open_deals"].input_schema["properties"]) == {"segment", "fields", "limit", "after"}
    assert tools["open_deals"].description == OPEN_DEALS.description
    rows = (await content(server, "open_deals", segment=["Enterprise"], limit=200))["rows"]
    expected = await content(
        server, "find_opportunities", is_closed=False, segment=["Enterprise"], fields=list(OPEN_DEALS.fields), limit=200
    )
    assert rows == expected["rows"]
    assert rows


@pytest.mark.parametrize(
    ("mcp", "told"),
    [
        ({"records": ["salesforce_acounts"]}, "salesforce_accounts"),
        ({"fields": {"salesforce_accounts": ["nmae"]}}, "name"),
        ({"queries": {"q1": OPEN_DEALS.model_copy(update={"of": "deals"})}}, "salesforce_opportunities"),
        ({"queries": {"q1": OPEN_DEALS.model_copy(update={"fields": ("x",)})}}, "q1"),
        ({"queries": {"q1": OPEN_DEALS.model_copy(update={"parameters": ("stages",)})}}, "stage"),
        ({"queries": {"q1": OPEN_DEALS.model_copy(update={"filters": {"is_closed": "maybe"}})}}, "is_closed"),
        ({"queries": {"find_accounts": OPEN_DEALS}}, "otherwise"),
        ({"records": ["salesforce_accounts"], "queries": {"q1": OPEN_DEALS}}, "mcp.records"),
    ],
)
def test_settings_that_name_what_isnt_there_are_refused(services: Services, mcp: dict[str, Any], told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build_server("salesforce", with_settings(services, **mcp), caller=LOCAL)
    assert told in f"{caught.value.message} {caught.value.hint}"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<@U1> see <#C2|support>", "@ada see #support"),
        ("<@U9|bob> and <@U8>", "@bob and @U8"),
        ("<!here> <!subteam^S1|@ops>", "@here @ops"),
        ("<https://a.example/x|the page> <https://b.example>", "the page (https://a.example/x) https://b.example"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2", "1 < 2 && 3 > 2"),
        ("no markup", "no markup"),
    ],
)
def test_markup_reads_as_people_read_it(text: str, shown: str) -> None:
    assert readable(text, {"U1": "ada"}) == shown


@pytest.mark.parametrize(
    "link",
    [
        "C0AB12:1766110684.059900",
        "https://x.slack.com/archives/C0AB12/p1766110684059900",
        "<https://x.enterprise.slack.com/archives/C0AB12/p1766110999000000?thread_ts=1766110684.059900&amp;cid=C0AB12>",
    ],
)
def test_a_thread_is_named_by_id_or_link(link: str) -> None:
    assert thread_of(link) == "C0AB12:1766110684.059900"


def test_an_exact_name_is_meant_before_a_part_of_one() -> None:
    ada, adam = Named("user", "U1", "ada", None, True), Named("user", "U2", "adam", "Adam Oak", True)
    assert matching("@ada", [ada, adam]) == [ada]
    assert matching("oak", [ada, adam]) == [adam]
    assert matching("#ada", [ada, adam]) == []
    assert matching("@", [ada, adam]) == []
