"""No secret leaves: one is planted in every secret setting and in tokens, and looked for in all that comes out."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from pydantic import SecretStr
from tests.canaries import MIRRORED, Mirror, canaries, files_that_tell, mirror, secret_settings, told_by

from sophia_kit.core import telemetry
from sophia_kit.core.clock import SystemClock
from sophia_kit.core.errors import ConfigError
from sophia_kit.core.settings import load_settings
from sophia_kit.llm.cache import open_cache
from sophia_kit.server import Services, create_app
from sophia_kit.server.auth.tokens import issue

# These decide where everything is kept, and whose evidence it is: with a canary in them nothing else would be reached.
DECIDING = ("SOPHIA_STATE_URL", "SOPHIA_PROOF_KEY")
MESSAGE = {"Content-Type": "application/json", "Accept": "application/json, text/event-stream"}
EVERYWHERE = (
    "/", "/healthz", "/readyz", "/slo", "/openapi.json", "/docs", "/sign-in", "/v1/metrics", "/v1/metrics/arr",
    "/v1/metrics/none", "/v1/metrics/arr?day=yesterday", "/slack/channels", "/slack/users", "/salesforce/accounts",
    "/gong/calls", "/repo/tree", "/nowhere", "/boom",
)  # fmt: skip


@dataclass(slots=True)
class World:
    """A server whose every secret is a canary.

    Attributes:
        secrets: what must not come out.
        vendor: stands for every vendor, and repeats the secrets it is sent.
        spans: every span of its requests.
    """

    app: FastAPI
    project: Any
    environment: dict[str, str]
    token: str
    secrets: list[str]
    vendor: Mirror
    spans: InMemorySpanExporter = field(default_factory=InMemorySpanExporter)


@pytest.fixture(scope="module")
def world(demo: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    project = demo.copy(tmp_path_factory.mktemp("canaries") / "project")
    planted = canaries(without=DECIDING)
    spans = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with mirror() as vendor, pytest.MonkeyPatch.context() as patch:
        environment = planted | {"SOPHIA_LLM__REDIS_URL": f"redis://:{planted['SOPHIA_LLM__REDIS_URL']}@127.0.0.1:1"}
        environment |= {name: value.replace("MIRROR", vendor.url) for name, value in MIRRORED.items()}
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(telemetry, "tracer", lambda: provider.get_tracer("canaries"))
        patch.setattr("sophia_kit.server.observed.tracer", telemetry.tracer)
        settings = load_settings(
            project.root,
            workspace="demo",
            frozen_at=datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC),
            server={"authentication": "tokens"},
        )
        with Services.open(settings) as services:
            app = create_app(services, apps=())
            app.add_api_route("/boom", boom)
            token, _ = issue(
                services.state, name="canary", scopes=["all"], now=SystemClock().now(), lifetime=timedelta(hours=1)
            )
            secrets = [*planted.values(), token.rpartition("_")[2]]
            yield World(app, project, environment, token, secrets, vendor, spans)


def boom() -> None:
    raise RuntimeError("A mistake of the kit's own.")


def test_the_canaries_are_in_the_settings(world: World) -> None:
    settings = world.app.state.services.settings
    for path in secret_settings():
        value = settings
        for name in path:
            value = value[name] if isinstance(value, dict) else getattr(value, name)
        assert (value is None) == ("SOPHIA_" + path[0].upper() in DECIDING), path
    assert len(secret_settings()) >= 18
    assert told_by(repr(settings) + str(settings.model_dump()) + settings.model_dump_json(), world.secrets) == []


def test_nothing_that_the_server_answers_logs_or_traces_tells_one(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    told, asked = "", {"Authorization": f"Bearer {world.token}"}
    with TestClient(world.app, base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        for path in EVERYWHERE:
            answer = client.get(path, headers=asked)
            told += f"{answer.headers}\n{answer.text}\n"
        # As an attacker, a careless program and a person would send it.
        wrong = world.token[:-3] + "AAA"
        world.secrets.append(wrong.rpartition("_")[2])
        for headers, path in (
            ({"Authorization": f"Bearer {wrong}"}, "/v1/metrics"),
            ({"Authorization": f"Basic {world.token}"}, "/v1/metrics"),
            (asked, f"/v1/metrics?access_token={world.token}"),
            (asked, f"/v1/metrics/{world.token}"),
            (asked, f"/v1/metrics/arr?day={world.token[8:]}"),
            ({"Accept": "text/html", "Sec-Fetch-Mode": "navigate"}, f"/v1/metrics/{world.token}"),
            (asked | {"traceparent": world.token, "User-Agent": world.token}, "/nowhere"),
        ):
            answer = client.get(path, headers=headers)
            told += f"{answer.headers}\n{answer.text}\n"
        for name in ("metrics", "slack", "salesforce", "gong"):
            for method in ("initialize", "tools/list", "nothing"):
                message = {"jsonrpc": "2.0", "id": 1, "method": method, "params": {}}
                answer = client.post(f"/mcp/{name}", headers=asked | MESSAGE, content=json.dumps(message))
                told += f"{answer.headers}\n{answer.text}\n"
        prompt = {"model": "gpt-5-mini", "messages": [{"role": "user", "content": "Hello"}]}
        answer = client.post("/v1/chat/completions", headers=asked, json=prompt)
        assert answer.status_code >= 400
        told += f"{answer.headers}\n{answer.text}\n"
        refused = client.post("/sign-in", data={"token": wrong})
        signed_in = client.post("/sign-in", data={"token": world.token})
        session = signed_in.headers["set-cookie"].partition("=")[2].partition(";")[0]
        world.secrets.append(session)
        page = client.get("/", headers={"Accept": "text/html"})
        assert (refused.status_code, signed_in.status_code, page.status_code) == (401, 303, 200)
        told += refused.text + signed_in.text + page.text + client.get("/metrics").text
    assert "sophia_server" in told
    # The test's own client logs the addresses that it asks.
    logged = "".join(str(vars(record)) for record in caplog.records if not record.name.startswith("httpx"))
    assert "A mistake of the kit's own." in logged, "the log holds what went wrong"
    told += logged
    spans = world.spans.get_finished_spans()
    assert {"GET /v1/metrics", "GET /readyz"} <= {span.name for span in spans}
    told += "".join(written(span) for span in spans)
    assert told_by(told, world.secrets) == []


def written(span: ReadableSpan) -> str:
    text = span.to_json()
    assert isinstance(text, str)
    return text


@pytest.mark.parametrize(
    "command",
    [
        ["doctor"],
        ["doctor", "--format", "json"],
        ["ingest", "run"],
        ["ingest", "status"],
        ["run", "daily_bi"],
        ["tokens", "list", "--demo"],
        ["tokens", "list", "--demo", "--format", "json"],
        ["proofs", "list"],
    ],
    ids=" ".join,
)
def test_no_command_tells_one(world: World, command: list[str]) -> None:
    done = world.project.here(*command, env=world.environment)
    assert done.stdout + done.stderr
    assert told_by(done.stdout + done.stderr, world.secrets) == []


def test_the_vendors_were_sent_their_secrets_and_repeated_them(world: World) -> None:
    sent = told_by("\n".join(world.vendor.sent), world.secrets)
    for name in ("slack-token", "gong-access_key_secret", "notion-token", "n8n-api_key", "llm-keys-openai"):
        assert f"canary-{name}-in-its-cage" in sent


@pytest.mark.parametrize(
    "variable", [*DECIDING, "SOPHIA_GITHUB__PRIVATE_KEY", "SOPHIA_SNOWFLAKE__PRIVATE_KEY", "SOPHIA_SLACK__TOKEN"]
)
def test_a_secret_that_is_wrong_in_itself_is_not_repeated(world: World, variable: str) -> None:
    canary = "postgresql://sophia:canary-of-the-state@127.0.0.1:1/none" if "STATE" in variable else "canary-\n\x7f-é"
    for command in ("doctor", "run daily_bi") if variable in DECIDING else ("doctor",):
        done = world.project.here(*command.split(), env=world.environment | {variable: canary})
        assert "canary-" not in done.stdout + done.stderr


def test_an_address_of_redis_that_cannot_be_read_is_not_repeated(world: World) -> None:
    settings = world.app.state.services.settings.llm.model_copy(
        update={"redis_url": SecretStr("redis://:canary-pass/word@127.0.0.1:1")}
    )
    with pytest.raises(ConfigError, match="can't be read") as caught:
        open_cache(settings, None, SystemClock())
    assert "canary" not in f"{caught.value.problem()} {caught.value.__cause__}"


def test_no_file_that_was_written_holds_one(world: World) -> None:
    """The last test here: state, evidence, reports, logs, audit log and snapshots, after all of the above."""
    assert (world.project.root / "data" / "demo" / "audit").is_dir()
    assert list((world.project.root / "proofs").rglob("*.json"))
    assert files_that_tell(world.project.root, world.secrets) == {}
