"""What was configured or asked, and who may ask."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from sophia_kit.core.errors.base import SophiaError

__all__ = [
    "AccessRefused",
    "ConfigError",
    "DefinitionError",
    "InputError",
    "PolicyRefused",
    "ScopeMissing",
    "TooManyRequests",
    "Unauthenticated",
    "Unconfigured",
    "UnknownName",
]


class ConfigError(SophiaError):
    code, title, status, exit_code = "config", "Wrong configuration", 500, 3


class Unconfigured(ConfigError):
    """Attribute `missing` lists the settings that have to be given."""

    code, title = "unconfigured", "Not configured"

    def __init__(
        self,
        message: str,
        *,
        missing: Iterable[str] = (),
        hint: str | None = None,
        provider: str | None = None,
    ) -> None:
        super().__init__(message, hint=hint, provider=provider)
        self.missing = tuple(missing)

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"missing": list(self.missing)}


class DefinitionError(ConfigError):
    """A mistake in a definition file, located by `file` and 1-based `line`."""

    code, title = "definition", "Wrong definition"

    def __init__(self, message: str, *, file: str, line: int | None = None, hint: str | None = None) -> None:
        where = file if line is None else f"{file}:{line}"
        super().__init__(f"{where}: {message}", hint=hint)
        self.file = file
        self.line = line


class InputError(SophiaError):
    code, title, status, exit_code = "input", "Wrong input", 400, 2


class UnknownName(InputError):
    """No `kind` called `name`; the hint names the nearest of `known`."""

    code, title, status = "unknown-name", "Unknown name", 404

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        alike = {each.casefold(): each for each in reversed(names)}
        near = difflib.get_close_matches(name.casefold(), alike, n=3, cutoff=0.5)
        self.suggestions = tuple(alike[each] for each in near)
        if self.suggestions:
            hint = "Did you mean " + " or ".join(self.suggestions) + "?"
        elif names:
            hint = f"Known: {', '.join(names[:20])}" + (", ..." if len(names) > 20 else "")
        else:
            hint = f"There is no {kind} yet."
        super().__init__(f"No {kind} is called {name!r}.", hint=hint)


class AccessRefused(SophiaError):
    """What a principal's row filter doesn't permit, or can't be applied to."""

    code, title, status, exit_code = "access-refused", "Refused to this principal", 403, 4


class Unauthenticated(SophiaError):
    code, title, status, exit_code = "unauthenticated", "Not signed in", 401, 4


class ScopeMissing(AccessRefused):
    """`who` lacks `scope`, which permits what is asked for."""

    code, title = "scope-missing", "The token lacks a scope"

    def __init__(self, who: str, scope: str, *, permits: str) -> None:
        super().__init__(
            f"{who} lacks the scope {scope}: {permits}.", hint=f"Ask who administers access for a token with {scope}."
        )
        self.scope = scope

    def problem(self) -> dict[str, Any]:
        return super().problem() | {"scope": self.scope}


class TooManyRequests(SophiaError):
    """Attribute `retry_after` is how many seconds to wait."""

    code, title, status, retryable = "too-many-requests", "Too many requests", 429, True

    def __init__(self, message: str, *, retry_after: float, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.retry_after = retry_after


class PolicyRefused(SophiaError):
    code, title, status, exit_code = "policy-refused", "Refused by the read-only policy", 403, 4
