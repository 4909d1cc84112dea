"""Access in the state: tokens, and the browsers that signed in with them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

from sophia_kit.state.access_records import AccessSession, AccessToken
from sophia_kit.state.engine import Engine, Row

__all__ = ["AccessStore"]

_ABOUT_TOKENS = "token_id, name, secret_hash, scopes, attributes, created_at, expires_at, revoked_at, last_used_at"
_ABOUT_SESSIONS = "session_hash, token_id, created_at, expires_at"


class AccessStore:
    """Tokens and sessions. Calls take effect one by one, or together in `State.transaction`."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def add_token(self, token: AccessToken) -> None:
        """Remember a token."""
        self._engine.execute(
            f"INSERT INTO access_tokens ({_ABOUT_TOKENS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",  # noqa: S608
            [
                token.token_id,
                token.name,
                token.secret_hash,
                json.dumps(token.scopes),
                json.dumps(token.attributes, ensure_ascii=False),
                _text(token.created_at),
                _text(token.expires_at),
                _text(token.revoked_at),
                _text(token.last_used_at),
            ],
        )

    def tokens(self) -> list[AccessToken]:
        """Every token there ever was, newest first."""
        rows = self._engine.execute(f"SELECT {_ABOUT_TOKENS} FROM access_tokens ORDER BY created_at DESC, token_id")  # noqa: S608
        return [_token(row) for row in rows]

    def valid_tokens(self, at: datetime) -> list[AccessToken]:
        """The tokens that are neither revoked nor expired at `at`."""
        rows = self._engine.execute(
            f"SELECT {_ABOUT_TOKENS} FROM access_tokens WHERE revoked_at IS NULL AND expires_at > ? ORDER BY token_id",  # noqa: S608
            [_text(at)],
        )
        return [_token(row) for row in rows]

    def revoke_token(self, token_id: str, at: datetime) -> None:
        """End a token, and with it the sessions of those who signed in with it; it keeps the time of its first end."""
        with self._engine.transaction():
            self._engine.execute(
                "UPDATE access_tokens SET revoked_at = ? WHERE token_id = ? AND revoked_at IS NULL",
                [_text(at), token_id],
            )
            self._engine.execute("DELETE FROM access_sessions WHERE token_id = ?", [token_id])

    def mark_used(self, token_id: str, at: datetime) -> None:
        """Remember when a token was last used."""
        self._engine.execute("UPDATE access_tokens SET last_used_at = ? WHERE token_id = ?", [_text(at), token_id])

    def add_session(self, session: AccessSession, *, most: int) -> None:
        """Remember a session, and forget those that ended and the oldest of its token beyond `most`."""
        with self._engine.transaction():
            self._engine.execute("DELETE FROM access_sessions WHERE expires_at <= ?", [_text(session.created_at)])
            self._engine.execute(
                f"INSERT INTO access_sessions ({_ABOUT_SESSIONS}) VALUES (?, ?, ?, ?)",  # noqa: S608
                [session.session_hash, session.token_id, _text(session.created_at), _text(session.expires_at)],
            )
            self._engine.execute(
                "DELETE FROM access_sessions WHERE token_id = ? AND session_hash NOT IN (SELECT session_hash FROM "
                "access_sessions WHERE token_id = ? ORDER BY created_at DESC, session_hash LIMIT ?)",
                [session.token_id, session.token_id, most],
            )

    def end_session(self, session_hash: str) -> None:
        """Forget a session."""
        self._engine.execute("DELETE FROM access_sessions WHERE session_hash = ?", [session_hash])

    def sessions(self, at: datetime) -> list[AccessSession]:
        """The sessions that haven't expired at `at`."""
        rows = self._engine.execute(
            f"SELECT {_ABOUT_SESSIONS} FROM access_sessions WHERE expires_at > ? ORDER BY created_at, session_hash",  # noqa: S608
            [_text(at)],
        )
        return [AccessSession(row[0], row[1], _moment(row[2]), _moment(row[3])) for row in rows]


def _token(row: Row) -> AccessToken:
    token_id, name, secret_hash, scopes, attributes, created_at, expires_at, revoked_at, last_used_at = row
    return AccessToken(
        token_id=token_id,
        name=name,
        secret_hash=secret_hash,
        scopes=tuple(json.loads(scopes)),
        attributes=tuple((dimension, tuple(members)) for dimension, members in json.loads(attributes)),
        created_at=_moment(created_at),
        expires_at=_moment(expires_at),
        revoked_at=_moment(revoked_at) if revoked_at else None,
        last_used_at=_moment(last_used_at) if last_used_at else None,
    )


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat(timespec="microseconds")


def _moment(text: Any) -> datetime:
    return datetime.fromisoformat(text)
