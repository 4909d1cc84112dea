"""REST over real HTTP: the command line's numbers, nobody's rows but the caller's, and an answer to whatever comes."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.config import SchemathesisConfig
from schemathesis.core.result import Ok
from schemathesis.generation import GenerationMode
from schemathesis.schemas import BaseSchema
from schemathesis.specs.openapi.checks import ignored_auth
from tests.conftest import Project
from tests.server.rest_company import Served, demo_services, serving
from tests.test_docs_output import pattern

from sophia_kit.server.records import RESOURCES
from sophia_kit.server.rest.rows import PATHS

PAGE = Path(__file__).resolve().parents[3] / "docs" / "rest.md"
EXAMPLES = 2
"""How many requests of either kind Schemathesis makes of each route."""

GOOD = (
    *PATHS,
    "/slack/threads/{channel}",
    "/v1/metrics",
    "/v1/metrics/arr",
    "/v1/metrics/arr/explain",
    "/v1/metrics/arr/changes?by=segment",
    "/v1/ask?question=ARR+by+segment",
)
OF_ROUTES = {
    "/slack/threads/{channel}": "/slack/threads/{channel_id}",
    "/v1/metrics/arr": "/v1/metrics/{name}",
    "/v1/metrics/arr/explain": "/v1/metrics/{name}/explain",
    "/v1/metrics/arr/changes?by=segment": "/v1/metrics/{name}/changes",
    "/v1/ask?question=ARR+by+segment": "/v1/ask",
}


@pytest.fixture(scope="module")
def served(demo: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with demo_services(demo, tmp_path_factory.mktemp("served")) as services, serving(services) as running:
        yield running


@pytest.fixture(scope="module")
def channel(served: Served) -> str:
    return str(served.json("/slack/messages?limit=1")["rows"][0]["channel_id"])


@pytest.fixture(scope="module")
def api(served: Served) -> BaseSchema:
    checks = {"positive_data_acceptance": {"expected-statuses": ["2xx", "400", "404", "409", "410"]}}
    config = SchemathesisConfig.from_dict({"checks": checks})
    loaded = schemathesis.openapi.from_url(
        served.url + "/openapi.json", headers=served.headers["reader"], config=config
    )
    loaded.config.update(headers=served.headers["reader"])
    return loaded


def test_every_route_is_tried_here(served: Served) -> None:
    paths = {
        path for path in served.json("/openapi.json")["paths"] if re.match("/(v1|slack|salesforce|gong|repo)/", path)
    }
    assert paths == {OF_ROUTES.get(path, path) for path in GOOD}
    assert sorted(resource.name for resource in PATHS.values()) == sorted(RESOURCES)


@pytest.mark.parametrize("path", GOOD)
def test_an_answer_is_as_described_and_says_what_it_stands_on(
    served: Served, api: BaseSchema, channel: str, path: str
) -> None:
    answer = served.get(path.format(channel=channel))
    assert answer.status_code == 200, answer.text
    standing = answer.json()["stands_on"]
    assert standing["demo"] is True
    assert standing["known_at"] == "2026-01-01T05:59:59+00:00"
    assert standing["snapshot_id"].startswith("20260101T055959")
    operation = api[OF_ROUTES.get(path, path)]["GET"]
    operation.validate_response(answer)
    example = operation.definition.raw["responses"]["200"]["content"]["application/json"]["example"]
    as_sent = httpx.Response(200, json=example, headers={"Content-Type": "application/json"}, request=answer.request)
    as_sent.elapsed = timedelta(0)
    operation.validate_response(as_sent)


@pytest.mark.parametrize("path", GOOD)
def test_no_token_and_no_scope_get_nothing(served: Served, channel: str, path: str) -> None:
    url = served.url + path.format(channel=channel)
    # Who has shown no valid token too often is told to wait.
    assert served.client.get(url).status_code in (401, 429)
    refused = served.get(path.format(channel=channel), "bare")
    assert (refused.status_code, refused.json()["code"]) == (403, "scope-missing")


@pytest.mark.parametrize("path", GOOD)
def test_a_restricted_caller_gets_its_own_or_is_refused(served: Served, channel: str, path: str) -> None:
    answer = served.get(path.format(channel=channel), "restricted")
    if path.startswith(("/slack", "/repo")):
        assert (answer.status_code, answer.json()["code"]) == (403, "access-refused")
        return
    assert answer.status_code == 200
    for other in ("Enterprise", "Small Business"):
        assert other not in answer.text
    whole = served.json(path.format(channel=channel))
    if path == "/v1/metrics":
        own = {metric["name"] for metric in answer.json()["metrics"]}
        assert own == {metric["name"] for metric in whole["metrics"] if "segment" in metric["dimensions"]}
        assert served.get("/v1/metrics/headcount", "restricted").status_code == 403
    elif path == "/v1/metrics/arr/explain":
        assert answer.json()["row_filter"] == [["segment", ["Mid-Market"]]]
    elif "values" in whole and "ask" not in path:
        own_value = served.json("/v1/metrics/arr?where=segment=Mid-Market")["values"][0]["value"]
        assert answer.json()["values"][0]["value"] == own_value != whole["values"][0]["value"]
    else:
        assert answer.text != served.get(path).text


@pytest.mark.parametrize(
    "path",
    [
        "/v1/metrics/arr?where=segment=Enterprise",
        "/v1/metrics/arr/changes?where=segment=Enterprise",
        "/salesforce/accounts?segment=Enterprise",
        "/salesforce/opportunities?segment=Mid-Market&segment=Enterprise",
        "/gong/calls?segment=Enterprise",
    ],
)
def test_a_filter_reaches_no_further_than_the_caller(served: Served, path: str) -> None:
    assert served.get(path, "restricted").status_code == 403


def test_why_something_changed_is_told_to_those_who_may_see_all(served: Served) -> None:
    assert served.json("/v1/ask?question=why+did+ARR+change")["status"] == "answered"
    refused = served.json("/v1/ask?question=why+did+ARR+change", "restricted")
    assert (refused["status"], refused["values"]) == ("declined", [])


def test_the_numbers_and_their_form_are_the_command_lines(served: Served, demo: Project) -> None:
    asked: list[tuple[str, tuple[str, ...]]] = [
        (
            "/v1/metrics/arr?by=segment&compare=prior_year&periods=2&where=segment=Enterprise",
            ("metric", "arr", "--by", "segment", "--compare", "prior_year", "--periods", "2",
             "--where", "segment=Enterprise"),
        ),
        ("/v1/metrics/nrr/explain", ("explain", "nrr")),
        ("/v1/metrics/win_rate/changes?by=owner", ("why", "win_rate", "--by", "owner")),
        ("/v1/ask?question=top+3+customers+by+revenue", ("ask", "top 3 customers by revenue")),
    ]  # fmt: skip
    for path, command in asked:
        done = demo.here(*command, "--demo", "--format", "json")
        expected = json.loads(done.stdout)
        answer = served.json(path)
        assert {name: answer[name] for name in expected} == expected
        assert answer.keys() - expected.keys() <= {"stands_on", "next", "text"}


def test_values_come_in_pages_of_one_snapshot(served: Served) -> None:
    whole = served.json("/v1/metrics/arr?by=account&limit=1000")
    assert whole["next"] is None
    found: list[Any] = []
    token: str | None = ""
    while token is not None:
        page = served.json(f"/v1/metrics/arr?by=account&limit=40{token and '&after=' + token}")
        found += page["values"]
        token = page["next"]
    assert found == whole["values"]
    first = served.json("/v1/metrics/arr?by=account&limit=40")
    assert served.get(f"/v1/metrics/mrr?by=account&after={first['next']}").status_code == 400
    assert served.get(f"/v1/metrics/arr?by=account&after={first['next']}", "restricted").status_code == 400


def test_the_catalogue_is_searched_and_paged(served: Served) -> None:
    names = [metric["name"] for metric in served.json("/v1/metrics?limit=500")["metrics"]]
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = served.json(f"/v1/metrics?limit=7{token and '&after=' + token}")
        found += [metric["name"] for metric in page["metrics"]]
        token = page["next"]
    assert found == names == sorted(names)
    assert "nrr" in {metric["name"] for metric in served.json("/v1/metrics?text=RETENTION")["metrics"]}
    assert {metric["owner"] for metric in served.json("/v1/metrics?owner=finance&kind=ratio")["metrics"]} <= {"Finance"}
    assert served.json("/v1/metrics?own=true")["metrics"] == []


def test_older_than_the_oldest_snapshot_is_unknown_with_its_reason(served: Served) -> None:
    for path in ("/v1/metrics/arr?known_at=2020-01-01", "/v1/ask?question=ARR&known_at=2020-01-01T00:00:00Z"):
        answer = served.json(path)
        (value,) = answer["values"]
        assert (value["value"], value["unknown"]["code"], value["display"]) == (None, "no_snapshot_at", "unknown")
        assert answer["stands_on"]["known_at"] is None
        assert answer["stands_on"]["demo"] is True


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/v1/metrics/reveneu", 404),
        ("/v1/metrics/arr?by=galaxy", 404),
        ("/v1/metrics/arr?grain=decade", 422),
        ("/v1/metrics/arr?day=0001-01-01&compare=prior_year", 400),
        ("/v1/metrics/arr?day=9999-12-31", 400),
        ("/v1/metrics/arr?known_at=2001-01-01&day=9999-12-31", 400),
        ("/v1/metrics/arr?known_at=9999-12-31T23:59:59-14:00", 200),
        ("/v1/metrics/arr?known_at=0001-01-01T00:00:00%2B14:00", 200),
        ("/v1/metrics/arr?day=1735689600", 422),
        ("/v1/metrics/arr?periods=99999999999999999999", 400),
        ("/v1/metrics/arr?where=segment", 422),
        ("/v1/metrics/arr?where=segment=x'%20OR%201=1--", 404),
        ("/v1/metrics/arr?sql=SELECT%201", 422),
        ("/v1/metrics/arr/explain?day=2025-12-31", 422),
        ("/v1/metrics/arr/changes?period=9999", 400),
        ("/v1/metrics/arr/changes?period=0001-W01", 400),
        ("/v1/metrics/arr/changes?period=yesterday", 422),
        ("/v1/ask?question=ARR+last+year&day=0001-01-01", 400),
        ("/v1/ask?question=%20", 400),
        ("/v1/ask?question=" + "a" * 401, 422),
        ("/v1/ask", 422),
        ("/slack/messages?posted_from=0001-01-01T00:00:00%2B14:00&posted_before=9999-12-31T23:59:59-14:00", 200),
        ("/slack/messages?posted_from=1735689600", 422),
        ("/slack/messages?posted_from=2025-01-01T00:00:00", 422),
        ("/slack/threads/C0NOWHERE", 404),
        ("/slack/threads/..%2f..%2fetc%2fpasswd", 404),
        ("/slack/channels?limit=0", 422),
        ("/slack/channels?limit=501", 422),
        ("/slack/channels?limit=999999999999999999999999", 422),
        ("/slack/channels?after=AAAA", 400),
        ("/slack/channels?after=" + "A" * 4000, 400),
        ("/slack/channels?after=" + "A" * 4001, 422),
        ("/slack/channels?name=%ff%00%25", 200),
        ("/slack/channels?limit=1&limit=2", 200),
        ("/salesforce/accounts?segment=Enterprize", 404),
        ("/salesforce/accounts?segment=Enterprise&segment=Enterprize", 404),
        ("/salesforce/opportunities?stages=Proposal", 422),
        ("/slack/messages?channel=no-such-channel", 404),
        ("/slack/messages?channel_id=C0NOWHERE", 200),
        ("/repo/tree?repository=no/such", 404),
        ("/salesforce/accounts?segment=" + "&segment=".join("abcdefghijklmnopqrstuvwxyz" * 2), 422),
    ],
)
def test_whatever_is_sent_is_answered_or_refused_with_what_to_do(served: Served, path: str, status: int) -> None:
    answer = served.get(path)
    assert answer.status_code == status, answer.text
    if status != 200:
        problem = answer.json()
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert (problem["status"], bool(problem["detail"]), bool(problem["hint"])) == (status, True, True)


def shown() -> Iterator[tuple[str, str]]:
    """Path and answer of every request that the page shows."""
    fences = r"^```sh\ncurl [^\n]*?'?http://127\.0\.0\.1:8765([^'\s]*)'?\n```\n+```json\n(.*?)^```"
    yield from re.findall(fences, PAGE.read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize(("path", "answer"), list(shown()))
def test_the_page_shows_what_is_answered(served: Served, path: str, answer: str) -> None:
    printed = json.dumps(served.get(path).json(), indent=2, ensure_ascii=False) + "\n"
    assert re.fullmatch(pattern(answer), printed), printed


def test_the_page_names_every_route_and_what_it_is_asked_with(served: Served) -> None:
    page = PAGE.read_text(encoding="utf-8")
    for path, methods in served.json("/openapi.json")["paths"].items():
        if path not in ("/healthz", "/readyz", "/metrics", "/slo"):
            (row,) = (line for line in page.splitlines() if line.startswith(f"| `{path}` |"))
            asked = row.split("|")[3]
            parameters = methods["get"].get("parameters", [])
            assert re.findall(r"`(\w+)`(?! in the path)\*?", asked) == [
                each["name"] for each in parameters if each["in"] == "query"
            ], path
            repeated = {each["name"] for each in parameters if each["schema"].get("type") == "array"}
            assert set(re.findall(r"`(\w+)`\*", asked)) == repeated, path
    assert len(list(shown())) >= 4


@pytest.mark.parametrize("mode", GenerationMode, ids=str)
def test_schemathesis_finds_nothing(served: Served, api: BaseSchema, mode: GenerationMode) -> None:
    """Requests that fit the description and such that don't: no undocumented status, no answer of another schema."""
    answered: dict[int, int] = {}
    for result in api.get_all_operations():
        assert isinstance(result, Ok)
        operation = result.ok()
        if mode.is_negative and not operation.definition.raw.get("parameters"):
            continue

        @settings(
            max_examples=EXAMPLES,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        )
        @given(case=operation.as_strategy(generation_mode=mode))
        def tried(case: Any) -> None:
            answer = case.call(headers=served.headers["reader"])
            answered[answer.status_code] = answered.get(answer.status_code, 0) + 1
            # That tokens are asked for is tried above, without asking so often that the server says to wait.
            case.validate_response(answer, excluded_checks=[ignored_auth])

        tried()
    assert not {status for status in answered if status >= 500}
    assert answered[422 if mode.is_negative else 200] > 10
