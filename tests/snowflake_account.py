"""A Snowflake account of our own: fakesnow's server, as a process on loopback, and what it lacks for our tests.

fakesnow speaks Snowflake's wire protocol and computes with DuckDB. It lets anybody in, cancels nothing and knows no
roles; this adds credentials (key pair and programmatic access token), roles, cancelling, statement timeouts, and a
record of what was asked and how much of it left. What it can't show is Snowflake's own SQL.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import sqlglot
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from pydantic import SecretStr

from sophia_kit.core.settings import SnowflakeSettings

ACCOUNT = "TESTORG-SOPHIA"
DATABASE = "SOPHIA"
READER, WRITER = "SOPHIA_READER", "SOPHIA_WRITER"
REPOSITORY = Path(__file__).resolve().parents[1]


@dataclass
class SnowflakeAccount:
    """The account as clients see it.

    Attributes:
        port: where it listens on loopback.
        reader_key: private key (PEM) of user READER; `reader_token` its programmatic access token.
        asked: the record of statements: one JSON object a line.
    """

    port: int
    reader_key: str
    reader_token: str
    writer_token: str
    asked: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    def settings(self, **changed: Any) -> SnowflakeSettings:
        """Settings of one who reads, by key pair unless a token is given."""
        given: dict[str, Any] = {
            "account": ACCOUNT,
            "base_url": f"http://127.0.0.1:{self.port}",
            "user": READER,
            "role": READER,
            "database": DATABASE,
            "login_timeout_s": 5,
        }
        if "token" not in changed:
            given["private_key"] = SecretStr(self.reader_key)
        return SnowflakeSettings(**given | changed)

    def writer_settings(self, **changed: Any) -> SnowflakeSettings:
        """Settings of the job that deploys."""
        writer: dict[str, Any] = {
            "writer_user": WRITER,
            "writer_role": WRITER,
            "writer_token": SecretStr(self.writer_token),
        }
        return self.settings(**writer | {"allow_deploy": True} | changed)

    def statements(self) -> list[dict[str, Any]]:
        """What was asked so far: user, role, tag, sql, rows (how many left), code (of an error)."""
        return [json.loads(line) for line in self.asked.read_text(encoding="utf-8").splitlines()]

    def end_sessions(self) -> None:
        """Forget every session, as an account does with one that was idle for hours."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/sessions", method="DELETE")
        urllib.request.urlopen(request, timeout=10).close()

    def kill(self) -> None:
        """End the server without a word."""
        self._process.kill()
        self._process.wait()


@contextmanager
def snowflake_account(folder: Path, snapshot: Path) -> Iterator[SnowflakeAccount]:
    """Run the account on the rows of `snapshot`: its schemas RAW and META, with no view yet."""
    databases = folder / "databases"
    databases.mkdir(parents=True)
    shutil.copy(snapshot, databases / f"{DATABASE}.db")
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    users = {
        READER: {"public_key": public.decode(), "token": "reader-token", "roles": [READER]},
        WRITER: {"public_key": None, "token": "writer-token", "roles": [WRITER]},
    }
    (folder / "users.json").write_text(json.dumps(users), encoding="utf-8")
    asked = folder / "asked.jsonl"
    asked.touch()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    start = [sys.executable, "-m", "tests.snowflake_account", str(port), str(folder)]
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    ).decode()
    account = SnowflakeAccount(port, pem, "reader-token", "writer-token", asked, _started(start, port))
    try:
        yield account
    finally:
        account.kill()


