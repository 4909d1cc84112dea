"""What is decided about the company before anything is generated: `data/company.toml`."""

from __future__ import annotations

import hashlib
import tomllib
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sophia_kit.core.errors import ConfigError, InputError
from sophia_kit.sandbox.days import Calendar, number

__all__ = ["GENERATOR", "HORIZON_DAYS", "Profile", "Size", "Stories", "day_in", "load_profile"]

GENERATOR = 3
"""Version of the generator: rises whenever the same profile yields other rows."""

HORIZON_DAYS = 62
"""How many days after `last_day` the company goes on."""

_BEFORE = 1000


class Size(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    customers: int = Field(ge=1)
    properties: int = Field(ge=1)
    payments: int = Field(ge=1)
    prospects: int = Field(ge=1)
    calls: int = Field(ge=1)
    messages: int = Field(ge=1)
    tickets: int = Field(ge=1)
    surveys: int = Field(ge=1)
    mrr: int = Field(ge=1)


class Stories(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    outage_day: date
    outage_processor: str
    price_rise_day: date
    price_rise_percent: int
    price_rise_churn_percent: int
    price_lift_day: date
    price_lift_percent: int
    stuck_since: date
    stuck_amount: int
    souring_since: date
    rpe_target: int
    rate_gap_first: date
    rate_gap_last: date


class _File(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str
    seed: int
    scale: float = Field(ge=0.005, le=4)
    first_day: date
    last_day: date
    time_zone: str
    currency: str
    size: Size
    stories: Stories


@dataclass(frozen=True, slots=True)
class Profile:
    """The company's seed, size and stories; `first` .. `horizon` are days as numbers."""

    name: str
    seed: int
    scale: float
    first: int
    last: int
    horizon: int
    time_zone: str
    currency: str
    size: Size
    stories: Stories
    calendar: Calendar

    def count(self, full: int, least: int) -> int:
        """A size at this scale, but never below `least`."""
        return max(least, full * round(self.scale * 10_000) // 10_000)

    @property
    def fingerprint(self) -> str:
        """Same fingerprint, same rows."""
        parts = (
            GENERATOR,
            self.seed,
            round(self.scale * 10_000),
            self.first,
            self.last,
            self.name,
            self.size,
            self.stories,
        )
        return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def load_profile(path: Path, scale: float | None = None) -> Profile:
    """The profile in a TOML file; `scale` wins over the file's.

    Raises:
        ConfigError: no such file, not TOML, or a wrong value.
    """
    try:
        content: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(
            f"The demo company's profile {path} can't be read: {error.strerror}.",
            hint="It belongs to the repository as data/company.toml.",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="Compare it with the repository's.") from None
    if scale is not None:
        content["scale"] = scale
    try:
        file = _File.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise ConfigError(f"{path}: {where}: {first['msg']}.", hint="Compare it with the repository's.") from None
    span = (file.last_day - file.first_day).days
    if (
        not 400 <= span <= 4000
        or not file.first_day < file.stories.rate_gap_first <= file.stories.outage_day < file.last_day
    ):
        raise ConfigError(
            f"{path}: the stories must lie between first_day and last_day, which span 400 to 4,000 days.",
            hint="Compare it with the repository's.",
        )
    first_day, last_day = number(file.first_day), number(file.last_day)
    horizon = last_day + HORIZON_DAYS
    return Profile(
        name=file.name,
        seed=file.seed,
        scale=file.scale,
        first=first_day,
        last=last_day,
        horizon=horizon,
        time_zone=file.time_zone,
        currency=file.currency,
        size=file.size,
        stories=file.stories,
        calendar=Calendar(file.time_zone, first_day - _BEFORE, horizon + 40),
    )


def day_in(profile: Profile, day: date | None) -> int:
    """`day` as a number (default: the last day).

    Raises:
        InputError: outside of what the company's history covers.
    """
    wanted = profile.last if day is None else number(day)
    if not profile.first <= wanted <= profile.horizon:
        first, last = date(1970, 1, 1) + timedelta(profile.first), date(1970, 1, 1) + timedelta(profile.horizon)
        raise InputError(
            f"{profile.name} has no {day}: its history runs from {first} to {last}.", hint="Ask for a day inside it."
        )
    return wanted
