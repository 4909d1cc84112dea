"""What a call leaves behind: metrics and a span, and no secret anywhere."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.util.types import AttributeValue
from prometheus_client import REGISTRY, generate_latest
from pydantic import SecretStr
from tests.wire import Reply, Request, WireServer

from sophia_kit.core.errors import MalformedAnswer, PolicyRefused, ProviderError, RequestRejected
from sophia_kit.core.http import HttpClient
from sophia_kit.core.policy import RequestPolicy, Rule
from sophia_kit.core.settings import HttpSettings

QUICK = HttpSettings(attempts=3, backoff_initial_s=0.001, backoff_max_s=0.001)
CANARY = "canary-7f3a9c"


class RecordedSpan(trace.NonRecordingSpan):
    """Keeps what it is told; the API has no exporter of its own."""

    def __init__(self, name: str, attributes: Mapping[str, AttributeValue]) -> None:
        super().__init__(trace.INVALID_SPAN_CONTEXT)
        self.name = name
        self.attributes = dict(attributes)
        self.status: trace.StatusCode | None = None
        self.events: list[object] = []

    def set_attribute(self, key: str, value: AttributeValue) -> None:
        self.attributes[key] = value

    def set_status(self, status: trace.Status | trace.StatusCode, description: str | None = None) -> None:
        self.status = status if isinstance(status, trace.StatusCode) else status.status_code
        self.events.append(description)

    def record_exception(self, exception: BaseException, *args: Any, **more: Any) -> None:
        self.events.append(exception)


class RecordingTracer(trace.NoOpTracer):
    def __init__(self) -> None:
        self.spans: list[RecordedSpan] = []

    @contextmanager
    def start_as_current_span(  # type: ignore[override]  # its decorator type has no public name
        self,
        name: str,
        context: Context | None = None,
        kind: trace.SpanKind = trace.SpanKind.INTERNAL,
        attributes: Mapping[str, AttributeValue] | None = None,
        **more: Any,
    ) -> Iterator[trace.Span]:
        assert (more["record_exception"], more["set_status_on_exception"]) == (False, False)
        span = RecordedSpan(name, attributes or {})
        self.spans.append(span)
        yield span


class Signed:
    async def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {CANARY}-token"}

    async def renew(self, refused: Mapping[str, str]) -> None:
        pass

    def secrets(self) -> list[str]:
        return [f"{CANARY}-token"]


def sample(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def client(server: WireServer, provider: str, **more: Any) -> HttpClient:
    policy = RequestPolicy(provider, [Rule(provider, "GET", "/items/{id}"), Rule(provider, "POST", "/login")])
    return HttpClient(provider, server.url, QUICK, policy=policy, **more)


async def test_every_request_is_counted_by_its_answer_and_every_retry_by_its_cause() -> None:
    replies = iter([Reply(429), Reply(drop=True), Reply(body={})])
    tracer = RecordingTracer()
    async with WireServer(lambda _: next(replies)) as server, client(server, "counted", tracer_=tracer) as http:
        await http.get("/items/1234")
    for status in ("4xx", "none", "2xx"):
        assert sample("sophia_http_requests_total", provider="counted", method="GET", status=status) == 1
    assert sample("sophia_http_retries_total", provider="counted", code="rate-limited") == 1
    assert sample("sophia_http_retries_total", provider="counted", code="unreachable") == 1
    assert sample("sophia_http_request_seconds_count", provider="counted", method="GET") == 3
    (span,) = tracer.spans
    assert span.name == "GET /items/{id}"
    assert span.status is None
    assert span.attributes == {
        "sophia.provider": "counted",
        "http.request.method": "GET",
        "url.template": "/items/{id}",
        "server.address": "127.0.0.1",
        "http.request.resend_count": 2,
        "http.response.status_code": 200,
    }


async def test_every_refusal_is_counted_once_and_no_request_with_it() -> None:
    away = Reply(302, headers={"Location": "https://elsewhere.example/items/1"})
    async with WireServer(lambda _: away) as server, client(server, "refused") as http:
        with pytest.raises(PolicyRefused):
            await http.request("DELETE", "/items/1")
        assert sample("sophia_http_refusals_total", provider="refused") == 1
        assert sample("sophia_http_request_seconds_count", provider="refused", method="DELETE") == 0
        with pytest.raises(PolicyRefused):
            await http.get("/items/1")
        assert sample("sophia_http_refusals_total", provider="refused") == 2


async def test_a_failed_call_marks_its_span_with_the_error_s_code() -> None:
    tracer = RecordingTracer()
    async with WireServer(lambda _: Reply(404)) as server, client(server, "failed", tracer_=tracer) as http:
        with pytest.raises(RequestRejected):
            await http.get("/items/1")
    (span,) = tracer.spans
    assert span.status is trace.StatusCode.ERROR
    assert span.events == ["request-rejected"]
    assert span.attributes["error.type"] == "request-rejected"
    assert span.attributes["http.response.status_code"] == 404


def echo(request: Request) -> Reply:
    """A vendor that throws everything back: headers, query and body."""
    said = f"{request.headers} {request.target} {request.body.decode()}"
    return Reply(400, body={"error": said})


def escaped(request: Request) -> Reply:
    """The same with every character escaped."""
    said = "".join(f"\\u{ord(character):04x}" for character in f"{request.headers} {request.body.decode()}")
    return Reply(400, body=f'{{"ok": false, "error": "{said}"}}'.encode())


def explain(status: int, body: Any) -> ProviderError:
    return RequestRejected(f"It said {body}.", provider="canary", http_status=status)


@pytest.mark.parametrize(
    "reply",
    [
        echo,
        escaped,
        lambda _: Reply(401),
        lambda _: Reply(drop=True),
        lambda _: Reply(500),
        lambda _: Reply(body=b"{", status=200),
    ],
    ids=["echo", "escaped", "401", "drop", "500", "malformed"],
)
@pytest.mark.parametrize("explained", [True, False])
async def test_no_secret_leaves_in_errors_reprs_spans_metrics_or_logs(
    reply: Any, explained: bool, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    tracer = RecordingTracer()
    said: list[str] = []
    async with (
        WireServer(reply) as server,
        client(
            server,
            "canary",
            credentials=Signed(),
            conceal=[SecretStr(f"{CANARY}-form")],
            explain=explain if explained else None,
            tracer_=tracer,
        ) as http,
    ):
        for call in (
            http.get("/items/7"),
            http.request("POST", "/login", form={"refresh_token": f"{CANARY}-form"}),
        ):
            with pytest.raises(ProviderError) as caught:
                await call
            said += [str(caught.value), repr(caught.value), repr(caught.value.problem())]
            said += traceback.format_exception(caught.value, chain=True)
        assert any(CANARY in f"{request.headers}{request.body.decode()}" for request in server.requests)
        said += [repr(http), *(f"{span.name} {span.attributes} {span.events}" for span in tracer.spans)]
    said += [generate_latest(REGISTRY).decode(), caplog.text]
    assert not [text for text in said if CANARY in text]


async def test_no_secret_leaves_in_a_refusal_with_the_status_of_success() -> None:
    def refuse(request: Request) -> Reply:
        return Reply(200, body={"ok": False, "error": request.headers["authorization"]})

    async with (
        WireServer(refuse) as server,
        client(server, "polite", credentials=Signed(), explain=explain) as http,
    ):
        with pytest.raises(RequestRejected, match=r"Bearer \[secret\]") as caught:
            await http.get("/items/7")
    assert CANARY not in str(caught.value.problem())


async def test_the_body_of_an_answer_is_not_in_its_repr_or_in_the_error_about_it() -> None:
    replies = iter(
        [Reply(body={"email": "someone@example.com"}), *[Reply(body=b'{"email": "someone@example.com"')] * 3]
    )
    async with WireServer(lambda _: next(replies)) as server, client(server, "private") as http:
        assert "someone" not in repr(await http.get("/items/1"))
        with pytest.raises(MalformedAnswer) as caught:
            await http.get("/items/1")
    assert "someone" not in str(caught.value.problem())
