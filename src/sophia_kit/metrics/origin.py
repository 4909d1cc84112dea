"""Where a definition stands, and whether it replaces another."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Origin"]


@dataclass(frozen=True, slots=True)
class Origin:
    """The place of a definition. As text: `metrics/mine.yaml:3`.

    Attributes:
        file: the file's name with its folder's.
        line: 1-based.
        own: whether it is the project's, not the package's.
        overrides: the place of the package's definition that it replaces; None when it replaces none.
    """

    file: str
    line: int
    own: bool = False
    overrides: str | None = None

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"
