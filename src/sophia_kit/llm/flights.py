"""Identical requests that are under way at the same time are sent once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from typing import Any, Generic, TypeVar

__all__ = ["Flights", "SharedStream"]

T = TypeVar("T")


class Flights:
    """Work under way, by its key. It goes on while anybody waits for it, and is stopped when the last one has gone."""

    def __init__(self) -> None:
        self._work: dict[str, tuple[asyncio.Task[Any], list[int]]] = {}
        self._streams: dict[str, SharedStream[Any]] = {}

    def under_way(self, key: str) -> bool:
        """Whether somebody asked the same and hasn't been answered."""
        return key in self._work or key in self._streams

    async def join(self, key: str, work: Callable[[], Awaitable[T]]) -> T:
        """The outcome of the work of that key, begun here unless it is under way."""
        if key not in self._work:
            task = asyncio.ensure_future(_awaited(work))
            self._work[key] = (task, [0])
            task.add_done_callback(lambda done: self._landed(key, done))
        task, waiting = self._work[key]
        waiting[0] += 1
        try:
            # The others' wait doesn't end with this one's.
            found: T = await asyncio.shield(task)
            return found
        finally:
            waiting[0] -= 1
            if waiting[0] == 0 and not task.done():
                self._work.pop(key, None)
                task.cancel()

    def stream(self, key: str, begin: Callable[[], AsyncGenerator[T, None]]) -> AsyncGenerator[T, None]:
        """The stream of that key from its beginning, begun here unless it is under way."""
        if key not in self._streams:
            self._streams[key] = SharedStream(begin, lambda: self._streams.pop(key, None))
        found: SharedStream[T] = self._streams[key]
        return found.follow()

    def _landed(self, key: str, done: asyncio.Task[Any]) -> None:
        held = self._work.get(key)
        if held is not None and held[0] is done:
            del self._work[key]
        if not done.cancelled():
            # Said to everybody who waits; when nobody does any more, it is no news.
            done.exception()


async def _awaited(work: Callable[[], Awaitable[T]]) -> T:
    return await work()


class SharedStream(Generic[T]):
    """One stream that several read from its beginning, each at its own pace.

    What was read is held until the last reader is through; it is one answer.
    """

    def __init__(self, begin: Callable[[], AsyncGenerator[T, None]], over: Callable[[], object]) -> None:
        self._pieces: list[T] = []
        self._error: BaseException | None = None
        self._ended = False
        self._changed = asyncio.Event()
        self._readers = 0
        self._over = over
        self._task = asyncio.ensure_future(self._pump(begin))

    async def follow(self) -> AsyncGenerator[T, None]:
        """Every piece, and the error that ended the stream, if one did."""
        self._readers += 1
        place = 0
        try:
            while True:
                while place < len(self._pieces):
                    yield self._pieces[place]
                    place += 1
                if self._ended:
                    break
                changed = self._changed
                await changed.wait()
            if self._error is not None:
                raise self._error
        finally:
            self._readers -= 1
            if self._readers == 0 and not self._ended:
                self._over()
                self._task.cancel()

    async def _pump(self, begin: Callable[[], AsyncGenerator[T, None]]) -> None:
        try:
            async with aclosing(begin()) as pieces:
                async for piece in pieces:
                    self._pieces.append(piece)
                    self._tell()
        except BaseException as error:
            # Whatever it is, each reader is told: a stream that is stopped must not look like one that ended.
            self._error = error
            if not isinstance(error, Exception):
                raise
        finally:
            self._ended = True
            self._over()
            self._tell()

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()
