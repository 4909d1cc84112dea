"""Who remembers, outside the trail, how far a log had come."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Witness"]


class Witness(Protocol):
    """Memory of the newest checkpoint seen per origin; `sophia_kit.state.State` is one."""

    def checkpoint(self, origin: str) -> tuple[int, str] | None:
        """Size and root (hex) that were last remembered for `origin`."""
        ...

    def remember_checkpoint(self, origin: str, size: int, root_hex: str) -> None: ...