def _started(start: list[str], port: int) -> subprocess.Popen[bytes]:
    process = subprocess.Popen(start, cwd=REPOSITORY, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, "the server ended as it started"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return process
    process.kill()
    raise AssertionError("the server didn't start within a minute")


class _Refusals:
    """Snowflake's own answers."""

    LOGIN = ("390100", "Incorrect username or password was specified.")
    TOKEN = ("390144", "JWT token is invalid.")
    ROLE = ("390189", "Role specified in the connect string is not granted to this user.")
    PRIVILEGE = ("003001", "SQL access control error:\nInsufficient privileges to operate on schema 'ANALYTICS'")
    SESSION = ("390111", "Session no longer exists.  New login required to access the service.")
    CANCELED = ("000604", "SQL execution canceled")
    TIMEOUT = ("000630", "Statement reached its statement or warehouse timeout of {} second(s) and was canceled.")


@dataclass
class _Session:
    user: str
    role: str
    tag: str
    timeout_s: float


class _Account:
    """ASGI around fakesnow's server."""

    def __init__(self, app: Any, folder: Path) -> None:
        self._app = app
        self._users: dict[str, dict[str, Any]] = json.loads((folder / "users.json").read_text(encoding="utf-8"))
        self._asked = (folder / "asked.jsonl").open("a", encoding="utf-8")
        self._sessions: dict[str, _Session] = {}
        self._running: dict[str, str] = {}
        self._stopped: dict[str, tuple[str, str]] = {}

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        body = await _read(receive)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" and body else body
        content = json.loads(plain) if plain else {}
        query = {name: values[0] for name, values in parse_qs(scope["query_string"].decode()).items()}
        answer = await self._answer(scope, body, content, query, headers)
        data = json.dumps(answer[1]).encode()
        started = [(b"content-type", b"application/json"), (b"content-length", str(len(data)).encode())]
        await send({"type": "http.response.start", "status": answer[0], "headers": started})
        await send({"type": "http.response.body", "body": data})

    async def _answer(
        self, scope: dict[str, Any], body: bytes, content: Any, query: dict[str, str], headers: dict[str, str]
    ) -> tuple[int, Any]:
        if scope["path"] == "/session/v1/login-request":
            return await self._login(scope, body, content["data"], query)
        token = headers.get("authorization", "")[17:-1]
        if scope["path"] == "/queries/v1/abort-request":
            self._stop(content["requestId"], _Refusals.CANCELED)
            return 200, {"success": True}
        if scope["path"] == "/sessions" and scope["method"] == "DELETE":
            self._sessions.clear()
            return 200, {"success": True}
        if scope["path"] == "/queries/v1/query-request":
            if token not in self._sessions:
                return 200, _failure(_Refusals.SESSION, "08001")
            return await self._query(scope, body, content["sqlText"], query["requestId"], token)
        return await self._inner(scope, body)

    async def _login(
        self, scope: dict[str, Any], body: bytes, data: dict[str, Any], query: dict[str, str]
    ) -> tuple[int, Any]:
        refused = self._refusal(data, query.get("roleName", ""))
        if refused:
            return 200, {"success": False, "code": refused[0], "message": refused[1], "data": {}}
        status, answer = await self._inner(scope, body)
        given = data["SESSION_PARAMETERS"]
        self._sessions[answer["data"]["token"]] = _Session(
            data["LOGIN_NAME"], query["roleName"], given["QUERY_TAG"], given["STATEMENT_TIMEOUT_IN_SECONDS"]
        )
        return status, answer

    def _refusal(self, data: dict[str, Any], role: str) -> tuple[str, str] | None:
        import jwt

        user = self._users.get(data.get("LOGIN_NAME", ""))
        if user is None:
            return _Refusals.LOGIN
        if data.get("AUTHENTICATOR") == "SNOWFLAKE_JWT":
            try:
                jwt.decode(data["TOKEN"], user["public_key"], algorithms=["RS256"])
            except jwt.PyJWTError:
                return _Refusals.TOKEN
        elif data.get("TOKEN") != user["token"]:
            return _Refusals.LOGIN
        return None if role in user["roles"] else _Refusals.ROLE

    async def _query(self, scope: dict[str, Any], body: bytes, sql: str, request: str, token: str) -> tuple[int, Any]:
        session = self._sessions[token]
        if session.role != WRITER and not sql.lstrip().upper().startswith(("SELECT", "WITH")):
            return 200, self._noted(session, sql, _failure(_Refusals.PRIVILEGE, "42501"))
        code, message = _Refusals.TIMEOUT
        timeout = code, message.format(session.timeout_s)
        timer = asyncio.get_running_loop().call_later(session.timeout_s, self._stop, request, timeout)
        self._running[request] = token
        try:
            status, answer = await self._inner(scope, body)
        finally:
            timer.cancel()
            del self._running[request]
        stopped = self._stopped.pop(request, None)
        if stopped is not None:
            status, answer = 200, _failure(stopped, "57014")
        return status, self._noted(session, sql, answer)

    def _stop(self, request: str, why: tuple[str, str]) -> None:
        import fakesnow.server as server

        token = self._running.get(request)
        if token is not None:
            self._stopped[request] = why
            server.sessions[token]._duck_conn.interrupt()

    def _noted(self, session: _Session, sql: str, answer: Any) -> Any:
        data = answer.get("data") or {}
        line: dict[str, Any] = {"user": session.user, "role": session.role, "tag": session.tag, "sql": sql}
        line |= {"rows": data.get("total", 0), "columns": [column["name"] for column in data.get("rowtype", ())]}
        self._asked.write(json.dumps(line | {"code": answer.get("code")}) + "\n")
        self._asked.flush()
        return answer

    async def _inner(self, scope: dict[str, Any], body: bytes) -> tuple[int, Any]:
        status, parts = 500, []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any]) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            else:
                parts.append(message.get("body", b""))

        await self._app(scope, receive, send)
        return status, json.loads(b"".join(parts))


def _failure(why: tuple[str, str], state: str) -> dict[str, Any]:
    code, message = why
    return {"success": False, "code": code, "message": message, "data": {"errorCode": code, "sqlState": state}}


async def _read(receive: Any) -> bytes:
    parts, more = [], True
    while more:
        message = await receive()
        parts.append(message.get("body", b""))
        more = message.get("more_body", False)
    return b"".join(parts)


_NEVER_SENT = re.compile(
    "show|create|alter|list_|put_|drop|json|indices|flatten|array|object|regex|sequence|semi_structured|try_parse|split"
    "|tag|random|sample|haversine|hex_|sha256|current_version|extract_comment_on_columns"
)


def _pass_over(transforms: Any) -> None:
    """Spare the rewrites of statements that nobody sends here: fakesnow walks each one some seventy times."""
    spared = {getattr(transforms, name) for name in vars(transforms) if _NEVER_SENT.match(name)}
    walk = sqlglot.exp.Expression.transform

    def transform(self: Any, rewrite: Any, *args: Any, copy: bool = True, **named: Any) -> Any:
        return self if rewrite in spared else walk(self, rewrite, *args, copy=copy, **named)

    sqlglot.exp.Expression.transform = transform  # type: ignore[assignment, method-assign]


def serve(port: int, folder: Path) -> None:
    """Run the account in this process."""
    import fakesnow.server as server
    import uvicorn
    from fakesnow import transforms
    from fakesnow.instance import FakeSnow

    # It sums in DOUBLE, so that texts can be summed; Snowflake sums a NUMBER as a NUMBER, and no text is summed here.
    transforms.numeric_agg_implicit_cast = lambda expression: expression
    _pass_over(transforms)
    server.shared_fs = FakeSnow(db_path=folder / "databases")
    app = _Account(server.app, folder)
    uvicorn.run(app, host="127.0.0.1", port=port, log_level="critical", lifespan="off")


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    serve(int(sys.argv[1]), Path(sys.argv[2]))
