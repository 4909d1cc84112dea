"""What a period was to be expected to bring: trend and season of the periods before it, by STL.

STL is the seasonal-trend decomposition by loess of Cleveland, Cleveland, McRae and Terpenning (1990), as statsmodels
implements it. Its own robust mode is not used: where one position of the season varies more than the others (the
last day of a month, say), it gives the whole position no weight and falls back to the raw values. Instead what lies
far from a rough fit by medians is set to that fit beforehand.
"""

from __future__ import annotations

import calendar
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sophia_kit.core.errors import ConfigError
from sophia_kit.metrics.alerts.observation import ordinal
from sophia_kit.metrics.alerts.rule import FEWEST_PERIODS, SEASON_LENGTHS, DeviationRule, Season
from sophia_kit.metrics.value import Period

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Positions = NDArray[np.int64]

__all__ = ["Baseline", "Expectation", "baseline_of"]

_HISTORY: dict[Season, int] = {
    "day_of_week": 16 * 7,
    "day_of_month": 365,
    "week_of_year": 3 * 52,
    "month_of_year": 5 * 12,
    "quarter_of_year": 10 * 4,
}
_OUTLYING = 3.0  # robust standard deviations
_NORMAL = 1.4826  # median absolute deviation to standard deviation, for a normal distribution
_TREND_JUMP, _LOW_PASS_JUMP = 8, 5  # loess at every so many points, straight lines between: a third of the time


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a period was expected to bring.

    Attributes:
        expected: in the metric's unit.
        percent: how far the value lies from it, in percent of it; None when it is zero.
        robust_sd: how far, in robust standard deviations of what season and trend leave unexplained.
    """

    expected: float
    percent: float | None
    robust_sd: float


@dataclass(frozen=True, slots=True)
class Baseline:
    """How a rule looks back.

    Attributes:
        history: periods before the judged one.
        needed: how many of them have to be known.
    """

    seasons: tuple[Season, ...]
    history: int
    needed: int

    def look_back(self, known: Sequence[tuple[Period, float]], period: Period) -> list[tuple[Period, float]]:
        """Those of the known periods that the baseline of `period` is made of."""
        last = ordinal(period)
        return [(each, number) for each, number in known if last - self.history <= ordinal(each) < last]

    def expect(
        self, known: Sequence[tuple[Period, float]], period: Period, value: float, *, multiplicative: bool
    ) -> Expectation | None:
        """`value` of `period` set against its past; None when too little of the past is known.

        `known` holds the known periods in order; those from `period` on are not looked at. `multiplicative` takes
        logarithms, where no value is zero or less: growth and season are then shares of the level.
        """
        import numpy as np

        past = self.look_back(known, period)
        if len(past) < self.needed:
            return None
        numbers = np.array([number for _, number in past], dtype=np.float64)
        logarithms = multiplicative and value > 0 and bool((numbers > 0).all())
        level = np.log(numbers) if logarithms else numbers
        judged = float(np.log(value)) if logarithms else value
        periods = [each for each, _ in past]
        fits: list[_Fit] = []
        for season in self.seasons:
            # Seasons are taken off one after the other; the trend is that of the last.
            positions, target = _positions(periods, period, season)
            fits.append(_fit(level, positions, target, SEASON_LENGTHS[season]))
            level = level - fits[-1].season
        expected = sum(fit.season_at_target for fit in fits) + float(fits[-1].trend[-1])
        left = level - fits[-1].trend
        spread = max(_robust_sd(left), *(_own_spread(left[fit.alike]) for fit in fits))
        shown = float(np.exp(expected)) if logarithms else expected
        percent = (value - shown) / abs(shown) * 100 if shown else None
        floor = 1e-9 * max(1.0, abs(expected))
        return Expectation(shown, percent, (judged - expected) / max(spread, floor))


def baseline_of(rule: DeviationRule) -> Baseline:
    """The baseline of a rule, with what it leaves open filled in."""
    longest = max(rule.seasons, key=lambda season: SEASON_LENGTHS[season])
    history = rule.history or _HISTORY[longest]
    return Baseline(rule.seasons, history, rule.minimum_history or max(FEWEST_PERIODS, 2 * SEASON_LENGTHS[longest]))


@dataclass(frozen=True, slots=True)
class _Fit:
    """A decomposition, at the known periods. `alike` marks those at the target's position of the season."""

    season: Floats
    trend: Floats
    season_at_target: float
    alike: NDArray[np.bool_]


