"""Time: passed in, with its zone."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from sophia_kit.core.clock import FrozenClock, SystemClock, company_day


def test_the_system_clock_is_utc_and_moves() -> None:
    clock = SystemClock()
    assert clock.now().tzinfo is UTC
    assert not clock.frozen
    assert abs(datetime.now(UTC) - clock.now()) < timedelta(seconds=5)


def test_a_frozen_clock_stands_still_in_utc() -> None:
    clock = FrozenClock(datetime.fromisoformat("2025-12-31T23:59:59-06:00"))
    assert clock.frozen
    assert clock.now() == clock.now() == datetime(2026, 1, 1, 5, 59, 59, tzinfo=UTC)


def test_a_time_without_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="zone"):
        FrozenClock(datetime(2025, 12, 31))  # noqa: DTZ001


@pytest.mark.parametrize(
    ("moment", "zone", "day"),
    [
        ("2026-01-01T05:59:59+00:00", "America/Chicago", date(2025, 12, 31)),
        ("2026-01-01T06:00:00+00:00", "America/Chicago", date(2026, 1, 1)),
        ("2025-07-01T04:59:59+00:00", "America/Chicago", date(2025, 6, 30)),
        ("2025-12-31T23:00:00+00:00", "Asia/Tokyo", date(2026, 1, 1)),
    ],
)
def test_a_company_day_is_a_calendar_day_in_its_zone(moment: str, zone: str, day: date) -> None:
    assert company_day(datetime.fromisoformat(moment), zone) == day
