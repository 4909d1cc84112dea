"""Salesforce's REST API, asked over HTTP."""

from __future__ import annotations

import base64
from typing import Any

import httpx
import polars as pl
import pytest
from tests.sandbox.conftest import credentials, sign_in

from sophia_kit.sandbox import CLIENT_ID, CLIENT_SECRET, Company, SandboxServer
from sophia_kit.sandbox.salesforce import OBJECTS

BASE = "/services/data/v66.0"


def ask(client: httpx.Client, soql: str, how: str = "query", batch: int | None = None) -> httpx.Response:
    headers = {} if batch is None else {"Sforce-Query-Options": f"batchSize={batch}"}
    return client.get(f"{BASE}/{how}", params={"q": soql}, headers=headers)


def read_all(client: httpx.Client, soql: str, how: str = "query", batch: int | None = None) -> list[dict[str, Any]]:
    """All records, following the pages to their end."""
    headers = {} if batch is None else {"Sforce-Query-Options": f"batchSize={batch}"}
    page = ask(client, soql, how, batch).json()
    records: list[dict[str, Any]] = list(page["records"])
    while not page["done"]:
        page = client.get(page["nextRecordsUrl"], headers=headers).json()
        records += page["records"]
    assert len(records) == page["totalSize"]
    return records


def test_a_refresh_token_buys_an_access_token(server: SandboxServer) -> None:
    with httpx.Client(base_url=server.base_url, trust_env=False) as client:
        answer = client.post("/services/oauth2/token", data=credentials())
        assert answer.status_code == 200
        content = answer.json()
        assert content["instance_url"] == server.base_url
        assert content["token_type"] == "Bearer"
        assert set(content) >= {"access_token", "id", "issued_at", "signature"}
        again = client.post("/services/oauth2/token", data=credentials()).json()
        assert again["access_token"] != content["access_token"]


def test_the_client_may_name_itself_by_basic_authorization(server: SandboxServer) -> None:
    form = {name: value for name, value in credentials().items() if not name.startswith("client_")}
    secret = base64.b64encode(f"{CLIENT_ID}:{CLIENT_SECRET}".encode()).decode()
    answer = httpx.post(
        f"{server.base_url}/services/oauth2/token",
        data=form,
        headers={"Authorization": f"Basic {secret}"},
        trust_env=False,
    )
    assert answer.status_code == 200


