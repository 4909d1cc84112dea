"""What a metric is asked for, as people and programs write it: on the command line and in a URL alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from sophia_kit.core.clock import end_of_day
from sophia_kit.core.errors import InputError

__all__ = ["filters_of", "moment_of"]


def filters_of(where: Iterable[str], *, option: str) -> dict[str, list[str]]:
    """What texts `dimension=member` restrict: the members of each dimension. `option` is what errors call them by.

    Raises:
        InputError: one that isn't of this form.
    """
    found: dict[str, list[str]] = {}
    for text in where:
        dimension, sign, member = text.partition("=")
        if not sign or not dimension.strip() or not member.strip():
            hint = "Say dimension=member, e.g. segment=Enterprise."
            raise InputError(f"{option} {text!r} can't be read.", hint=hint)
        found.setdefault(dimension.strip(), []).append(member.strip())
    return found


def moment_of(text: str, time_zone: str, *, option: str) -> datetime:
    """A time with its zone; of a bare day its end in `time_zone`. `option` is what errors call it by.

    Raises:
        InputError: it is neither.
    """
    try:
        if len(text) == len("2025-12-31"):
            return end_of_day(date.fromisoformat(text), ZoneInfo(time_zone))
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InputError(
            f"{option} {text!r} is neither a day nor a time with its zone.",
            hint="Write it as 2025-12-31, or as 2025-12-31T06:00:00Z.",
        )
    return moment
