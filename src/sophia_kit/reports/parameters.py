"""The brief's parameters, wherever they come from: arguments, then the query string, then the defaults."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from sophia_kit.core.errors import InputError, UnknownName

__all__ = ["BriefParameters", "parse_arguments", "resolve_parameters"]

NAMES: Final = ("day", "segment")


@dataclass(frozen=True, slots=True)
class BriefParameters:
    """What a brief is asked for. None is the default: today by the run's clock, and the whole company."""

    day: date | None = None
    segment: str | None = None


def resolve_parameters(*sources: Mapping[str, Any]) -> BriefParameters:
    """The parameters; for each, the first of `sources` that has it decides. An empty text counts as absent.

    Raises:
        InputError: a day that is no date, or a parameter given twice.
    """
    day, segment = (_first(name, sources) for name in NAMES)
    return BriefParameters(None if day is None else _date(day), segment)


def parse_arguments(arguments: Sequence[str], known: Sequence[str] = NAMES) -> dict[str, str]:
    """Options of a notebook that runs as a script: `--day 2025-12-31` or `--day=2025-12-31`.

    `known` are the notebook's; by default the brief's.

    Raises:
        UnknownName: an option that the notebook doesn't have.
        InputError: a word without an option, an option without a value, or one given twice.
    """
    found: dict[str, str] = {}
    words = list(arguments)
    usage = _usage(known)
    while words:
        word = words.pop(0)
        if not word.startswith("--"):
            raise InputError(f"{word!r} follows no option.", hint=usage)
        name, joined, value = word.removeprefix("--").partition("=")
        if name not in known:
            raise UnknownName("option", f"--{name}", [f"--{each}" for each in known])
        if not joined:
            if not words or words[0].startswith("--"):
                raise InputError(f"--{name} needs a value.", hint=usage)
            value = words.pop(0)
        if name in found:
            raise InputError(f"--{name} is given twice.", hint=usage)
        found[name] = value
    return found


def _usage(known: Sequence[str]) -> str:
    options = [f"--{name} {'YYYY-MM-DD' if name == 'day' else name.upper()}" for name in known]
    return f"Use {', '.join(options[:-1])} and {options[-1]}; all may be left out."


def _first(name: str, sources: Sequence[Mapping[str, Any]]) -> str | None:
    for source in sources:
        value = source.get(name)
        if value is None or value == "":
            continue
        if isinstance(value, list):
            raise InputError(f"{name} is given {len(value)} times.", hint=_usage(NAMES))
        return str(value)
    return None


def _date(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise InputError(f"{text!r} is not a day.", hint="Write it as YYYY-MM-DD, e.g. 2025-12-31.") from None
