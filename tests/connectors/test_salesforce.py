"""The Salesforce connector: what it asks, what it hands on, and what it refuses to believe."""

from __future__ import annotations

import re
from typing import Any

import pytest
from tests.connectors.salesforce_org import DATA, FIELDS, Org, records
from tests.wire import Reply

from sophia_kit.connectors import Batch
from sophia_kit.connectors.salesforce import Salesforce
from sophia_kit.core.errors import (
    AuthFailed,
    InputError,
    MalformedAnswer,
    PolicyRefused,
    ProviderError,
    RateLimited,
    RequestRejected,
    Unconfigured,
    UnknownName,
)
from sophia_kit.core.settings import Settings, load_settings

QUERY = f"{DATA}/queryAll"


async def read(salesforce: Salesforce, since: str | None = None, fields: tuple[str, ...] = FIELDS) -> list[Batch]:
    return [batch async for batch in salesforce.read("Account", since, fields)]


async def test_pages_are_followed_to_the_end_and_gathered_in_batches(org: Org, salesforce: Salesforce) -> None:
    everything = records(23_000)
    org.pages = [everything[at : at + 2000] for at in range(0, 23_000, 2000)]
    batches = await read(salesforce)
    assert [len(batch.records) for batch in batches] == [10_000, 10_000, 3_000]
    assert [record["Id"] for batch in batches for record in batch.records] == [record["Id"] for record in everything]
    assert [batch.cursor_high for batch in batches] == [
        "2025-06-01T02:46:39.000Z",
        "2025-06-01T05:33:19.000Z",
        "2025-06-01T06:23:19.000Z",
    ]
    assert batches[0].records[0] == {
        "Id": "0" * 18,
        "Name": "Zoë & Söhne ✓ 0",
        "SystemModstamp": "2025-06-01T00:00:00.000+0000",
        "IsDeleted": True,
    }
    assert {(batch.resource, batch.demo, batch.absent_fields) for batch in batches} == {("Account", False, ())}


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, None, 10**400, "\U0001f3e0" * 200])
async def test_an_id_that_is_none_is_handed_on_for_the_contract_to_refuse(
    odd: Any, org: Org, salesforce: Salesforce
) -> None:
    org.pages = [[records(1)[0] | {"Id": odd}], records(1, 1)]
    assert [record["Id"] for batch in await read(salesforce) for record in batch.records] == [odd, f"{1:018d}"]


async def test_a_full_read_asks_for_all_records_deleted_ones_too_in_a_stable_order(
    org: Org, salesforce: Salesforce
) -> None:
    await read(salesforce, fields=("Name",))
    assert org.queries() == ["SELECT Name, Id, SystemModstamp, IsDeleted FROM Account ORDER BY SystemModstamp, Id"]
    asked = next(request for request in org.server.requests if request.path == QUERY)
    assert asked.headers["sforce-query-options"] == "batchSize=2000"


async def test_an_incremental_read_begins_ten_minutes_before_its_cursor(org: Org, salesforce: Salesforce) -> None:
    await read(salesforce, since="2026-01-01T00:05:00.000Z")
    assert "WHERE SystemModstamp >= 2025-12-31T23:55:00.000Z ORDER BY SystemModstamp, Id" in org.queries()[0]


async def test_an_empty_answer_is_one_empty_batch(salesforce: Salesforce) -> None:
    assert await read(salesforce) == [Batch("Account", [], None, False)]


async def test_a_single_record_is_one_batch(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(1)]
    (batch,) = await read(salesforce)
    assert (len(batch.records), batch.cursor_high) == (1, "2025-06-01T00:00:00.000Z")


async def test_fields_that_the_organisation_lacks_are_left_out_and_named(org: Org, salesforce: Salesforce) -> None:
    org.fields = ("Id", "SystemModstamp", "Name")
    (batch,) = await read(salesforce, fields=("Id", "Name", "Segment__c", "CurrencyIsoCode"))
    assert batch.absent_fields == ("Segment__c", "CurrencyIsoCode")
    assert org.queries() == ["SELECT Id, Name, SystemModstamp FROM Account ORDER BY SystemModstamp, Id"]


