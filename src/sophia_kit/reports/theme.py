"""Colours and type of everything rendered: the brief's style sheet and the charts read them here."""

from __future__ import annotations

from typing import Any, Final

__all__ = ["COLOURS", "FONTS", "MONOSPACE", "chart_config", "css_variables"]

FONTS: Final = "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"
MONOSPACE: Final = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'Liberation Mono', monospace"

COLOURS: Final[dict[str, str]] = {
    "ink": "#17212e",
    "muted": "#55616f",
    "faint": "#8794a3",
    "line": "#dce2e9",
    "paper": "#ffffff",
    "ground": "#f4f6f8",
    "accent": "#1d4f7c",
    "accent-soft": "#b9cde0",
    "accent-pale": "#eaf1f7",
    "good": "#17663d",
    "bad": "#a5311c",
    "warn": "#7a4d00",
    "warn-pale": "#fff5dc",
    "demo": "#6b2fa0",
    "demo-pale": "#f4ecfb",
}
"""By role. Text colours reach a contrast of 4.5 : 1 on `paper`, `ground` and the pale grounds."""


def css_variables() -> str:
    """The colours and fonts as declarations for `:root`."""
    colours = "".join(f"--{name}:{value};" for name, value in COLOURS.items())
    return f"{colours}--fonts:{FONTS};--monospace:{MONOSPACE};"


def chart_config() -> dict[str, Any]:
    """The same as a Vega-Lite `config`."""
    return {
        "font": FONTS,
        "background": "transparent",
        "padding": 4,
        "view": {"stroke": None},
        "axis": {
            "domainColor": COLOURS["line"],
            "gridColor": COLOURS["line"],
            "tickColor": COLOURS["line"],
            "labelColor": COLOURS["muted"],
            "labelFontSize": 11,
            "title": None,
        },
        "legend": {"labelColor": COLOURS["ink"], "labelFontSize": 11, "title": None, "orient": "top"},
        "line": {"color": COLOURS["accent"], "strokeWidth": 2},
        "bar": {"color": COLOURS["accent"]},
        "text": {"color": COLOURS["ink"], "fontSize": 12},
    }
