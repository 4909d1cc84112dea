"""Days, times and other texts as they are written in a query. Numbers are no times here, and no day has an hour."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime
from typing import Annotated, Any, Final

from pydantic import AfterValidator, AwareDatetime, BeforeValidator, Field

__all__ = ["Day", "KnownAt", "Moment", "Token", "in_utc"]

_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_FIRST: Final = datetime.min.replace(tzinfo=UTC)
_LAST: Final = datetime.max.replace(tzinfo=UTC)
_MOMENT: Final = re.compile(r"\d{4}-\d{2}-\d{2}[Tt ]\d{2}:\d{2}.*")


def _day(value: Any) -> Any:
    if isinstance(value, str) and not _DAY.fullmatch(value):
        raise ValueError("a day is written as 2025-12-31")
    return value


def _moment(value: Any) -> Any:
    if isinstance(value, str) and not _MOMENT.fullmatch(value):
        raise ValueError("a time is written as 2025-12-31T06:00:00Z")
    return value


def in_utc(moment: datetime) -> datetime:
    """A time in UTC; one that lies outside of the calendar there is the calendar's first or last."""
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        return _FIRST if moment.year == 1 else _LAST


Day = Annotated[date, BeforeValidator(_day)]
"""`2025-12-31`."""
Moment = Annotated[AwareDatetime, BeforeValidator(_moment), AfterValidator(in_utc)]
"""`2025-12-31T06:00:00Z`, or with another offset; held in UTC."""
KnownAt = Day | Moment
"""A day, of which its end is meant, or a time."""
Token = Annotated[str, Field(max_length=4_000, pattern="^[A-Za-z0-9_-]+$")]
"""A continuation token."""