@pytest.mark.parametrize("lacking", ["Id", "SystemModstamp"])
async def test_an_object_without_key_or_stamp_can_t_be_read(lacking: str, org: Org, salesforce: Salesforce) -> None:
    org.fields = tuple(name for name in FIELDS if name != lacking)
    with pytest.raises(RequestRejected, match=lacking):
        await read(salesforce)


@pytest.mark.parametrize(
    ("when", "capped"),
    [("Sun, 01 Jun 2025 00:00:05 GMT", True), ("Mon, 01 Jan 2035 00:00:00 GMT", False), ("nonsense", False)],
)
async def test_the_cursor_never_passes_the_vendor_s_own_time(
    when: str, capped: bool, org: Org, salesforce: Salesforce
) -> None:
    org.pages, org.headers = [records(10)], {"Date": when}
    (batch,) = await read(salesforce)
    assert batch.cursor_high == ("2025-06-01T00:00:05.000Z" if capped else "2025-06-01T00:00:09.000Z")


async def test_a_time_to_come_moves_no_cursor_beyond_now_though_no_answer_is_dated(
    org: Org, salesforce: Salesforce
) -> None:
    org.pages = [[*records(1), records(1, 1)[0] | {"SystemModstamp": "2090-01-01T00:00:00.000+0000"}]]
    (batch,) = await read(salesforce)
    assert "2025-06-01" < (batch.cursor_high or "") < "2090"


@pytest.mark.parametrize("stamp", [None, "", "yesterday", 7, "2025-06-01T00:00:00", ...])
async def test_a_record_without_a_readable_stamp_is_handed_on_and_moves_no_cursor(
    stamp: Any, org: Org, salesforce: Salesforce
) -> None:
    odd = {key: value for key, value in (records(1, 50)[0] | {"SystemModstamp": stamp}).items() if value is not ...}
    org.pages = [[*records(3), odd]]
    (batch,) = await read(salesforce)
    assert (len(batch.records), batch.cursor_high) == (4, "2025-06-01T00:00:02.000Z")


async def test_new_fields_and_unexpected_types_are_handed_on_as_they_came(org: Org, salesforce: Salesforce) -> None:
    odd = {
        "Id": 5,
        "Name": ["a"],
        "SystemModstamp": None,
        "IsDeleted": "perhaps",
        "Extra": {"deep": [1]},
        "Huge": "x" * 500_000,
    }
    org.pages = [[dict(odd)]]
    (batch,) = await read(salesforce)
    assert batch.records == [odd]


@pytest.mark.parametrize(
    "changed",
    [
        {"records": ...},
        {"records": None},
        {"records": {"Id": "1"}},
        {"records": ["Id"]},
        {"totalSize": ...},
        {"totalSize": "3"},
        {"totalSize": True},
        {"totalSize": 2},
        {"totalSize": 4},
        {"done": ...},
        {"done": "true"},
        {"done": False},
        {"nextRecordsUrl": f"{QUERY}/01g-1"},
        {"done": False, "nextRecordsUrl": 7},
    ],
    ids=str,
)
async def test_a_page_of_another_shape_is_never_taken_for_complete(
    changed: dict[str, Any], org: Org, salesforce: Salesforce
) -> None:
    org.pages = [records(3)]
    org.overrides[QUERY] = lambda _: org.page(0, **changed)
    with pytest.raises(ProviderError) as caught:
        await read(salesforce)
    assert isinstance(caught.value, MalformedAnswer)


@pytest.mark.parametrize("body", [None, [], "text", 7])
async def test_an_answer_that_is_no_page_is_refused(body: Any, org: Org, salesforce: Salesforce) -> None:
    org.overrides[QUERY] = lambda _: Reply(body=body)
    with pytest.raises(MalformedAnswer):
        await read(salesforce)


