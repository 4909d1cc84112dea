"""How far Slack's messages have been read, and what the next reading begins with.

Slack lists a channel's messages by when they were posted, never by what changed. So each reading goes back over a
window, in which it finds edits, deletions and late replies. A reply is found by the message it answers, which may
be older than the window: threads that somebody wrote in lately are remembered and read again by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Self

from sophia_kit.connectors.api import moment_of, moment_text

__all__ = ["Plan", "Reach"]

Thread = tuple[str, str]
"""Channel and `ts` of the message that a thread hangs on."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Where a reading ended.

    Attributes:
        at: the newest message.
        channels: those that were read up to it.
        lost: channels that could be read before, and up to when they were.
        threads: that hang on a message older than the next window, and have a reply inside of it.
    """

    at: datetime
    channels: frozenset[str]
    lost: Mapping[str, datetime] = field(default_factory=dict)
    threads: frozenset[Thread] = frozenset()

    @classmethod
    def parse(cls, text: str) -> Self | None:
        """The one that `text` says; None when it says none."""
        try:
            held = json.loads(text)
            at = moment_of(held["at"])
            lost = {str(channel): moment_of(until) for channel, until in held["lost"].items()}
            threads = frozenset((str(channel), str(ts)) for channel, ts in held["threads"])
            channels = frozenset(map(str, held["channels"]))
        except (ValueError, TypeError, KeyError, AttributeError):
            return None
        if at is None or None in lost.values():
            return None
        return cls(at, channels, {name: until for name, until in lost.items() if until is not None}, threads)

    def text(self) -> str:
        """As a cursor."""
        held = {
            "at": moment_text(self.at),
            "channels": sorted(self.channels),
            "lost": {channel: moment_text(self.lost[channel]) for channel in sorted(self.lost)},
            "threads": sorted(self.threads),
        }
        return json.dumps(held)


class Plan:
    """One reading of messages: from when on each channel is read, and what is learnt on the way.

    Attributes:
        starts: by channel, the first moment that is read; None to read it from its beginning.
        image_since: from when on the reading shows all messages there are; None when that can't be said.
    """

    def __init__(self, since: Reach | datetime | None, channels: Iterable[str], repull: timedelta) -> None:
        self._repull = repull
        self._before = since if isinstance(since, Reach) else None
        self._latest: dict[Thread, datetime] = {}
        self._lost: dict[str, datetime] = {}
        self.image_since: datetime | None = None
        if not isinstance(since, Reach):
            self.starts: dict[str, datetime | None] = dict.fromkeys(channels, since)
            return
        begin = since.at - repull
        known = dict.fromkeys(since.channels, since.at) | dict(since.lost)
        self.starts = {name: known[name] - repull if name in known else None for name in channels}
        # A lost channel's messages are neither shown nor deleted; its last ones may be a little younger than `at`.
        gone = {name: until for name, until in known.items() if name not in self.starts}
        self._lost = {name: until for name, until in gone.items() if until + timedelta(days=1) > begin}
        if not self._lost:
            self.image_since = begin

    def threads(self, channel: str) -> set[str]:
        """Threads of a channel that have to be read by name."""
        return set() if self._before is None else {ts for of, ts in self._before.threads if of == channel}

    def named(self) -> frozenset[str]:
        """Messages older than `image_since` whose threads are read all the same, each by its id."""
        if self._before is None or self.image_since is None:
            return frozenset()
        begin = self.image_since.timestamp()
        threads = self._before.threads | self._latest.keys()
        return frozenset(f"{channel}:{ts}" for channel, ts in threads if float(ts) < begin)

    def seen(self, channel: str, thread: str, latest: datetime) -> None:
        """A thread of a channel has a reply of that moment."""
        key = (channel, thread)
        self._latest[key] = max(latest, self._latest.get(key, latest))

    def reached(self, newest: datetime) -> Reach:
        """Where the reading ends when its newest message is of that moment."""
        at = newest if self._before is None else max(newest, self._before.at)
        begin = at - self._repull
        old = {key for key, latest in self._latest.items() if float(key[1]) < begin.timestamp() and latest >= begin}
        if self._before is not None:
            old |= {key for key in self._before.threads if key[0] in self._lost}
        return Reach(at, frozenset(self.starts), self._lost, frozenset(old))
