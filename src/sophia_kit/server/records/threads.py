"""The threads of a Slack channel, the newest first, with their messages and who wrote them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from sophia_kit.core.errors import UnknownName
from sophia_kit.server.records.continuation import Continuation, fingerprint, positions
from sophia_kit.server.records.page import engine_of, rows_of, version_of
from sophia_kit.server.records.slack import SLACK_CHANNELS, SLACK_MESSAGES
from sophia_kit.server.records.standing import Standing, standing_of
from sophia_kit.server.records.statement import Statement

if TYPE_CHECKING:
    from sophia_kit.core.clock import Clock
    from sophia_kit.metrics import Principal
    from sophia_kit.server.snapshots import Snapshots
    from sophia_kit.warehouse import Engine

__all__ = ["DEFAULT_THREADS", "MESSAGES_SHOWN", "MOST_THREADS", "SlackThread", "ThreadPage", "read_threads"]

DEFAULT_THREADS: Final = 20
MOST_THREADS: Final = 50
"""The most threads of one page."""
MESSAGES_SHOWN: Final = 100
"""The most messages of one thread, its first; the resource of messages has them all."""


@dataclass(frozen=True, slots=True)
class SlackThread:
    """A message and what was answered to it.

    Attributes:
        started_at, last_at: when its first and last message were posted (UTC).
        message_count: how many messages the snapshot has of it.
        messages: the first of them, in order; each a row of `SLACK_MESSAGES`.
    """

    thread_id: str
    started_at: datetime
    last_at: datetime
    message_count: int
    messages: tuple[dict[str, Any], ...]


@dataclass(frozen=True, slots=True)
class ThreadPage:
    """Some threads of a channel.

    Attributes:
        channel: the channel's row of `SLACK_CHANNELS`.
        next: the token of the page after; None when this is the last.
    """

    channel: dict[str, Any]
    threads: tuple[SlackThread, ...]
    next: str | None
    standing: Standing
    notes: tuple[str, ...]


def read_threads(
    snapshots: Snapshots,
    clock: Clock,
    channel_id: str,
    principal: Principal,
    *,
    started_from: datetime | None = None,
    started_before: datetime | None = None,
    limit: int = DEFAULT_THREADS,
    after: str | None = None,
) -> ThreadPage:
    """A page of a channel's threads.

    Raises:
        UnknownName: no such channel.
        NeverLoaded: channels or messages were never loaded, e.g. since the privacy settings don't ask for messages.
        AccessRefused: the principal is restricted to members of a dimension, by which chat can't be told apart.
        InputError, SnapshotGone, NoSnapshot: as `read_page`.
    """
    bounds = (started_from, started_before)
    question = fingerprint("slack_threads", channel_id, bounds, principal.name, principal.attributes)
    start = None if after is None else Continuation.read(after, question)
    with engine_of(snapshots, start) as engine:
        _permitted(engine, principal)
        standing_of(engine, SLACK_CHANNELS, clock)
        standing = standing_of(engine, SLACK_MESSAGES, clock)
        channel = _channel(engine, channel_id)
        found = _threads(engine, channel_id, bounds, start, limit + 1)
        shown = found[:limit]
        messages = _messages(engine, [str(row["thread_id"]) for row in shown])
        token = None
        if len(found) > limit:
            last = positions([shown[-1]["started_at"], shown[-1]["thread_id"]])
            token = Continuation(question, version_of(engine), last).token()
    threads = tuple(
        SlackThread(
            thread_id=row["thread_id"],
            started_at=row["started_at"],
            last_at=row["last_at"],
            message_count=row["message_count"],
            messages=tuple(messages.get(row["thread_id"], ())),
        )
        for row in shown
    )
    return ThreadPage(channel, threads, token, standing, SLACK_MESSAGES.notes)


def _permitted(engine: Engine, principal: Principal) -> None:
    Statement(SLACK_MESSAGES, engine.dialect).restrict(principal, {})


def _channel(engine: Engine, channel_id: str) -> dict[str, Any]:
    statement = Statement(SLACK_CHANNELS, engine.dialect)
    statement.only("channel_id", [channel_id])
    names = [column.name for column in SLACK_CHANNELS.columns]
    rows = rows_of(engine.query(statement.rows(names, 1), statement.params).frame, SLACK_CHANNELS.columns)
    if not rows:
        # Ids aren't guessed at: one that is near is another channel altogether.
        raise UnknownName("channel of Slack", channel_id, ())
    return rows[0]


def _threads(
    engine: Engine,
    channel_id: str,
    bounds: tuple[datetime | None, datetime | None],
    start: Continuation | None,
    limit: int,
) -> list[dict[str, Any]]:
    statement = Statement(SLACK_MESSAGES, engine.dialect)
    statement.only("channel_id", [channel_id])
    params: dict[str, Any] = dict(statement.params)
    having = []
    for name, sign, moment in (("from", ">=", bounds[0]), ("before", "<", bounds[1])):
        if moment is not None:
            having.append(f"started_at {sign} CAST($started_{name} AS TIMESTAMP)")
            params[f"started_{name}"] = _utc(moment)
    if start is not None:
        moment_text, thread = start.position
        params |= {"after_started": datetime.fromisoformat(moment_text).replace(tzinfo=None), "after_thread": thread}
        bound = "CAST($after_started AS TIMESTAMP)"
        having.append(f"(started_at < {bound} OR (started_at = {bound} AND thread_id < $after_thread))")
    where = f"WHERE {' AND '.join(having)}\n" if having else ""
    sql = (
        f"WITH messages_of_it AS (\n{statement.unordered(['thread_id', 'posted_at'])}\n),\n"
        "threads AS (\n"
        "SELECT thread_id, min(posted_at) AS started_at, max(posted_at) AS last_at, count(*) AS message_count\n"
        "FROM messages_of_it GROUP BY thread_id\n)\n"
        f"SELECT thread_id, started_at, last_at, message_count FROM threads\n{where}"
        f"ORDER BY started_at DESC, thread_id DESC LIMIT {int(limit)}"
    )
    rows = engine.query(sql, params).frame.to_dicts()
    return [row | {name: row[name].replace(tzinfo=UTC) for name in ("started_at", "last_at")} for row in rows]


def _messages(engine: Engine, threads: list[str]) -> dict[str, list[dict[str, Any]]]:
    if not threads:
        return {}
    statement = Statement(SLACK_MESSAGES, engine.dialect)
    statement.only("thread_id", threads)
    names = [column.name for column in SLACK_MESSAGES.columns]
    listed = ", ".join(names)
    sql = (
        f"WITH messages_of_them AS (\n{statement.unordered(names)}\n)\n"
        f"SELECT {listed} FROM messages_of_them\n"
        "QUALIFY row_number() OVER (PARTITION BY thread_id ORDER BY posted_at, message_id) "
        f"<= {MESSAGES_SHOWN}\nORDER BY thread_id, posted_at, message_id"
    )
    found: dict[str, list[dict[str, Any]]] = {}
    for row in rows_of(engine.query(sql, statement.params).frame, SLACK_MESSAGES.columns):
        found.setdefault(row["thread_id"], []).append(row)
    return found


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(tzinfo=None)
