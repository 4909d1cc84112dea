"""Every metric computed another way: Polars over the raw tables, exact fractions, none of the kit's views or SQL.

Each function takes the raw tables, the first and last day of a period, and the dimension to group by (None: the
total, under the key ""). A value of None stands for unknown.
"""

from __future__ import annotations

from tests.metrics.golden import (
    finance,
    language_models,
    payments,
    people,
    recurring_revenue,
    sales,
    unit_economics,
    voice,
)
from tests.metrics.golden.raw import Golden, Raw, Values

GOLDEN: dict[str, Golden] = {
    name: compute
    for subject in (recurring_revenue, unit_economics, sales, finance, payments, voice, people, language_models)
    for name, compute in subject.GOLDEN.items()
}

__all__ = ["GOLDEN", "Golden", "Raw", "Values"]
