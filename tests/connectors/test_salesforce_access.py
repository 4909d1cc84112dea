"""What of Salesforce may be read, and queries of one's own: refused before sending, or read to the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Protocol

import pytest
from tests.connectors.salesforce_org import DATA, Org, records
from tests.wire import Reply, Request

from sophia_kit.connectors import Batch
from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.core.errors import InputError, MalformedAnswer, PolicyRefused, QueryLimit, QueryRefused, RateLimited
from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.sandbox import Company, SandboxServer, connected

QUERY = f"{DATA}/query"
COMPANY = Path(__file__).parents[2] / "data" / "company.toml"


class Opened(Protocol):
    def __call__(self, **limits: Any) -> AbstractAsyncContextManager[Salesforce]: ...


@pytest.fixture
def opened(settings: Settings) -> Opened:
    """A connector to the scripted organisation, with these limits."""

    @asynccontextmanager
    async def open_(**limits: Any) -> AsyncIterator[Salesforce]:
        section = settings.salesforce.model_copy(update=limits)
        async with Salesforce(settings.model_copy(update={"salesforce": section})) as connector:
            yield connector

    return open_


def pages(org: Org, *parts: list[dict[str, Any]]) -> None:
    """Have the organisation answer `/query` with these pages."""
    org.pages = list(parts)

    def answer(request: Request) -> Reply:
        number = 0 if request.path == QUERY else int(request.path.rpartition("-")[2])
        following = {"nextRecordsUrl": f"{QUERY}/01g-{number + 1}"} if number + 1 < len(parts) else {}
        return org.page(number, **following)

    org.overrides |= {QUERY: answer} | {f"{QUERY}/01g-{number}": answer for number in range(1, len(parts))}


async def found(salesforce: Salesforce, soql: str, **limits: Any) -> list[Batch]:
    return [batch async for batch in salesforce.query(soql, **limits)]


async def test_a_query_is_read_to_its_end_without_deleted_records(org: Org, opened: Opened) -> None:
    pages(org, records(2), records(2, 2), records(1, 4))
    async with opened() as salesforce:
        batches = await found(salesforce, "select Id, Name from Account where Name != null order by Name desc")
    assert [len(batch.records) for batch in batches] == [2, 2, 1]
    assert {(batch.resource, batch.cursor_high, batch.demo) for batch in batches} == {("Account", None, False)}
    assert org.queries() == ["SELECT Id, Name FROM Account WHERE Name != null ORDER BY Name DESC LIMIT 10001"]
    assert "/queryAll" not in " ".join(request.path for request in org.server.requests)


async def test_nothing_found_is_one_empty_batch(org: Org, opened: Opened) -> None:
    pages(org, [])
    async with opened() as salesforce:
        assert await found(salesforce, "SELECT Id FROM Account LIMIT 5") == [Batch("Account", [], None, demo=False)]
    assert org.queries() == ["SELECT Id FROM Account LIMIT 5"]


async def test_a_query_that_finds_too_much_ends_after_its_first_page(org: Org, opened: Opened) -> None:
    pages(org, records(2), records(2, 2))
    async with opened() as salesforce:
        with pytest.raises(QueryLimit, match="more than 3 records of Account"):
            await found(salesforce, "SELECT Id FROM Account", row_limit=3)
        assert sum(len(batch.records) for batch in await found(salesforce, "SELECT Id FROM Account", row_limit=4)) == 4
        with pytest.raises(InputError):
            await found(salesforce, "SELECT Id FROM Account", row_limit=0)
    assert [query[-8:] for query in org.queries()] == [" LIMIT 4", " LIMIT 5"]


async def test_pages_of_a_query_are_trusted_as_little_as_those_of_a_load(org: Org, opened: Opened) -> None:
    pages(org, records(2), records(2))
    async with opened() as salesforce:
        with pytest.raises(MalformedAnswer):
            await found(salesforce, "SELECT Id FROM Account")


async def test_pages_without_keys_may_be_alike(org: Org, opened: Opened) -> None:
    alike = [{"Status": "Completed"}] * 2
    pages(org, alike, alike, alike[:1])
    async with opened() as salesforce:
        batches = await found(salesforce, "SELECT Status FROM Task")
    assert [len(batch.records) for batch in batches] == [2, 2, 1]


@pytest.mark.parametrize(
    ("soql", "says"),
    [
        ("DELETE FROM Account", "SELECT is missing"),
        ("SELECT Id FROM Account FOR UPDATE", "not expected"),
        ("SELECT Id FROM Account; SELECT Id FROM User", "outside the grammar"),
        ("SELECT Id FROM Lead", "Lead is not one of Account, Contact"),
        ("SELECT Owner.Email FROM Account", "belongs to another object"),
        ("SELECT Id FROM Contact WHERE Account.Name = 'x'", "belongs to another object"),
        ("SELECT Id, Email FROM contact", "contact.Email is not one of the fields"),
        ("SELECT Id FROM Contact WHERE email != null", "Contact.email is not one of the fields"),
        ("SELECT Id FROM Contact ORDER BY Email", "Contact.Email is not one of the fields"),
    ],
)
async def test_a_query_outside_of_the_lists_is_not_sent(soql: str, says: str, org: Org, opened: Opened) -> None:
    async with opened(objects=("Account", "Contact"), fields={"Contact": ("Name", "AccountId")}) as salesforce:
        with pytest.raises(QueryRefused, match=says) as caught:
            await found(salesforce, soql)
    assert caught.value.hint
    assert org.server.accepted == 0


async def test_listed_objects_and_fields_pass_in_any_case(org: Org, opened: Opened) -> None:
    pages(org, records(1))
    async with opened(objects=("Lead",), fields={"Lead": ("Company",)}) as salesforce:
        soql = "SELECT id, COMPANY, IsDeleted FROM lead ORDER BY SystemModstamp"
        assert len((await found(salesforce, soql))[0].records) == 1


async def test_an_object_that_isn_t_listed_is_neither_described_nor_read(org: Org, opened: Opened) -> None:
    async with opened(objects=("Account",)) as salesforce:
        assert (salesforce.off("Account"), salesforce.off("Contact") is None) == (None, False)
        with pytest.raises(PolicyRefused, match="Contact was not asked for") as caught:
            await salesforce.fields("Contact")
        with pytest.raises(PolicyRefused):
            await anext(salesforce.read("Contact", None, ("Id",)))
    assert "SOPHIA_SALESFORCE__OBJECTS" in (caught.value.hint or "")
    assert org.server.accepted == 0


async def test_a_field_that_isn_t_listed_is_absent_and_no_drift(org: Org, opened: Opened) -> None:
    org.fields = ("Id", "SystemModstamp", "IsDeleted", "Name", "Phone", "Secret__c")
    async with opened(fields={"account": ("name",)}) as salesforce:
        assert await salesforce.fields("Account") == ("Id", "IsDeleted", "Name", "SystemModstamp")
        (batch,) = [one async for one in salesforce.read("Account", None, ("Id", "Name", "Phone"))]
    assert batch.absent_fields == ("Phone",)
    assert org.queries() == ["SELECT Id, Name, SystemModstamp, IsDeleted FROM Account ORDER BY SystemModstamp, Id"]


async def test_requests_under_way_count_against_the_share(org: Org, opened: Opened) -> None:
    """Six readings begin at once when four requests are left."""
    org.headers = {"Sforce-Limit-Info": "api-usage=3996/5000"}
    async with opened() as salesforce:
        await salesforce.fields("Account")
        slow = org.page(0)
        org.overrides[QUERY] = lambda _: Reply(body=slow.body, headers=org.headers, delay_s=0.2)
        readings = (found(salesforce, "SELECT Id FROM Account") for _ in range(6))
        ends = await asyncio.gather(*readings, return_exceptions=True)
    assert [type(end) for end in ends if isinstance(end, BaseException)] == [RateLimited]
    assert len(org.queries()) == 5, "the one that brings it to the share itself is sent"


async def test_a_service_looks_things_up_in_the_sandbox(tmp_path: Path) -> None:
    company = Company.load(COMPANY, scale=0.02)
    closed = company.table("salesforce_tasks").filter("IsClosed")
    deleted = int(closed["IsDeleted"].sum())
    with SandboxServer(company, page_limit=200) as sandbox:
        async with Salesforce(connected(load_settings(tmp_path), sandbox.base_url)) as salesforce:
            soql = "SELECT Id, WhatId, CompletedDateTime FROM Task WHERE IsClosed = true"
            batches = await found(salesforce, soql)
    ids = {record["Id"] for batch in batches for record in batch.records if record["Id"] is not None}
    assert deleted > 0
    assert len(batches) > 2
    assert ids >= set(closed.filter(~closed["IsDeleted"])["Id"])
    assert not ids & set(closed.filter("IsDeleted")["Id"])
    assert {batch.demo for batch in batches} == {True}
