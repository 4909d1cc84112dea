"""Secrets to be looked for: one for every secret setting there is, and a vendor that repeats whatever it is sent."""

from __future__ import annotations

import json
import threading
from base64 import b64encode
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import get_args
from urllib.parse import quote

from pydantic import BaseModel, SecretStr

from sophia_kit.core.settings import Settings

__all__ = ["MIRRORED", "Mirror", "canaries", "files_that_tell", "mirror", "secret_settings", "told_by"]

MIRRORED = {
    "SOPHIA_SALESFORCE__BASE_URL": "MIRROR",
    "SOPHIA_SALESFORCE__CLIENT_ID": "id",
    "SOPHIA_SLACK__BASE_URL": "MIRROR",
    "SOPHIA_GONG__BASE_URL": "MIRROR",
    "SOPHIA_GONG__ACCESS_KEY": "id",
    "SOPHIA_NOTION__BASE_URL": "MIRROR",
    "SOPHIA_GITHUB__BASE_URL": "MIRROR",
    "SOPHIA_GITHUB__REPOSITORIES": '["larkfield/portal"]',
    "SOPHIA_N8N__BASE_URL": "MIRROR",
    "SOPHIA_LLM__DEPLOYMENTS": '{"writer": {"provider": "openai", "model": "gpt-5-mini", "base_url": "MIRROR/v1"}}',
    "SOPHIA_HTTP__ATTEMPTS": "1",
}
"""What sets every vendor up beside its secrets; `MIRROR` stands for the mirror's address."""


def secret_settings() -> list[tuple[str, ...]]:
    """The path of every setting that holds a secret; of a table of secrets, that of a key in it."""
    return sorted(_secrets_of(Settings, ()))


def _secrets_of(model: type[BaseModel], below: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    for name, field in model.model_fields.items():
        path = (*below, name)
        for kind in _kinds(field.annotation):
            if kind is SecretStr:
                yield (*path, "openai") if getattr(field.annotation, "__origin__", None) is dict else path
            elif isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from _secrets_of(kind, path)


def _kinds(annotation: object) -> Iterator[object]:
    yield annotation
    for inner in get_args(annotation):
        yield from _kinds(inner)


def canaries(*, without: Iterable[str] = ()) -> dict[str, str]:
    """A canary for the variable of every secret setting, but for those that are named."""
    named = {"SOPHIA_" + "__".join(path).upper(): "canary-" + "-".join(path) for path in secret_settings()}
    return {name: f"{value}-in-its-cage" for name, value in named.items() if name not in set(without)}


def told_by(text: str | bytes, secrets: Iterable[str]) -> list[str]:
    """The secrets that stand in the text: as they are, in an address, or in Base64."""
    content = text.encode() if isinstance(text, str) else text
    return [secret for secret in secrets if any(form in content for form in _forms(secret))]


def _forms(secret: str) -> Iterator[bytes]:
    yield secret.encode()
    yield quote(secret, safe="").encode()
    for before in range(3):
        # Where the secret isn't the beginning or the end, the signs at both of its ends depend on what stands there.
        yield b64encode(b" " * before + secret.encode())[4:-4]


@dataclass(frozen=True, slots=True)
class Mirror:
    """A vendor that refuses every request and repeats it: address, headers and body. `sent` is all of it."""

    url: str
    sent: list[str]


@contextmanager
def mirror() -> Iterator[Mirror]:
    """Serves one on loopback."""
    sent: list[str] = []

    class Answering(_Mirror):
        seen = sent

    with ThreadingHTTPServer(("127.0.0.1", 0), Answering) as server:
        serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        serving.start()
        yield Mirror(f"http://127.0.0.1:{server.server_port}", sent)
        server.shutdown()
        serving.join()


class _Mirror(BaseHTTPRequestHandler):
    seen: list[str]

    def _refuse(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        said = f"{self.path} {dict(self.headers)} {body}"
        self.seen.append(said)
        answer = {"error": said, "error_description": said, "message": said, "errors": [said], "ok": False}
        content = json.dumps(answer).encode()
        self.send_response(401)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = _refuse  # noqa: N815  # the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
        """Says nothing."""


def files_that_tell(folder: Path, secrets: Iterable[str]) -> dict[str, list[str]]:
    """The files below a folder in which a secret stands, and which."""
    wanted = list(secrets)
    found = {str(file): told_by(file.read_bytes(), wanted) for file in folder.rglob("*") if file.is_file()}
    return {file: told for file, told in found.items() if told}