@pytest.mark.parametrize(
    ("changed", "error"),
    [
        ({"refresh_token": "stolen"}, "invalid_grant"),
        ({"client_id": "nobody"}, "invalid_client_id"),
        ({"client_secret": "guess"}, "invalid_client"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
    ],
)
def test_wrong_credentials_are_refused(server: SandboxServer, changed: dict[str, str], error: str) -> None:
    answer = httpx.post(f"{server.base_url}/services/oauth2/token", data=credentials() | changed, trust_env=False)
    assert answer.status_code == 400
    assert answer.json()["error"] == error
    assert answer.json()["error_description"]


def test_without_a_valid_token_there_is_no_answer(server: SandboxServer, client: httpx.Client) -> None:
    for headers in ({}, {"Authorization": "Bearer forged"}):
        answer = httpx.get(f"{server.base_url}{BASE}/limits", headers=headers, trust_env=False)
        assert answer.status_code == 401
        assert answer.json() == [{"message": "Session expired or invalid", "errorCode": "INVALID_SESSION_ID"}]
    assert client.get(f"{BASE}/limits").status_code == 200
    server.salesforce.expire_tokens()
    assert client.get(f"{BASE}/limits").status_code == 401
    sign_in(client)
    assert client.get(f"{BASE}/limits").status_code == 200


def test_tokens_end_by_themselves(company: Company) -> None:
    with (
        SandboxServer(company, token_life_s=0.0) as server,
        httpx.Client(base_url=server.base_url, trust_env=False) as client,
    ):
        sign_in(client)
        assert client.get(f"{BASE}/limits").status_code == 401


@pytest.mark.parametrize(("thing", "name"), OBJECTS.items())
def test_every_record_of_every_object_can_be_read(
    company: Company, client: httpx.Client, thing: str, name: str
) -> None:
    frame = company.table(name)
    fields = ", ".join(frame.columns)
    records = read_all(client, f"SELECT {fields} FROM {thing}", "queryAll")
    broken = {key for wart in company.truth.of(name, "malformed") for key in wart.ids}
    good = {r["Id"]: r for r in records if r["Id"] is not None and r["Id"] not in broken}
    assert set(good) == set(frame["Id"])
    for row in frame.head(50).iter_rows(named=True):
        record = good[row["Id"]]
        assert record["attributes"] == {"type": thing, "url": f"{BASE}/sobjects/{thing}/{row['Id']}"}
        for field, value in row.items():
            found = record[field]
            if value is None:
                assert found is None
            elif frame.schema[field] == pl.Datetime("us", "UTC"):
                assert found == f"{value:%Y-%m-%dT%H:%M:%S}.000+0000"
            elif frame.schema[field] == pl.Date():
                assert found == value.isoformat()
            elif isinstance(frame.schema[field], pl.Decimal):
                assert isinstance(found, float)
                assert f"{found:.2f}" == f"{value:.2f}"
            else:
                assert found == value


def test_pages_have_the_size_asked_for(client: httpx.Client) -> None:
    soql = "SELECT Id FROM OpportunityHistory"
    whole = ask(client, soql).json()
    assert whole["done"] is True
    assert whole["totalSize"] == len(whole["records"]) > 1000
    assert "nextRecordsUrl" not in whole
    for asked, given in ((200, 200), (1, 200), (450, 450), (9999, whole["totalSize"])):
        page = ask(client, soql, batch=asked).json()
        assert len(page["records"]) == given
        assert page["totalSize"] == whole["totalSize"]
        assert page["done"] is (given == whole["totalSize"])
    keys = [r["Id"] for r in read_all(client, soql, batch=200)]
    assert keys == [r["Id"] for r in whole["records"]]
    assert len(set(keys)) == len(keys)


@pytest.mark.slow
def test_more_than_2000_records_come_in_pages_by_themselves() -> None:
    from tests.sandbox.conftest import PROFILE

    with (
        SandboxServer(Company.load(PROFILE)) as server,
        httpx.Client(base_url=server.base_url, trust_env=False) as client,
    ):
        sign_in(client)
        page = ask(client, "SELECT Id FROM OpportunityHistory").json()
        assert (len(page["records"]), page["done"]) == (2000, False)
        assert len(read_all(client, "SELECT Id FROM OpportunityHistory")) > 8000


def test_deleted_records_are_in_query_all_alone(client: httpx.Client) -> None:
    soql = "SELECT Id, IsDeleted FROM Contact"
    kept, everything = read_all(client, soql), read_all(client, soql, "queryAll")
    assert not any(r["IsDeleted"] for r in kept)
    assert len(everything) - len(kept) == sum(r["IsDeleted"] for r in everything) > 0
    assert len(read_all(client, "SELECT Id FROM Contact WHERE IsDeleted = true")) == 0


def test_pages_go_on_as_they_began_though_the_crm_moves_on(server: SandboxServer, client: httpx.Client) -> None:
    soql = "SELECT Id, SystemModstamp FROM Contact"
    first = ask(client, soql, "queryAll", 200).json()
    server.advance(1)
    second = client.get(first["nextRecordsUrl"]).json()
    assert second["totalSize"] == first["totalSize"]
    assert ask(client, soql, "queryAll").json()["totalSize"] > first["totalSize"]


def test_what_changed_since_a_moment(client: httpx.Client) -> None:
    since = "2025-11-30T12:00:00.000+0000"
    soql = "SELECT Id, SystemModstamp FROM Opportunity WHERE SystemModstamp >= {} ORDER BY SystemModstamp ASC, Id"
    records = read_all(client, soql.format(since), "queryAll")
    stamps = [r["SystemModstamp"] for r in records]
    assert stamps == sorted(stamps)
    everything = read_all(client, "SELECT Id, SystemModstamp FROM Opportunity", "queryAll")
    assert len(records) == sum(r["SystemModstamp"] >= since for r in everything) > 0
    assert len(read_all(client, soql.format("2025-11-30T06:00:00-06:00"), "queryAll")) == len(records)


@pytest.mark.parametrize(
    ("soql", "code"),
    [
        ("SELECT Id FROM Lead", "INVALID_TYPE"),
        ("SELECT Id, Salary FROM Account", "INVALID_FIELD"),
        ("SELECT Id FROM Account WHERE Salary = 1", "INVALID_FIELD"),
        ("SELECT Id FROM Account ORDER BY Salary", "INVALID_FIELD"),
        ("SELECT IsDeleted FROM User", "INVALID_FIELD"),
        ("SELECT * FROM Account", "MALFORMED_QUERY"),
        ("", "MALFORMED_QUERY"),
        ("DELETE FROM Account", "MALFORMED_QUERY"),
    ],
)
def test_queries_that_cannot_be_answered(client: httpx.Client, soql: str, code: str) -> None:
    answer = ask(client, soql)
    assert answer.status_code == 400
    (error,) = answer.json()
    assert error["errorCode"] == code
    assert error["message"]


def test_an_unknown_locator(client: httpx.Client) -> None:
    answer = client.get(f"{BASE}/query/01gSB0000000999AAA-200")
    assert answer.status_code == 400
    assert answer.json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_old_locators_end(client: httpx.Client) -> None:
    first = ask(client, "SELECT Id FROM Contact", batch=200).json()["nextRecordsUrl"]
    for _ in range(499):
        ask(client, "SELECT Id FROM User LIMIT 1")
    assert client.get(first).status_code == 200
    ask(client, "SELECT Id FROM User LIMIT 1")
    assert client.get(first).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_describe_says_what_can_be_asked(company: Company, client: httpx.Client) -> None:
    for thing, name in OBJECTS.items():
        content = client.get(f"{BASE}/sobjects/{thing}/describe").json()
        assert content["name"] == thing
        assert [field["name"] for field in content["fields"]] == company.table(name).columns
    types = {f["name"]: f["type"] for f in client.get(f"{BASE}/sobjects/Opportunity/describe").json()["fields"]}
    assert types["Id"] == "id"
    assert types["AccountId"] == "reference"
    assert types["Amount"] == "currency"
    assert types["CloseDate"] == "date"
    assert types["IsWon"] == "boolean"
    assert types["SystemModstamp"] == "datetime"
    assert client.get(f"{BASE}/sobjects/Lead/describe").status_code == 404


def test_every_answer_says_how_much_of_the_limit_is_used(client: httpx.Client) -> None:
    used = []
    for path in (f"{BASE}/limits", f"{BASE}/sobjects", f"{BASE}/sobjects/Account/describe", f"{BASE}/nothing"):
        header = client.get(path).headers["Sforce-Limit-Info"]
        count, _, limit = header.removeprefix("api-usage=").partition("/")
        used.append(int(count))
        assert limit == "100000"
    assert used == list(range(used[0], used[0] + 4))
    assert client.get(f"{BASE}/limits").json()["DailyApiRequests"] == {
        "Max": 100_000,
        "Remaining": 100_000 - used[-1] - 1,
    }


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize(
    "path", [f"{BASE}/sobjects/Account", f"{BASE}/query", f"{BASE}/sobjects/Account/001SB0000000000YAA"]
)
def test_nothing_can_be_written(client: httpx.Client, company: Company, method: str, path: str) -> None:
    answer = client.request(method, path, json={"Name": "Changed"})
    assert answer.status_code == 405
    assert answer.headers["Allow"] == "GET"
    assert answer.json()[0]["errorCode"] == "METHOD_NOT_ALLOWED"


def test_versions_and_unknown_places(client: httpx.Client) -> None:
    versions = client.get("/services/data").json()
    assert {"label", "url", "version"} == set(versions[0])
    assert "/services/data/v66.0" in [v["url"] for v in versions]
    for path in ("/services/data/v12.0/limits", "/services/data/vX/limits", f"{BASE}/sobjects/Account"):
        assert client.get(path).status_code == 404
    assert client.get("/elsewhere").status_code == 404
