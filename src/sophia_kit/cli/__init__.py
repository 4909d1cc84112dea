"""The `sophia` command, one file a command group."""

from sophia_kit.cli.main import main

__all__ = ["main"]
