"""What is remembered of access, on both databases: no secret, and nothing longer than it is valid."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from sophia_kit.state import AccessSession, AccessToken, State

OpenState = Callable[[], State]
NOON = datetime(2025, 12, 31, 12, tzinfo=UTC)
TOKEN = AccessToken(
    token_id="0123456789abcdef",
    name="Zoë's laptop",
    secret_hash="ab" * 32,
    scopes=("ask", "metrics:read"),
    attributes=(("segment", ("Enterprise", "Mid-market")),),
    created_at=NOON,
    expires_at=NOON + timedelta(days=90),
)


def session(of: str, number: int, *, begins: datetime = NOON) -> AccessSession:
    return AccessSession(f"{number:064x}", of, begins + timedelta(seconds=number), begins + timedelta(hours=12))


def test_a_token_comes_back_as_it_was(open_state: OpenState) -> None:
    open_state().access.add_token(TOKEN)
    assert open_state().access.tokens() == [TOKEN]
    assert open_state().access.valid_tokens(NOON) == [TOKEN]


def test_what_expired_or_was_revoked_is_not_valid_and_stays_on_the_list(open_state: OpenState) -> None:
    state = open_state()
    state.access.add_token(TOKEN)
    state.access.add_token(replace(TOKEN, token_id="fedcba9876543210", expires_at=NOON + timedelta(days=1)))
    assert [token.status(NOON + timedelta(days=1)) for token in state.access.tokens()] == ["valid", "expired"]
    assert state.access.valid_tokens(NOON + timedelta(days=1)) == [TOKEN]
    state.access.revoke_token(TOKEN.token_id, NOON)
    state.access.revoke_token(TOKEN.token_id, NOON + timedelta(hours=1))
    assert state.access.valid_tokens(NOON + timedelta(days=1)) == []
    assert [(token.status(NOON), token.revoked_at) for token in state.access.tokens()] == [
        ("revoked", NOON),
        ("valid", None),
    ]


def test_a_revoked_token_ends_its_sessions_and_no_others(open_state: OpenState) -> None:
    state = open_state()
    for token in ("a", "b"):
        state.access.add_token(replace(TOKEN, token_id=token))
    state.access.add_session(session("a", 1), most=10)
    state.access.add_session(session("b", 2), most=10)
    state.access.revoke_token("a", NOON)
    assert state.access.sessions(NOON) == [session("b", 2)]
    state.access.end_session(session("b", 2).session_hash)
    assert state.access.sessions(NOON) == []


def test_sessions_end_in_time_and_the_oldest_make_room(open_state: OpenState) -> None:
    state = open_state()
    for number in range(5):
        state.access.add_session(session("a", number), most=3)
    assert state.access.sessions(NOON) == [session("a", number) for number in (2, 3, 4)]
    assert state.access.sessions(NOON + timedelta(hours=12)) == []
    late = session("b", 9, begins=NOON + timedelta(hours=12))
    state.access.add_session(late, most=3)
    assert state.access.sessions(NOON) == [late], "what had ended is gone"


def test_the_last_use_is_remembered(open_state: OpenState) -> None:
    state = open_state()
    state.access.add_token(TOKEN)
    state.access.mark_used(TOKEN.token_id, NOON)
    assert state.access.tokens()[0].last_used_at == NOON


def test_a_record_shows_no_hash() -> None:
    assert TOKEN.secret_hash not in repr(TOKEN)
    assert session("a", 1).session_hash not in repr(session("a", 1))
