"""Ctrl-C and SIGTERM wait until a library is imported: one that is interrupted halfway may swallow them, or abort the
process (DuckDB and Polars do)."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

__all__ = ["install"]

_ENDING = (signal.SIGINT, signal.SIGTERM)


def install() -> None:
    """Have every library from now on be imported whole; the kit's own modules and Python's can be interrupted."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if path is not None or fullname in sys.stdlib_module_names or fullname == "sophia_kit":
            return None
        spec = PathFinder.find_spec(fullname, path, target)
        loader = None if spec is None else spec.loader
        if loader is None:
            return None
        run = loader.exec_module

        def whole(module: ModuleType) -> None:
            with _later():
                run(module)

        # Another loader in its place would not give the package's data files.
        loader.exec_module = whole  # type: ignore[method-assign]
        return spec


@contextmanager
def _later() -> Iterator[None]:
    """Signals that end the process take effect when the block has ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {number: signal.signal(number, lambda number, frame: came.append(number)) for number in _ENDING}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if came:
            signal.raise_signal(came[0])
