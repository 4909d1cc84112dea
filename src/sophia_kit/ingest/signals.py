"""Ctrl-C and SIGTERM end a load cleanly."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

from sophia_kit.core.errors import Interrupted

__all__ = ["run_cleanly"]

T = TypeVar("T")


def run_cleanly(load: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Run a load in an event loop of its own.

    Raises:
        Interrupted: a signal ended it; nothing was published.
    """

    async def main() -> T:
        task = asyncio.current_task()
        assert task is not None
        with _ended_by_signals(task.cancel):
            return await load()

    try:
        return asyncio.run(main())
    except (asyncio.CancelledError, KeyboardInterrupt):
        raise Interrupted(
            "The load was interrupted.", hint="Nothing was published; readers see the snapshot before. Run it again."
        ) from None


@contextmanager
def _ended_by_signals(cancel: Callable[[], object]) -> Iterator[None]:
    """While it lasts, SIGINT and SIGTERM cancel the load instead of breaking into whatever runs."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number in before:
        loop.add_signal_handler(number, cancel)
    try:
        yield
    finally:
        for number, handler in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, handler)
