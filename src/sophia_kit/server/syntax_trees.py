"""One syntax tree at a time, where Python itself can't make two.

Until Python 3.11.7 the depth of the syntax tree that is being made is kept once for the process (gh-106905, mended in
3.11.8; 3.12 looks for garbage at other moments). The sessions of published notebooks parse in threads of one process:
now and then one of several that began together ended in a SystemError, and its reader saw a page without its numbers.
"""

# Without `from __future__ import annotations`, which `compile` would take over from here into what it compiles.

import ast
import sys
import threading
from importlib import import_module
from typing import Any, Final

__all__ = ["AFFECTED", "make_one_at_a_time"]

AFFECTED: Final = sys.version_info < (3, 11, 8)
"""Whether this Python has the defect."""

_MAKERS: Final = ("ast", "marimo._ast.compiler", "marimo._ast.transformers")
_making: Final = threading.Lock()


def make_one_at_a_time() -> None:
    """From now on the threads of this process take turns where marimo has a syntax tree made. Does nothing on a Python
    without the defect."""
    if AFFECTED:
        for name in _MAKERS:
            # Their own name for it, before the built-in one: nobody else's `compile` is touched.
            import_module(name).__dict__["compile"] = _compile


def _compile(source: Any, filename: Any, mode: str, flags: int = 0, *args: Any, **kwargs: Any) -> Any:
    if not flags & ast.PyCF_ONLY_AST:
        return compile(source, filename, mode, flags, *args, **kwargs)
    with _making:
        return compile(source, filename, mode, flags, *args, **kwargs)
