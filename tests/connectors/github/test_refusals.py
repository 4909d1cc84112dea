"""Pages that lead elsewhere, answers of another shape, refusals, and limits that are waited for."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from tests.connectors.github.reading import (
    HTTP,
    PAYMENTS,
    PORTAL,
    Opened,
    read,
    records,
)
from tests.connectors.vendors import Gateway
from tests.wire import Reply, WireServer

from sophia_kit.connectors.github import GitHub
from sophia_kit.core.errors import (
    AuthFailed,
    MalformedAnswer,
    PolicyRefused,
    ProviderError,
    RateLimited,
    RequestRejected,
)


@pytest.mark.parametrize(
    "link", ["https://elsewhere.example/repositories/1/pulls?page=2", "//elsewhere.example/x", "x"]
)
async def test_a_next_page_elsewhere_is_not_asked_for(link: str, opened: Opened, gateway: Gateway) -> None:
    header = {"Link": f'<{link}>; rel="next"'}
    gateway.after = lambda request, reply: replace(reply, headers=reply.headers | header)
    with pytest.raises(MalformedAnswer, match="its next page is elsewhere"):
        await read(opened(), "pull_requests")


async def test_a_next_page_that_is_no_read_is_not_asked_for(opened: Opened, gateway: Gateway, wire: WireServer) -> None:
    header = {"Link": f'<{wire.url}/repositories/1/actions/runs/2/logs?page=2>; rel="next"'}
    gateway.after = lambda request, reply: replace(reply, headers=reply.headers | header)
    with pytest.raises(PolicyRefused):
        await read(opened(), "pull_requests")
    assert len(wire.requests) == 1


async def test_pages_that_lead_in_a_circle_are_refused(opened: Opened, gateway: Gateway, wire: WireServer) -> None:
    header = {"Link": f'<{wire.url}/repos/{PORTAL}/pulls?page=2>; rel="next"'}
    gateway.after = lambda request, reply: Reply(body=[{"node_id": len(wire.requests)}], headers=header)
    with pytest.raises(MalformedAnswer, match="circle"):
        await read(opened(), "pull_requests")


@pytest.mark.parametrize("body", [{}, {"message": "?"}, ["text"], None, 7])
@pytest.mark.parametrize("resource", ["files", "pull_requests", "workflow_runs"])
async def test_an_answer_of_another_shape_is_refused(
    resource: str, body: Any, opened: Opened, gateway: Gateway
) -> None:
    end = {"files": "/commits", "pull_requests": "/pulls", "workflow_runs": "/runs"}[resource]
    gateway.before = lambda request: Reply(body=body) if request.path.endswith(end) else None
    with pytest.raises(MalformedAnswer):
        await read(opened(), resource)


PRIMARY = {"message": "API rate limit exceeded for installation ID 20000002."}
SECONDARY = {"message": "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."}


def used_up(seconds: float) -> dict[str, str]:
    now = datetime.now(UTC)
    reset = str(int(now.timestamp() + seconds))
    return {"Date": format_datetime(now, usegmt=True), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}


@pytest.mark.parametrize("status", [403, 429])
@pytest.mark.parametrize(
    ("body", "headers"),
    [(PRIMARY, used_up(-5)), (SECONDARY, {"Retry-After": "0"})],
    ids=["primary", "secondary"],
)
async def test_a_limit_that_returns_is_waited_for(
    status: int, body: Any, headers: dict[str, str], opened: Opened, gateway: Gateway, wire: WireServer
) -> None:
    whole = await records(opened(), "issues")
    wire.requests.clear()
    left = [Reply(status, body=body, headers=headers)]
    gateway.before = lambda request: left.pop() if left and request.path.endswith("/issues") else None
    started = time.monotonic()
    assert await records(opened(), "issues") == whole
    assert time.monotonic() - started >= (1.0 if body is PRIMARY else 0)


@pytest.mark.parametrize(
    ("body", "headers", "least", "most"),
    [
        (PRIMARY, used_up(1800), 1700, 1802),
        (SECONDARY, {"Retry-After": "300"}, 300, 300),
        (SECONDARY, {}, 60, 60),
        (SECONDARY, used_up(1800), 1700, 1802),
    ],
    ids=["primary", "secondary with Retry-After", "secondary without", "secondary with a reset"],
)
async def test_a_limit_beyond_the_deadline_ends_the_reading_and_says_how_long(
    body: Any,
    headers: dict[str, str],
    least: float,
    most: float,
    opened: Opened,
    gateway: Gateway,
    wire: WireServer,
) -> None:
    gateway.before = lambda request: Reply(403, body=body, headers=headers)
    with pytest.raises(RateLimited, match="rate limit") as caught:
        await read(opened(http=HTTP.model_copy(update={"deadline_s": 20})), "issues")
    assert least <= (caught.value.retry_after or 0) <= most
    assert (caught.value.retryable, len(wire.requests)) == (True, 1)


async def test_a_skewed_clock_does_not_lengthen_the_wait(opened: Opened, gateway: Gateway) -> None:
    theirs = datetime.now(UTC) + timedelta(days=300)
    reset = str(int(theirs.timestamp()) + 600)
    headers = {"Date": format_datetime(theirs, usegmt=True), "X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
    gateway.before = lambda request: Reply(403, body=PRIMARY, headers=headers)
    with pytest.raises(RateLimited) as caught:
        await read(opened(), "issues")
    assert 595 <= (caught.value.retry_after or 0) <= 605


@pytest.mark.parametrize(
    ("status", "said", "kind", "hint"),
    [
        (401, "Bad credentials", AuthFailed, "expired or was revoked"),
        (403, "Resource not accessible by integration", AuthFailed, "read access to actions"),
        (403, "Resource not accessible by personal access token", AuthFailed, "owner of the organisation approve"),
        (422, "Validation Failed", RequestRejected, "does not accept"),
    ],
)
async def test_a_refusal_says_github_s_words_and_what_to_do(
    status: int, said: str, kind: type[ProviderError], hint: str, opened: Opened, gateway: Gateway
) -> None:
    gateway.before = lambda request: Reply(status, body={"message": said})
    with pytest.raises(kind, match=f"GitHub answered {status}: {said}") as caught:
        await read(opened(), "issues")
    assert (caught.value.http_status, caught.value.provider) == (status, "github")
    assert hint in (caught.value.hint or "")


async def test_a_hidden_repository_is_not_taken_for_an_empty_one(opened: Opened) -> None:
    for resource in GitHub.resources:
        with pytest.raises(RequestRejected, match="404"):
            await read(opened("larkfield/elsewhere"), resource)


async def test_health_names_the_repository_that_can_t_be_read(opened: Opened) -> None:
    assert (await opened(PORTAL, PAYMENTS).health()).state == "reachable"
    health = await opened(PORTAL, "larkfield/elsewhere").health()
    assert (health.state, health.detail) == (
        "failing",
        "GitHub shows no larkfield/elsewhere, or not all of it: it answered 404.",
    )
    assert "GitHub hides what may not be seen" in (health.hint or "")
