"""How the tests of GitHub read it: settings, records, requests."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

from tests.wire import Request, WireServer

from sophia_kit.connectors import Batch
from sophia_kit.connectors.github import GitHub
from sophia_kit.core.settings import GitHubSettings, HttpSettings, Settings, load_settings
from sophia_kit.sandbox.github_app import APP_ID, INSTALLATION_ID, private_key

PAYMENTS, PORTAL, HANDBOOK = "larkfield/payments", "larkfield/portal", "larkfield/handbook"
LOGIN = f"/app/installations/{INSTALLATION_ID}/access_tokens"
Opened = Callable[..., GitHub]
HTTP = HttpSettings(attempts=3, backoff_initial_s=0.01, backoff_max_s=0.02)


def settings_of(url: str, root: Path, *, http: HttpSettings = HTTP, **changed: Any) -> Settings:
    """Of the app, for one repository; `changed` are settings of GitHub's section."""
    given = {
        "base_url": url,
        "repositories": (PORTAL,),
        "app_id": APP_ID,
        "installation_id": INSTALLATION_ID,
        "private_key": private_key(),
        "requests_per_second": 1000,
    }
    section = GitHubSettings.model_validate({k: v for k, v in (given | changed).items() if v is not None})
    return load_settings(root, http=http, github=section)


async def read(github: GitHub, resource: str, since: str | None = None, **more: Any) -> list[Batch]:
    return [batch async for batch in github.read(resource, since, await github.fields(resource), **more)]


async def records(github: GitHub, resource: str, since: str | None = None, **more: Any) -> list[dict[str, Any]]:
    return [record for batch in await read(github, resource, since, **more) for record in batch.records]


def asked(wire: WireServer, end: str) -> list[Request]:
    return [request for request in wire.requests if request.path.endswith(end)]


def moment(text: str) -> datetime:
    return datetime.fromisoformat(text)