async def test_a_short_answer_is_an_error_after_all_its_pages(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), records(2, 2)]
    org.overrides[f"{QUERY}/01g-1"] = lambda _: org.page(1, records=records(1, 2))
    with pytest.raises(MalformedAnswer, match="announced 4 records of Account and sent 3"):
        await read(salesforce)


async def test_a_repeated_page_is_an_error(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), records(2), records(2, 2)]
    with pytest.raises(MalformedAnswer, match="same page of Account twice"):
        await read(salesforce)


async def test_a_page_that_points_to_itself_is_an_error(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), records(2, 2), records(2, 4)]
    org.overrides[f"{QUERY}/01g-1"] = lambda request: org.page(
        1, records=records(1, len(org.server.requests)), nextRecordsUrl=request.target
    )
    with pytest.raises(MalformedAnswer, match="circle"):
        await read(salesforce)


async def test_empty_pages_without_end_are_an_error(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), [], records(2, 2)]
    with pytest.raises(MalformedAnswer, match="circle"):
        await read(salesforce)


async def test_a_total_that_changes_between_pages_is_an_error(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), records(2, 2)]
    org.overrides[f"{QUERY}/01g-1"] = lambda _: org.page(1, totalSize=5)
    with pytest.raises(MalformedAnswer, match="announced 4"):
        await read(salesforce)


@pytest.mark.parametrize(
    "following",
    [
        "https://elsewhere.example/services/data/v66.0/queryAll/01g-1",
        "//elsewhere.example/x",
        f"{DATA}/sobjects/Account",
        "/services/oauth2/revoke",
        "/../x",
        "",
    ],
)
async def test_a_next_page_that_is_no_read_here_is_not_asked_for(
    following: str, org: Org, salesforce: Salesforce
) -> None:
    org.pages = [records(2), records(2, 2)]
    org.overrides[QUERY] = lambda _: org.page(0, nextRecordsUrl=following)
    with pytest.raises(PolicyRefused):
        await read(salesforce)
    assert [request.path for request in org.server.requests][2:] == [QUERY]


async def test_an_expired_token_is_renewed_once_and_the_reading_goes_on(org: Org, salesforce: Salesforce) -> None:
    org.pages = [records(2), records(2, 2)]

    def expire(_: object) -> Reply:
        org.tokens += 1
        del org.overrides[QUERY]
        return org.page(0)

    org.overrides[QUERY] = expire
    (batch,) = await read(salesforce)
    assert len(batch.records) == 4
    assert [request.path for request in org.server.requests].count("/services/oauth2/token") == 2


async def test_a_token_that_is_refused_again_is_the_end(org: Org, salesforce: Salesforce) -> None:
    org.overrides[QUERY] = lambda _: Reply(401, body=[{"errorCode": "INVALID_SESSION_ID", "message": "expired"}])
    with pytest.raises(AuthFailed) as caught:
        await read(salesforce)
    assert (caught.value.http_status, org.tokens) == (401, 2)


@pytest.mark.parametrize(
    ("error", "hint"),
    [
        ("invalid_grant", "SOPHIA_SALESFORCE__REFRESH_TOKEN"),
        ("invalid_client", "SOPHIA_SALESFORCE__CLIENT_SECRET"),
        ("invalid_client_id", "SOPHIA_SALESFORCE__CLIENT_ID"),
        ("inactive_user", "connected app"),
    ],
)
async def test_a_refused_login_says_which_setting_to_look_at(
    error: str, hint: str, org: Org, salesforce: Salesforce
) -> None:
    body = {"error": error, "error_description": "canary-refresh-token is bad"}
    org.overrides["/services/oauth2/token"] = lambda _: Reply(400, body=body)
    with pytest.raises(AuthFailed, match=error) as caught:
        await read(salesforce)
    assert hint in (caught.value.hint or "")
    assert "canary" not in str(caught.value.problem())
    assert len(org.server.requests) == 1


