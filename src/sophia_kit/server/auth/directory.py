"""The tokens and sessions that are valid now, in memory, as the state had them a moment ago."""

from __future__ import annotations

import asyncio
import hashlib
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import TYPE_CHECKING, Final, TypeVar

from sophia_kit.core.errors import Unauthenticated
from sophia_kit.metrics import Principal
from sophia_kit.server.auth.caller import Caller
from sophia_kit.server.auth.tokens import matches, parts
from sophia_kit.state import AccessSession, AccessToken

if TYPE_CHECKING:
    from datetime import datetime

    from sophia_kit.core.clock import Clock
    from sophia_kit.state import State

__all__ = ["FRESH_S", "Directory"]

Result = TypeVar("Result")

FRESH_S: Final = 2.0
"""Seconds for which what was read from the state holds; a revoked token opens nothing after them."""
_MISS_S: Final = 0.2
"""Seconds between readings for the sake of what wasn't there: a token that was just made works, and guesses don't reach
the state more often than this."""
_USED_EVERY: Final = timedelta(hours=1)
_SESSIONS_PER_TOKEN: Final = 100


class Directory:
    """Who a token or a browser's session belongs to.

    All of both is read at once: one query in `FRESH_S`, however many callers there are and whatever they send.

    Attributes:
        clock: of real time, also where the settings' own stands still: a token expires in earnest.
    """

    def __init__(self, state: State, clock: Clock, *, fresh_s: float = FRESH_S) -> None:
        self._state = state
        self.clock = clock
        self.fresh_s = fresh_s
        self._read_at = float("-inf")
        self._reading = asyncio.Lock()
        self._tokens: dict[str, tuple[AccessToken, Caller]] = {}
        self._sessions: dict[str, AccessSession] = {}
        self._used: set[str] = set()
        # A thread of its own: those that others share may all be busy with queries.
        self._thread = _own_thread()

    def close(self) -> None:
        """Let go of the thread; whoever asks afterwards gets another."""
        self._thread.shutdown()
        self._thread = _own_thread()

    async def holder(self, token: str) -> Caller:
        """The caller whose token this is.

        Raises:
            Unauthenticated: it isn't valid.
            StorageError, Unreachable: the state doesn't answer; nobody is let in then.
        """
        found = parts(token)
        if found is None:
            raise _invalid()
        token_id, secret = found
        await self._fresh()
        if token_id not in self._tokens:
            await self._anew()
        record, caller = self._tokens.get(token_id, (None, None))
        if not matches(secret, record) or caller is None or not self._valid(token_id):
            raise _invalid()
        self._used.add(token_id)
        return caller

    async def visitor(self, session: str) -> Caller:
        """The caller who signed in, by what the browser's cookie holds.

        Raises:
            Unauthenticated: the session or the token behind it ended.
            StorageError, Unreachable: the state doesn't answer.
        """
        key = _hash(session)
        await self._fresh()
        if key not in self._sessions:
            await self._anew()
        found = self._sessions.get(key)
        if found is None or self.clock.now() >= found.expires_at or not self._valid(found.token_id):
            raise Unauthenticated("The sign-in has ended.", hint="Sign in again at /sign-in.")
        self._used.add(found.token_id)
        return self._tokens[found.token_id][1]

    async def sign_in(self, token: str, lifetime: timedelta) -> tuple[str, datetime, Caller]:
        """Begin a session of the token's holder: what the cookie is to hold, until when, and who that is.

        Raises:
            Unauthenticated: the token isn't valid.
            StorageError, Unreachable: the state doesn't answer.
        """
        caller = await self.holder(token)
        assert caller.token_id is not None
        now = self.clock.now()
        session = secrets.token_urlsafe(32)
        ends = min(now + lifetime, self._tokens[caller.token_id][0].expires_at)
        record = AccessSession(_hash(session), caller.token_id, created_at=now, expires_at=ends)
        async with self._reading:
            await self._run(lambda: self._state.access.add_session(record, most=_SESSIONS_PER_TOKEN))
            self._sessions[record.session_hash] = record
        return session, ends, caller

    async def sign_out(self, session: str) -> None:
        """End a session; there need not be one.

        Raises:
            StorageError, Unreachable: the state doesn't answer.
        """
        key = _hash(session)
        async with self._reading:
            await self._run(lambda: self._state.access.end_session(key))
            self._sessions.pop(key, None)

    def _valid(self, token_id: str) -> bool:
        entry = self._tokens.get(token_id)
        return entry is not None and entry[0].status(self.clock.now()) == "valid"

    async def _fresh(self) -> None:
        """Have what is held be no older than `fresh_s`. Who comes while it is read waits for the same reading."""
        loop = asyncio.get_running_loop()
        if loop.time() - self._read_at < self.fresh_s:
            return
        async with self._reading:
            if loop.time() - self._read_at >= self.fresh_s:
                await self._reread(loop)

    async def _anew(self) -> None:
        """Have what is held be read after now: together with others who ask for it, a while after the last time."""
        loop = asyncio.get_running_loop()
        asked = loop.time()
        async with self._reading:
            if self._read_at < asked:
                await asyncio.sleep(self._read_at + _MISS_S - loop.time())
                await self._reread(loop)

    async def _reread(self, loop: asyncio.AbstractEventLoop) -> None:
        began = loop.time()
        tokens, sessions = await self._run(self._read)
        self._tokens = {token.token_id: (token, _caller(token)) for token in tokens}
        self._sessions = {session.session_hash: session for session in sessions}
        self._read_at = began

    async def _run(self, work: Callable[[], Result]) -> Result:
        return await asyncio.get_running_loop().run_in_executor(self._thread, work)

    def _read(self) -> tuple[list[AccessToken], list[AccessSession]]:
        now = self.clock.now()
        used, self._used = self._used, set()
        tokens = self._state.access.valid_tokens(now)
        for token in tokens:
            if token.token_id in used and (token.last_used_at is None or now - token.last_used_at >= _USED_EVERY):
                self._state.access.mark_used(token.token_id, now)
        return tokens, self._state.access.sessions(now)


def _own_thread() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(1, thread_name_prefix="sophia-access")


def _caller(token: AccessToken) -> Caller:
    return Caller(Principal(token.name, token.attributes), frozenset(token.scopes), token.token_id)


def _invalid() -> Unauthenticated:
    return Unauthenticated(
        "The token isn't valid: it is unknown, has expired or was revoked.",
        hint="`sophia tokens list` tells which are valid; ask who administers access for a new one.",
    )


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
