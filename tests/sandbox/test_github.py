"""GitHub's REST API, asked over HTTP, as its reference says that it answers."""

from __future__ import annotations

import hashlib
import re
from base64 import b64decode
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import jwt
import pytest
from tests.sandbox.conftest import PROFILE

from sophia_kit.sandbox import Company, SandboxServer
from sophia_kit.sandbox.engineering import make_engineering
from sophia_kit.sandbox.github import GITHUB_TOKEN
from sophia_kit.sandbox.github_app import APP_ID, INSTALLATION_ID, private_key

HERE = "/repos/larkfield/payments"
LOGIN = f"/app/installations/{INSTALLATION_ID}/access_tokens"


@pytest.fixture(scope="module")
def server(company: Company) -> Iterator[SandboxServer]:
    with SandboxServer(company) as running:
        yield running


@pytest.fixture(scope="module")
def github(server: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": f"Bearer {GITHUB_TOKEN}"}
    with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as client:
        yield client


def claim(**changed: Any) -> dict[str, str]:
    now = datetime.now(UTC)
    claims = {"iat": now - timedelta(seconds=60), "exp": now + timedelta(minutes=9), "iss": APP_ID} | changed
    return {"Authorization": f"Bearer {jwt.encode(claims, private_key(), algorithm='RS256')}"}


def read_all(client: httpx.Client, path: str, **params: str) -> list[dict[str, Any]]:
    answer = client.get(path, params=params)
    found: list[dict[str, Any]] = []
    while True:
        body = answer.json()
        found += body["workflow_runs"] if isinstance(body, dict) else body
        if "next" not in answer.links:
            return found
        answer = client.get(answer.links["next"]["url"])


def test_a_list_is_read_by_links_that_name_the_repository_by_its_id(github: httpx.Client) -> None:
    answer = github.get(f"{HERE}/pulls", params={"state": "all", "per_page": "50"})
    number = github.get(HERE).json()["id"]
    assert re.search(rf"/repositories/{number}/pulls\?state=all&per_page=50&page=2$", answer.links["next"]["url"])
    assert answer.links["last"]["url"].endswith("page=5")
    found = read_all(github, f"{HERE}/pulls", state="all", per_page="50")
    assert (
        len(found)
        == len({record["node_id"] for record in found})
        == 50 * 4 + len(github.get(answer.links["last"]["url"]).json())
    )
    assert len(github.get(f"{HERE}/pulls", params={"state": "all"}).json()) == 30


def test_open_ones_come_unless_all_are_asked_for_and_in_the_order_asked_for(github: httpx.Client) -> None:
    assert {record["state"] for record in read_all(github, f"{HERE}/issues")} == {"open"}
    closed = read_all(github, f"{HERE}/pulls", state="closed", sort="updated", direction="asc")
    times = [record["updated_at"] for record in closed]
    assert times == sorted(times)
    assert {record["closed_at"] is not None for record in closed} == {True}


def test_every_pull_request_is_an_issue_too(github: httpx.Client) -> None:
    pulls = {record["number"]: record for record in read_all(github, f"{HERE}/pulls", state="all")}
    issues = {record["number"]: record for record in read_all(github, f"{HERE}/issues", state="all")}
    assert set(pulls) == {number for number, record in issues.items() if "pull_request" in record}
    assert all(issues[number]["updated_at"] == record["updated_at"] for number, record in pulls.items())
    titles = "".join(str(record["title"]) for record in issues.values())
    assert "支払い" in titles
    assert "🧾" in titles


def test_since_keeps_what_changed_then_or_later(github: httpx.Client) -> None:
    found = read_all(github, f"{HERE}/issues", state="all", since="2025-12-01T00:00:00Z")
    assert found
    assert min(record["updated_at"] for record in found) >= "2025-12-01"
    assert any(record["created_at"] < "2024" for record in found)


def test_a_search_of_runs_shows_a_thousand_and_tells_how_many_there_are(github: httpx.Client) -> None:
    everything = read_all(github, f"{HERE}/actions/runs", per_page="100")
    first = github.get(f"{HERE}/actions/runs", params={"created": ">=2020-01-01T00:00:00Z"}).json()
    assert first["total_count"] == len(everything) > 1000
    assert len(read_all(github, f"{HERE}/actions/runs", per_page="100", created=">=2020-01-01T00:00:00Z")) == 1000
    part = read_all(github, f"{HERE}/actions/runs", created="2025-03-01T00:00:00Z..2025-03-31T23:59:59Z")
    assert {record["created_at"][:7] for record in part} == {"2025-03"}
    assert {(r["status"], r["conclusion"] is None) for r in everything} == {("completed", False), ("in_progress", True)}
    again = [record for record in everything if record["run_attempt"] == 2]
    assert again
    assert {record["conclusion"] for record in again} == {"success"}


def test_trees_and_blobs_are_named_by_the_digest_of_what_they_hold(github: httpx.Client) -> None:
    (head,) = github.get(f"{HERE}/commits", params={"per_page": "1"}).json()
    root = head["commit"]["tree"]["sha"]
    tree = github.get(f"{HERE}/git/trees/{root}", params={"recursive": "1"}).json()
    assert tree["truncated"] is False
    paths = {entry["path"]: entry for entry in tree["tree"]}
    assert {entry["type"] for entry in paths.values()} == {"blob", "tree", "commit"}
    entry = paths["docs/übersicht.md"]
    blob = github.get(f"{HERE}/git/blobs/{entry['sha']}").json()
    content = b64decode(blob["content"])
    assert (blob["encoding"], blob["size"], len(content)) == ("base64", entry["size"], entry["size"])
    named = hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()
    assert named == entry["sha"]
    inner = github.get(f"{HERE}/git/trees/{paths['docs']['sha']}").json()
    assert {f"docs/{one['path']}" for one in inner["tree"]} == {
        path for path in paths if re.fullmatch(r"docs/[^/]+", path)
    }


def test_a_repository_without_a_commit_says_so(github: httpx.Client) -> None:
    answer = github.get("/repos/larkfield/handbook/commits")
    assert (answer.status_code, answer.json()["message"]) == (409, "Git Repository is empty.")


def test_a_former_name_leads_to_the_repository_by_its_id(github: httpx.Client) -> None:
    answer = github.get("/repos/larkfield/rentals/pulls", params={"state": "all"})
    assert answer.status_code == 301
    assert re.search(r"/repositories/\d+/pulls\?state=all$", answer.headers["location"])
    assert github.get(answer.headers["location"]).json() == github.get(f"{HERE}/pulls?state=all").json()


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"Authorization": ""}, 401, "Bad credentials"),
        ({"Authorization": "Bearer ghs_none"}, 401, "Bad credentials"),
        ({"X-GitHub-Api-Version": "2020-01-01"}, 400, "'2020-01-01' is not a valid API version"),
    ],
)
def test_who_may_not_ask_is_told(headers: dict[str, str], status: int, message: str, github: httpx.Client) -> None:
    answer = github.get(HERE, headers=headers)
    assert (answer.status_code, answer.json()["message"]) == (status, message)