async def test_the_login_sends_the_refresh_token_in_the_body(org: Org, salesforce: Salesforce) -> None:
    await read(salesforce)
    login = org.server.requests[0]
    assert (login.method, login.target) == ("POST", "/services/oauth2/token")
    assert login.form == {
        "grant_type": "refresh_token",
        "client_id": "client",
        "client_secret": "canary-client-secret",
        "refresh_token": "canary-refresh-token",
    }


@pytest.mark.parametrize(
    "instance",
    ["http://elsewhere.example", "https://user:pw@elsewhere.example", "elsewhere", "https://x/path", 7, None],
)
async def test_an_instance_that_can_t_be_trusted_gets_no_token(instance: Any, org: Org, salesforce: Salesforce) -> None:
    org.overrides["/services/oauth2/token"] = lambda _: Reply(body={"access_token": "t", "instance_url": instance})
    with pytest.raises(ProviderError):
        await read(salesforce)
    assert len(org.server.requests) == 1


@pytest.mark.parametrize("token", [None, "", "line\nfeed", 7])
async def test_a_login_without_a_usable_token_is_malformed(token: Any, org: Org, salesforce: Salesforce) -> None:
    org.overrides["/services/oauth2/token"] = lambda _: Reply(
        body={"access_token": token, "instance_url": org.server.url}
    )
    with pytest.raises(MalformedAnswer):
        await read(salesforce)


@pytest.mark.parametrize(
    ("status", "code", "kind", "hint"),
    [
        (400, "INVALID_FIELD", RequestRejected, "read access"),
        (400, "INVALID_TYPE", RequestRejected, "read access"),
        (400, "INVALID_QUERY_LOCATOR", RequestRejected, "expired between two pages"),
        (400, "MALFORMED_QUERY", RequestRejected, "status codes"),
        (403, "API_DISABLED_FOR_ORG", AuthFailed, "read access"),
        (403, "REQUEST_LIMIT_EXCEEDED", RateLimited, "24-hour window"),
        (404, "NOT_FOUND", RequestRejected, "read access"),
    ],
)
async def test_an_error_says_salesforce_s_code_and_what_to_do(
    status: int, code: str, kind: type[ProviderError], hint: str, org: Org, salesforce: Salesforce
) -> None:
    org.overrides[QUERY] = lambda _: Reply(status, body=[{"errorCode": code, "message": "because\n of  this"}])
    with pytest.raises(kind, match=f"{status} {code}: because of this") as caught:
        await read(salesforce)
    assert (caught.value.http_status, caught.value.provider) == (status, "salesforce")
    assert hint in (caught.value.hint or "")
    assert [request.path for request in org.server.requests].count(QUERY) == 1


