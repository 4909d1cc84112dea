"""A question about one metric."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from sophia_kit.metrics.principal import Filters, Principal
from sophia_kit.metrics.value import ComparisonKind, Grain

__all__ = ["MetricQuery"]


@dataclass(frozen=True, slots=True)
class MetricQuery:
    """What is asked; `evaluate` answers it from one snapshot.

    Attributes:
        day: the company day the question is about. The period is the one of `grain` that holds it, or the
            last finished one when that isn't finished on `day` and `include_unfinished` is false.
        grain: None takes the metric's first grain.
        by: dimensions to group by.
        filters: pairs of a dimension and the members permitted.
        trailing: how many periods a trailing average is made of; None takes what the metric's definition says.
        principal: who asks; None is the owner of the process, who may see everything.
        periods: how many periods, the last of them the one described above.
    """

    metric: str
    day: date
    grain: Grain | None = None
    by: tuple[str, ...] = ()
    compare: tuple[ComparisonKind, ...] = ()
    filters: Filters = ()
    include_unfinished: bool = False
    periods: int = 1
    trailing: int | None = None
    principal: Principal | None = None
