"""Whom and what Slack's ids stand for, in one snapshot, as far as people and channels are given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from sophia_kit.server.records import SLACK_CHANNELS, SLACK_USERS
from sophia_kit.server.records.page import rows_of
from sophia_kit.server.records.statement import Statement

if TYPE_CHECKING:
    from sophia_kit.metrics import Principal
    from sophia_kit.server.mcp.given import Given
    from sophia_kit.warehouse import Engine

__all__ = ["Named", "SlackNames", "matching"]

_MATCHES: Final = 5
_BY_USER: Final = ("user_id", "handle", "name", "is_active")
_BY_CHANNEL: Final = ("channel_id", "name", "is_archived")


@dataclass(frozen=True, slots=True)
class Named:
    """A person, bot or channel.

    Attributes:
        kind: `user` or `channel`.
        handle: of a user, the name after @.
        active: False of a deactivated user and of an archived channel; None where that isn't given.
    """

    kind: str
    id: str
    handle: str | None
    name: str | None
    active: bool | None

    @property
    def called(self) -> str | None:
        """What readers know it by."""
        return self.handle or self.name


class SlackNames:
    """Reads names for a caller.

    Args:
        given: what is given, by the name of the records.
    """

    def __init__(self, engine: Engine, given: Mapping[str, Given], principal: Principal) -> None:
        self._engine = engine
        self._given = given
        self._principal = principal

    def users(self, ids: Sequence[str] | None = None) -> list[Named]:
        """The users of these ids; all when None. None at all where users aren't given.

        Raises:
            AccessRefused: the principal is restricted by what users can't be told apart by.
        """
        rows = self._rows(SLACK_USERS.name, _BY_USER, "user_id", ids)
        return [Named("user", row["user_id"], row.get("handle"), row.get("name"), row.get("is_active")) for row in rows]

    def channels(self) -> list[Named]:
        """All channels; none where they aren't given.

        Raises:
            AccessRefused: as `users`.
        """
        rows = self._rows(SLACK_CHANNELS.name, _BY_CHANNEL, "channel_id", None)
        return [
            Named(
                "channel",
                row["channel_id"],
                None,
                row.get("name"),
                None if row.get("is_archived") is None else not row["is_archived"],
            )
            for row in rows
        ]

    def _rows(
        self, records: str, names: Sequence[str], key: str, ids: Sequence[str] | None
    ) -> tuple[dict[str, Any], ...]:
        given = self._given.get(records)
        if given is None or key not in given.fields or (ids is not None and not ids):
            return ()
        columns = [column for column in given.columns if column.name in names]
        statement = Statement(given.resource, self._engine.dialect)
        statement.restrict(self._principal, {})
        if ids is not None:
            statement.only(key, ids)
        sql = statement.unordered([column.name for column in columns])
        return rows_of(self._engine.query(sql, statement.params).frame, columns)


def matching(text: str, known: Sequence[Named]) -> list[Named]:
    """Those that a text may mean: by id, handle or name exactly, or else by a part of these; at most five.

    `#` before it asks for a channel, `@` for a user; a mention as in Slack's markup is its id.
    """
    word = text.strip().strip("<>").partition("|")[0]
    kind = {"#": "channel", "@": "user"}.get(word[:1])
    word = word.lstrip("#@").strip().lower()
    asked = [one for one in known if kind is None or one.kind == kind]
    exact = [one for one in asked if word in _words(one)]
    if exact or not word:
        return exact[:_MATCHES]
    return [one for one in asked if any(word in known_as for known_as in _words(one)[1:])][:_MATCHES]


def _words(one: Named) -> list[str]:
    return [one.id.lower(), *(word.lower() for word in (one.handle, one.name) if word)]
