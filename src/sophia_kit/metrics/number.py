"""Exact numbers as decimals."""

from __future__ import annotations

from decimal import Context, Decimal
from fractions import Fraction

__all__ = ["decimal_of"]

_EXACT = Context(prec=38)


def decimal_of(number: Fraction | None) -> Decimal | None:
    """The number to 38 significant digits; exact where it has that many or fewer."""
    if number is None:
        return None
    quotient = _EXACT.divide(Decimal(number.numerator), Decimal(number.denominator))
    return quotient.normalize(_EXACT) if quotient.as_tuple().exponent != 0 else quotient
