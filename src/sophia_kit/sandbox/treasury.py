"""Exchange rates from Canadian to US dollars on banking days, with a gap."""

from __future__ import annotations

from sophia_kit.sandbox.days import from_number, is_banking_day, number
from sophia_kit.sandbox.draws import Draws
from sophia_kit.sandbox.profile import Profile
from sophia_kit.sandbox.tables import Rows

__all__ = ["rate_on", "rate_rows"]

_LEVEL, _SWING, _PERIOD = 73_400_000, 1_900_000, 430


def rate_on(profile: Profile, day: int) -> int:
    """US dollars for a Canadian dollar on `day`, in hundred-millionths."""
    phase = (day - profile.first) % _PERIOD
    wave = abs(2 * phase - _PERIOD) * 2 * _SWING // _PERIOD - _SWING
    return _LEVEL + wave + Draws(profile.seed, "fx_rates").below("noise", day, 240_000) - 120_000


def in_gap(profile: Profile, day: int) -> bool:
    return number(profile.stories.rate_gap_first) <= day <= number(profile.stories.rate_gap_last)


def rate_rows(profile: Profile) -> Rows:
    rows = Rows("fx_rates")
    for day in range(profile.first - 35, profile.horizon + 1):
        if is_banking_day(day) and not in_gap(profile, day):
            key = f"fx_CADUSD_{from_number(day):%Y%m%d}"
            rows.add(key, "CAD", "USD", day, rate_on(profile, day), profile.calendar.at(day, 16 * 3600))
    return rows
