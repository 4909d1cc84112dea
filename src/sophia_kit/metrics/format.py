"""Numbers as text, in one place: what a table, a report and a notebook show."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from sophia_kit.metrics.value import Format

__all__ = ["UNKNOWN", "Scale", "change_scale", "display_change", "display_relative", "display_value"]

UNKNOWN = "unknown"

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "CA$", "AUD": "A$", "MXN": "MX$"}
_STEPS = ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))


def display_value(value: Decimal | None, kind: Format, unit: str) -> str:
    """`$4.2M`, `97.3 %`, `1,234`, `82.5`, `3.2x`, `-0.12`, `47.9 days`, `1,204 ms`; `unknown` for None.

    Amounts of a thousand and more are shortened to one decimal of thousands, millions or billions; `unit`
    matters for money alone, where it is the currency code.
    """
    if value is None:
        return UNKNOWN
    if kind == "money":
        return _money(value, unit)
    if kind == "percent":
        return f"{_fixed(value * 100, 1)} %"
    if kind == "count":
        return _fixed(value, 0)
    if kind == "multiple":
        return f"{_fixed(value, 1)}x"
    if kind == "score":
        return _fixed(value, 2)
    if kind == "milliseconds":
        return f"{_fixed(value, 0)} ms"
    if kind in ("days", "months"):
        return f"{_fixed(value, 1)} {kind}"
    return _fixed(value, 1)


def display_change(absolute: Decimal | None, kind: Format, unit: str) -> str:
    """A change with its sign: `+$120K`, `-1.3 pp` (percentage points), `+12`; `unknown` for None."""
    if absolute is None:
        return UNKNOWN
    sign = "+" if absolute > 0 else ""
    if kind == "percent":
        return f"{sign}{_fixed(absolute * 100, 1)} pp"
    return sign + display_value(absolute, kind, unit)


def display_relative(relative: Decimal | None) -> str:
    """A relative change with its sign: `+4.1 %`; `n/a` for None, which is a change from zero."""
    if relative is None:
        return "n/a"
    return f"{'+' if relative > 0 else ''}{_fixed(relative * 100, 1)} %"


def _money(value: Decimal, currency: str) -> str:
    sign = "-" if value <= Decimal("-0.005") else ""
    symbol = _SYMBOLS.get(currency, f"{currency} ")
    size = abs(value)
    for index, (step, letter) in enumerate(_STEPS):
        # 999,960 rounds to 1,000.0K: such a size belongs to the next larger letter.
        if size >= step * Decimal("0.99995") or (index == len(_STEPS) - 1 and size >= step):
            return f"{sign}{symbol}{_fixed(size / step, 1)}{letter}"
    return f"{sign}{symbol}{_fixed(size, 2)}"


def _fixed(value: Decimal, places: int) -> str:
    rounded = value.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_UP)
    return f"{rounded + 0:,}"


@dataclass(frozen=True, slots=True)
class Scale:
    """How a change and the parts of it are shown: all in one unit to one place, so that a reader can add them up.

    Attributes:
        step: what one of the shown unit is worth: a million, a percentage point.
        before, after: what stands around the digits.
        places: after the decimal point.
    """

    step: Fraction
    before: str
    after: str
    places: int

    @property
    def ulp(self) -> Fraction:
        """The worth of one in the last place shown."""
        return Fraction(self.step, 10**self.places)

    def text(self, count: int) -> str:
        """The signed text of `count` times the last place: `+$1.2M`, `-0.42 pp`."""
        sign = "+" if count > 0 else "-" if count < 0 else ""
        return f"{sign}{self.before}{Decimal(abs(count)).scaleb(-self.places):,f}{self.after}"


_LEAST_SHOWN = 10
_FINER = 2
_AFTER: dict[Format, str] = {
    "percent": " pp", "multiple": "x", "milliseconds": " ms", "days": " days", "months": " months"
}  # fmt: skip
_PLACES: dict[Format, int] = {"count": 0, "milliseconds": 0, "score": 2}


def change_scale(change: Fraction, kind: Format, unit: str) -> Scale:
    """The scale on which `display_change` shows `change`; finer, by two places at most, for less than two digits.

    Counts stay whole, and amounts below a thousand stay at two places.
    """
    size = abs(change)
    if kind == "money":
        return _money_scale(size, _SYMBOLS.get(unit, f"{unit} "))
    scale = Scale(Fraction(1, 100 if kind == "percent" else 1), "", _AFTER.get(kind, ""), _PLACES.get(kind, 1))
    return scale if kind == "count" else _finer(scale, size)


def _money_scale(size: Fraction, symbol: str) -> Scale:
    for index, (worth, letter) in enumerate(_STEPS):
        exact = Fraction(worth)
        # The same bounds as an amount's own text.
        if size >= exact * Fraction("0.99995") or (index == len(_STEPS) - 1 and size >= exact):
            return _finer(Scale(exact, symbol, letter, 1), size)
    return Scale(Fraction(1), symbol, "", 2)


def _finer(scale: Scale, size: Fraction) -> Scale:
    places = scale.places
    least = (_LEAST_SHOWN - Fraction(1, 2)) * scale.step
    while size and places < scale.places + _FINER and size * 10**places < least:
        places += 1
    return Scale(scale.step, scale.before, scale.after, places)