@pytest.mark.parametrize(
    "path", ["/repos/larkfield/none", "/repos/other/payments", f"{HERE}/git/trees/none", f"{HERE}/x"]
)
def test_what_is_not_there_is_not_found(path: str, github: httpx.Client) -> None:
    assert github.get(path).status_code == 404


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_nothing_can_be_changed(method: str, github: httpx.Client) -> None:
    assert github.request(method, f"{HERE}/issues").status_code == 404


@pytest.mark.parametrize(
    ("changed", "status", "said"),
    [
        ({"exp": timedelta(minutes=30)}, 401, "too far in the future"),
        ({"exp": timedelta(minutes=-30)}, 401, "'exp'"),
        ({"iat": timedelta(minutes=5)}, 401, "'iat'"),
        ({"iss": "7"}, 404, "Integration not found"),
    ],
)
def test_a_claim_of_another_time_or_app_is_refused(
    changed: dict[str, Any], status: int, said: str, github: httpx.Client
) -> None:
    now = datetime.now(UTC)
    meant = {name: now + value if isinstance(value, timedelta) else value for name, value in changed.items()}
    answer = github.post(LOGIN, headers=claim(**meant))
    assert answer.status_code == status
    assert said in answer.json()["message"]


def test_an_installation_s_token_does_what_it_was_asked_for_and_no_more(
    github: httpx.Client, server: SandboxServer
) -> None:
    body = {"repositories": ["payments"], "permissions": {"metadata": "read", "issues": "read"}}
    granted = github.post(LOGIN, json=body, headers=claim())
    assert granted.status_code == 201
    assert granted.json()["permissions"] == body["permissions"]
    signed = {"Authorization": f"Bearer {granted.json()['token']}"}
    assert github.get(f"{HERE}/issues", headers=signed).status_code == 200
    refused = github.get(f"{HERE}/pulls", headers=signed)
    assert (refused.status_code, refused.json()["message"]) == (403, "Resource not accessible by integration")
    assert github.get("/repos/larkfield/portal/issues", headers=signed).status_code == 404
    server.github.expire_tokens()
    assert github.get(f"{HERE}/issues", headers=signed).status_code == 401
    elsewhere = github.post(LOGIN, json={"repositories": ["none"]}, headers=claim())
    assert elsewhere.status_code == 422


def test_the_same_seed_does_the_same_work_at_any_scale(company: Company) -> None:
    other = Company.load(PROFILE, scale=0.01)
    first, again = (make_engineering(one.profile, one.world.employees) for one in (company, other))
    assert first == again


def test_a_day_brings_more(company: Company) -> None:
    with SandboxServer(company) as server:
        headers = {"Authorization": f"Bearer {GITHUB_TOKEN}"}
        with httpx.Client(base_url=server.base_url, headers=headers, trust_env=False) as client:
            runs, issues = (read_all(client, f"{HERE}/{what}", state="all") for what in ("actions/runs", "issues"))
            server.advance()
            later, changed = (read_all(client, f"{HERE}/{what}", state="all") for what in ("actions/runs", "issues"))
    assert {run["id"] for run in runs} - {run["id"] for run in later}
    assert max(run["created_at"] for run in later) > max(run["created_at"] for run in runs)
    assert max(record["updated_at"] for record in changed) > max(record["updated_at"] for record in issues)
