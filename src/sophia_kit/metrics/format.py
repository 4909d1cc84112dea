"""Numbers as text, in one place: what a table, a report and a notebook show."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

from sophia_kit.metrics.value import Format

__all__ = ["UNKNOWN", "display_change", "display_relative", "display_value"]

UNKNOWN = "unknown"

_SYMBOLS = {"USD": "$", "EUR": "€", "GBP": "£", "CAD": "CA$", "AUD": "A$", "MXN": "MX$"}
_STEPS = ((Decimal(10) ** 9, "B"), (Decimal(10) ** 6, "M"), (Decimal(10) ** 3, "K"))


def display_value(value: Decimal | None, kind: Format, unit: str) -> str:
    """`$4.2M`, `97.3 %`, `1,234`, `82.5`, `3.2x`; `unknown` for None.

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
