"""What every error is: one shape, for people, programs and pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

__all__ = ["SophiaError"]

_PROBLEM_BASE = "urn:sophia-kit:error:"


class SophiaError(Exception):
    """Base of the tree.

    Attributes:
        code: stable identifier in kebab case; callers may branch on it.
        title: what kind of error this is, the same for every instance of the class.
        status: HTTP status when the error leaves through the server.
        exit_code: process exit status when the error leaves through the command line.
        message: what went wrong, and where.
        hint: what to do about it; None when there is nothing to advise.
        provider: the vendor or part concerned, if any.
        retryable: whether the same call may succeed later.
        path: the file or folder of this machine concerned, if any. Whoever runs the kit is shown it, by the command
            line and in the log (`str(error)`); a `problem`, which may go to another machine, leaves it out.
    """

    code = "error"
    title = "Error"
    status = 500
    exit_code = 1
    retryable = False

    def __init__(
        self,
        message: str,
        *,
        hint: str | None = None,
        provider: str | None = None,
        retryable: bool | None = None,
        path: Path | None = None,
    ) -> None:
        super().__init__(message if path is None else f"{message} ({path})")
        self.message = message
        self.hint = hint
        self.provider = provider
        self.path = path
        if retryable is not None:
            self.retryable = retryable

    def problem(self) -> dict[str, Any]:
        """The error as an RFC 9457 problem object."""
        return {
            "type": _PROBLEM_BASE + self.code,
            "title": self.title,
            "status": self.status,
            "detail": self.message,
            "code": self.code,
            "hint": self.hint,
            "provider": self.provider,
            "retryable": self.retryable,
        }
