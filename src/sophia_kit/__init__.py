"""Sophia Kit: metrics defined once, explained, unknown when unknown, sealed with signed evidence.

    import sophia_kit as sk

    sk.metric("arr", by=["segment"], grain="month", compare=["prior_year"])

What a notebook needs is here; each name is loaded when it is first used, so that the import itself costs little.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sophia_kit.core.errors import SophiaError
    from sophia_kit.core.settings import Settings, load_settings
    from sophia_kit.metrics import MetricResult, MetricValue, Principal, explain, metric
    from sophia_kit.metrics.change import explain_change
    from sophia_kit.metrics.question import ask
    from sophia_kit.reports import DailyBrief, daily_brief, publish

__all__ = [
    "DailyBrief",
    "MetricResult",
    "MetricValue",
    "Principal",
    "Settings",
    "SophiaError",
    "ask",
    "daily_brief",
    "explain",
    "explain_change",
    "load_settings",
    "metric",
    "publish",
]

_HOME = {
    "DailyBrief": "reports",
    "MetricResult": "metrics",
    "MetricValue": "metrics",
    "Principal": "metrics",
    "Settings": "core.settings",
    "SophiaError": "core.errors",
    "ask": "metrics.question",
    "daily_brief": "reports",
    "explain": "metrics",
    "explain_change": "metrics.change",
    "load_settings": "core.settings",
    "metric": "metrics",
    "publish": "reports",
}


def __getattr__(name: str) -> Any:
    home = _HOME.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(import_module(f"{__name__}.{home}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
