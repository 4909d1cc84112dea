"""Numbers as people read them."""

from __future__ import annotations

from decimal import Decimal

import pytest

from sophia_kit.metrics import display_change, display_relative, display_value
from sophia_kit.metrics.value import Format


@pytest.mark.parametrize(
    ("value", "kind", "unit", "text"),
    [
        ("4200000", "money", "USD", "$4.2M"),
        ("999950", "money", "USD", "$1.0M"),
        ("999949", "money", "USD", "$999.9K"),
        ("12.345", "money", "USD", "$12.35"),
        ("-0.001", "money", "USD", "$0.00"),
        ("-950000", "money", "USD", "-$950.0K"),
        ("1500000000", "money", "EUR", "€1.5B"),
        ("1500", "money", "SEK", "SEK 1.5K"),
        ("0.97345", "percent", "ratio", "97.3 %"),
        ("1234", "count", "count", "1,234"),
        ("82.5", "decimal", "fte", "82.5"),
        ("3.25", "multiple", "multiple", "3.3x"),
        (None, "money", "USD", "unknown"),
    ],
)
def test_a_value(value: str | None, kind: Format, unit: str, text: str) -> None:
    assert display_value(None if value is None else Decimal(value), kind, unit) == text


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("120000", "money", "+$120.0K"),
        ("-120000", "money", "-$120.0K"),
        ("-0.013", "percent", "-1.3 pp"),
        ("12", "count", "+12"),
        ("0", "count", "0"),
        (None, "count", "unknown"),
    ],
)
def test_a_change(value: str | None, kind: Format, text: str) -> None:
    assert display_change(None if value is None else Decimal(value), kind, "USD") == text


@pytest.mark.parametrize(("value", "text"), [("0.0412", "+4.1 %"), ("-0.00001", "0.0 %"), (None, "n/a")])
def test_a_relative_change(value: str | None, text: str) -> None:
    assert display_relative(None if value is None else Decimal(value)) == text
