"""The `sophia` command, one file a command group."""

import sys

try:
    from sophia_kit.cli.main import main
except KeyboardInterrupt:
    # Nothing has begun yet.
    sys.exit(130)

__all__ = ["main"]
