"""Durations as they are typed: `12h`, `3d`, `2w`."""

from __future__ import annotations

import re
from datetime import timedelta

from sophia_kit.core.errors import InputError

__all__ = ["duration"]

_FORM = re.compile(r"^(\d{1,4})([hdw])$")
_UNITS = {"h": timedelta(hours=1), "d": timedelta(days=1), "w": timedelta(weeks=1)}


def duration(text: str, *, option: str) -> timedelta:
    """Hours, days or weeks.

    Raises:
        InputError: it is of another form; names the option.
    """
    match = _FORM.match(text)
    if match is None:
        raise InputError(f"{option} {text!r} can't be read.", hint="Write hours, days or weeks: 12h, 3d, 2w.")
    return int(match[1]) * _UNITS[match[2]]
