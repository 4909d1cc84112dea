"""Who asked what, when, and how it ended: one line of JSON each, a file a day.

Of a request it holds the path and the names of its parameters. No value of one, no body, no answer, no secret.
"""

from __future__ import annotations

import json
import logging
import os
import re
import threading
from dataclasses import dataclass, field, fields
from datetime import UTC, date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from prometheus_client import Counter

from sophia_kit.core.errors import StorageError
from sophia_kit.core.files import make_folder
from sophia_kit.server.auth.tokens import tokens_blotted

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sophia_kit.core.clock import Clock

__all__ = ["AuditEntry", "AuditLog", "note", "parameters"]

_log = logging.getLogger(__name__)
_LOST = Counter("sophia_audit_lost", "Lines of the audit log that couldn't be written.")
_SHOWN: Final = 200
_PARAMETERS: Final = 30
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,31}")


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One line.

    Attributes:
        event: `request`, `websocket`, `sign-in`, `sign-out`, `token-created` or `token-revoked`.
        caller: the principal's name; None when nobody was known.
        client: the address it came from.
        parameters: the names of the query's parameters.
        outcome: the HTTP status, or a word.
        duration_ms: until the answer's end, or the WebSocket's.
        notes: what a part of the server added, e.g. the tool that an agent called.
    """

    event: str
    caller: str | None = None
    token_id: str | None = None
    client: str | None = None
    method: str | None = None
    path: str | None = None
    parameters: tuple[str, ...] = ()
    outcome: int | str | None = None
    duration_ms: float | None = None
    trace_id: str | None = None
    notes: Mapping[str, str] = field(default_factory=dict)


_FIELDS: Final = tuple(one.name for one in fields(AuditEntry))


class AuditLog:
    """Appends to `<folder>/audit-<day>.jsonl`, removes days older than `keep_days`. Several processes may share it."""

    def __init__(self, folder: Path, clock: Clock, *, keep_days: int) -> None:
        self._folder = folder
        self._clock = clock
        self._keep = timedelta(days=keep_days)
        self._lock = threading.Lock()
        self._day: date | None = None
        self._file = -1

    def write(self, entry: AuditEntry) -> None:
        """Append a line. One that can't be written is counted (`sophia_audit_lost`) and said in the program's log."""
        now = self._clock.now().astimezone(UTC)
        line = json.dumps({"at": now.isoformat(timespec="milliseconds"), **_plain(entry)}, ensure_ascii=True)
        try:
            with self._lock:
                # One write of a short line to a file that is appended to: lines of several processes don't mix.
                os.write(self._of(now.date()), line.encode() + b"\n")
        except (OSError, StorageError) as error:
            _LOST.inc()
            _log.error("A line of the audit log is lost: %s", error)

    def close(self) -> None:
        """Close the file; the next line opens it again."""
        with self._lock:
            if self._file >= 0:
                os.close(self._file)
            self._file, self._day = -1, None

    def _of(self, day: date) -> int:
        if self._day != day:
            make_folder(self._folder)
            opened = os.open(self._folder / f"audit-{day}.jsonl", os.O_APPEND | os.O_CREAT | os.O_WRONLY, 0o600)
            if self._file >= 0:
                os.close(self._file)
            self._file, self._day = opened, day
            self._forget(day - self._keep)
        return self._file

    def _forget(self, before: date) -> None:
        for file in self._folder.glob("audit-????-??-??.jsonl"):
            if file.name < f"audit-{before}.jsonl":
                file.unlink(missing_ok=True)


def note(scope: Mapping[str, Any], name: str, value: str) -> None:
    """Add to a request's line, e.g. `note(scope, "tool", "metric_value")`. A name of something, never a value of it."""
    notes = scope.get("state", {}).get("audited")
    if isinstance(notes, dict):
        notes[name] = value


def parameters(query: bytes) -> tuple[str, ...]:
    """The names of a query's parameters, each once; `?` for what doesn't look like one, and may be a value."""
    if not query:
        return ()
    pairs = parse_qsl(query.decode("latin-1"), keep_blank_values=True)
    return tuple(dict.fromkeys(name if _NAME.fullmatch(name) else "?" for name, _ in pairs))[:_PARAMETERS]


def _plain(entry: AuditEntry) -> dict[str, Any]:
    """What the line holds: nothing that is None or empty, no text longer than it need be, no token in any."""
    return {name: _short(value) for name in _FIELDS if (value := getattr(entry, name)) not in (None, (), {})}


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return tokens_blotted(value)[:_SHOWN]
    if isinstance(value, tuple):
        return [_short(item) for item in value]
    if isinstance(value, dict):
        return {name: _short(item) for name, item in value.items()}
    return value