def _positions(periods: Sequence[Period], target: Period, season: Season) -> tuple[Positions, int]:
    """Each period's place on an axis on which the season repeats after its length, from 0; and the target's."""
    import numpy as np

    places = [_place(period, season) for period in (*periods, target)]
    return np.array(places[:-1], dtype=np.int64) - places[0], places[-1] - places[0]


def _place(period: Period, season: Season) -> int:
    """Months have 31 places; the last day of a shorter month takes the last, and leaves some empty."""
    if season != "day_of_month":
        return ordinal(period)
    start = period.start
    last = start.day == calendar.monthrange(start.year, start.month)[1]
    return (start.year * 12 + start.month - 1) * 31 + (30 if last else start.day - 1)


def _fit(level: Floats, positions: Positions, target: int, length: int) -> _Fit:
    import numpy as np

    try:
        from statsmodels.tsa.seasonal import STL  # type: ignore[import-untyped]
    except ImportError:
        raise ConfigError(
            "A seasonal baseline needs statsmodels, which isn't installed.", hint="Install sophia-kit[alerts]."
        ) from None

    size = int(positions[-1]) + 1
    window = 2 * -(-size // length) + 1  # of the seasonal smoother: longer than there are seasons, an average
    same = [positions % length == place for place in range(length)]
    cleaned = _without_outliers(level, _rough_fit(level, same, length), same)
    fitted = STL(
        np.interp(np.arange(size), positions, cleaned),
        period=length,
        seasonal=max(7, window),
        seasonal_deg=0,
        trend_jump=_TREND_JUMP,
        low_pass_jump=_LOW_PASS_JUMP,
    ).fit()
    trend, season = np.asarray(fitted.trend), np.asarray(fitted.seasonal)
    here = target - length
    while here >= size:
        here -= length
    return _Fit(season[positions], trend[positions], float(season[here]), same[target % length])


def _rough_fit(level: Floats, same: Sequence[NDArray[np.bool_]], length: int) -> Floats:
    """Season and trend by medians, which an outlier doesn't bend, wherever it lies."""
    import numpy as np

    season = np.zeros_like(level)
    for mask in same:
        if mask.any():
            season[mask] = np.median(level[mask])
    left = level - season
    trend = [np.median(left[max(0, place - length) : place + length + 1]) for place in range(len(left))]
    return season + np.array(trend)


def _without_outliers(level: Floats, fitted: Floats, same: Sequence[NDArray[np.bool_]]) -> Floats:
    """The values, those that lie far from others at their position of the season set to what was fitted."""
    import numpy as np

    left, cleaned = level - fitted, level.copy()
    overall = _robust_sd(left)
    for mask in same:
        if int(mask.sum()) < 3:
            continue
        middle = float(np.median(left[mask]))
        width = _OUTLYING * max(_robust_sd(left[mask]), overall)
        far = mask & (np.abs(left - middle) > width)
        cleaned[far] = fitted[far] + middle
    return cleaned


def _own_spread(left: Floats) -> float:
    """Of one position of the season, which may vary more than the others; without its worst period."""
    import numpy as np

    sizes = np.sort(np.abs(left))[:-1]
    return float(np.sqrt(np.mean(sizes**2))) if len(sizes) else 0.0


def _robust_sd(values: Floats) -> float:
    import numpy as np

    return float(_NORMAL * np.median(np.abs(values - np.median(values))))
