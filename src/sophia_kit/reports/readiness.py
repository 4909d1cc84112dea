"""What the first brief of a process needs and no data is needed for."""

from __future__ import annotations

import inspect

import polars  # noqa: F401  # answers come in it
import rich.table  # noqa: F401  # a script prints one
import vl_convert

from sophia_kit.metrics import Catalogue
from sophia_kit.reports.brief import page_template

__all__ = ["get_ready"]

_SMALLEST_CHART = {"data": {"values": [{}]}, "mark": "point"}


def get_ready() -> None:
    """Read the package's definitions, compile the page and start the renderer of charts: two seconds of one core.

    A job's process calls it while its data loads.
    """
    Catalogue.load()
    page_template()
    vl_convert.vegalite_to_svg(_SMALLEST_CHART)
    # A notebook's app looks at its callers, for which Python looks at every module: at each of them once.
    inspect.stack()
