"""The child process of a run: `python starter.py NOTEBOOK [OPTION ...]`, a script that needs nothing of its package.

It imports what the notebook will import, while its run still loads, lets it get ready, and waits. A line on its
standard input starts the notebook, as `python NOTEBOOK [OPTION ...]` would; the end of its input ends it.
"""

from __future__ import annotations

import ast
import os
import runpy
import sys
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from types import ModuleType

__all__ = ["GO", "import_ahead", "main"]

GO = b"go\n"


def import_ahead(source: str) -> None:
    """Import the modules that a notebook names, and look up what it uses of them, since names may load lazily.

    A module that has a function `get_ready` is asked to: it knows what else takes time and no data. What can't be
    imported is left to the notebook, which says so where it needs it.
    """
    tree = ast.parse(source)
    names: dict[str, object] = {}
    for node in ast.walk(tree):
        with suppress(ImportError):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    module = import_module(alias.name)
                    names[alias.asname or alias.name] = module
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                module = import_module(node.module)
                for alias in node.names:
                    names[alias.asname or alias.name] = _member(module, alias.name)
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            of = names.get(node.value.id)
            if isinstance(of, ModuleType):
                with suppress(ImportError):
                    getattr(of, node.attr, None)
    for found in names.values():
        if isinstance(found, ModuleType):
            with suppress(ImportError):
                getattr(found, "get_ready", lambda: None)()


def _member(module: ModuleType, name: str) -> object:
    """What `from module import name` gives; a submodule is imported by it."""
    found = getattr(module, name, None)
    return import_module(f"{module.__name__}.{name}") if found is None and hasattr(module, "__path__") else found


def main() -> None:
    """Import, wait for the word, run."""
    notebook = Path(sys.argv[1])
    sys.path[0] = str(notebook.parent)
    with suppress(OSError, SyntaxError, ValueError):
        import_ahead(notebook.read_text(encoding="utf-8"))
    word = sys.stdin.buffer.readline()
    if word != GO:
        return
    with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # not a path of the project's
        os.dup2(nothing.fileno(), 0)
    del sys.argv[0]
    runpy.run_path(str(notebook), run_name="__main__")


if __name__ == "__main__":
    main()