@pytest.mark.parametrize(
    ("said", "requests", "hint"),
    [
        ("TotalRequests Limit exceeded.", 1, "24-hour window"),
        ("ConcurrentRequests (Concurrent API Requests) Limit exceeded.", 3, "quieter hour"),
        ("ConcurrentPerOrgLongTxn Limit exceeded", 3, "quieter hour"),
    ],
)
async def test_what_runs_at_the_same_time_passes_and_the_day_s_requests_do_not(
    said: str, requests: int, hint: str, org: Org, salesforce: Salesforce
) -> None:
    org.overrides[QUERY] = lambda _: Reply(403, body=[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": said}])
    with pytest.raises(RateLimited, match=r"403 REQUEST_LIMIT_EXCEEDED") as caught:
        await read(salesforce)
    assert hint in (caught.value.hint or "")
    assert [request.path for request in org.server.requests].count(QUERY) == requests
    again = [Reply(403, body=[{"errorCode": "REQUEST_LIMIT_EXCEEDED", "message": said}]), org.page(0)]
    org.overrides[QUERY] = lambda _: again.pop(0)
    if requests > 1:
        assert await read(salesforce)


@pytest.mark.parametrize(("used", "stops"), [(4000, False), (4001, True), (5000, True)])
async def test_reading_stops_when_the_organisation_s_api_use_passes_its_share(
    used: int, stops: bool, org: Org, salesforce: Salesforce
) -> None:
    org.headers = {"Sforce-Limit-Info": f"api-usage={used}/5000; per-app-api-usage=17/250(appName=sophia)"}
    if stops:
        with pytest.raises(RateLimited, match=f"{used:,} of 5,000") as caught:
            await read(salesforce)
        assert "SOPHIA_SALESFORCE__API_LIMIT_SHARE" in (caught.value.hint or "")
        assert QUERY not in [request.path for request in org.server.requests]
    else:
        assert await read(salesforce)


async def test_an_unknown_object_is_named_with_suggestions(salesforce: Salesforce) -> None:
    with pytest.raises(UnknownName) as caught:
        await anext(salesforce.read("Acount", None, FIELDS))
    assert caught.value.suggestions == ("Account", "Contact")


@pytest.mark.parametrize("since", ["", "yesterday", "2025-12-31", "2025-12-31T00:00:00", "0' OR Id != '"])
async def test_a_cursor_that_is_no_time_is_refused_before_anything_is_sent(
    since: str, org: Org, salesforce: Salesforce
) -> None:
    with pytest.raises(InputError):
        await read(salesforce, since=since)
    assert org.server.accepted == 0


async def test_without_credentials_nothing_is_sent_and_the_missing_settings_are_named(tmp_path: Any) -> None:
    (tmp_path / "sophia.toml").touch()
    names = tuple(f"SOPHIA_SALESFORCE__{name}" for name in ("BASE_URL", "CLIENT_ID", "CLIENT_SECRET", "REFRESH_TOKEN"))
    async with Salesforce(load_settings(tmp_path)) as salesforce:
        assert Salesforce.missing(load_settings(tmp_path)) == names
        with pytest.raises(Unconfigured) as caught:
            await read(salesforce)
        assert caught.value.missing == names
        health = await salesforce.health()
    assert (health.state, health.latency_ms) == ("unconfigured", None)
    assert re.findall(r"SOPHIA_\w+", health.hint or "") == list(names)


async def test_health_is_reachable_only_after_talking(org: Org, salesforce: Salesforce) -> None:
    org.headers = {"Sforce-Limit-Info": "api-usage=18/5000"}
    health = await salesforce.health()
    assert (health.state, health.hint) == ("reachable", None)
    assert "18 of 5,000" in health.detail
    assert health.latency_ms is not None
    assert [request.path for request in org.server.requests] == [
        "/services/oauth2/token",
        f"{DATA}/sobjects/Account/describe",
    ]
    assert await org.server.all_closed()


async def test_health_says_what_fails_and_what_to_do(org: Org, salesforce: Salesforce) -> None:
    org.overrides["/services/oauth2/token"] = lambda _: Reply(400, body={"error": "invalid_grant"})
    health = await salesforce.health()
    assert (health.state, health.detail) == ("failing", "Salesforce refused the login: invalid_grant.")
    assert "SOPHIA_SALESFORCE__REFRESH_TOKEN" in (health.hint or "")


async def test_health_of_a_vendor_that_is_down_is_failing_within_seconds(settings: Settings, org: Org) -> None:
    org.overrides["/services/oauth2/token"] = lambda _: Reply(drop=True)
    async with Salesforce(settings) as salesforce:
        health = await salesforce.health()
    assert health.state == "failing"
    assert len(org.server.requests) == 2


def test_no_secret_is_in_a_repr(settings: Settings) -> None:
    salesforce = Salesforce(settings)
    assert "canary" not in f"{salesforce!r} {settings!r} {settings.salesforce!r}"
