"""A change in plain words. Every number is one that the explanation displays."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from sophia_kit.metrics.change.model import Breakdown, Part

if TYPE_CHECKING:
    from sophia_kit.metrics.change.model import ChangeExplanation

__all__ = ["against", "in_words", "listed", "plain", "readable"]

TOLD: Final = 3
"""How many parts of a breakdown a sentence lists."""

_DEMO: Final = "DEMO DATA: a fictional company; no number here is about a real one."


def plain(name: str) -> str:
    """A name of a metric, dimension or member without underscores."""
    return name.replace("_", " ")


def readable(part: Part) -> str:
    """The part's label, and that it appeared or disappeared where it did."""
    mark = {"both": "", "appeared": " (new)", "disappeared": " (gone)"}[part.presence]
    return f"{plain(part.label)}{mark}"


def against(explanation: ChangeExplanation) -> str:
    """What the value is held against: `Nov 2025`, `its target`."""
    return "its target" if explanation.versus == "target" else explanation.base.period.label


def listed(words: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


def in_words(explanation: ChangeExplanation) -> str:
    """The explanation as lines of prose: the change, what drives it, what each dimension says, what is unknown."""
    value = explanation.value
    lines = [_DEMO] if value.demo else []
    if explanation.unknown is not None:
        lines.append(
            f"{value.label}, {value.period.label}: how it changed against {against(explanation)} is unknown: "
            f"{explanation.unknown.reason}"
        )
    else:
        verdict = {True: ", which is good", False: ", which is bad", None: ""}[explanation.good]
        lines.append(
            f"{value.label}, {value.period.label}: {value.display}. That is {explanation.display} "
            f"({explanation.relative}) against {against(explanation)} ({explanation.base.display}){verdict}."
        )
    told = [line for item in explanation.breakdowns if (line := _breakdown(item))]
    unknown = dict.fromkeys(
        item.unknown.reason for item in explanation.breakdowns if item.unknown and item.unknown != explanation.unknown
    )
    lines += told
    for reason in unknown:
        names = [
            plain(item.by)
            for item in explanation.breakdowns
            if item.unknown is not None and item.unknown.reason == reason
        ]
        lines.append(f"Unknown by {listed(names)}: {reason}")
    return "\n".join(lines)


def _breakdown(item: Breakdown) -> str:
    known = [part for part in item.parts if part.exact]
    if not known:
        return ""
    parts = listed([f"{readable(part)} {part.display}" for part in known[:TOLD]])
    rest = f", and {len(known) - TOLD} more" if len(known) > TOLD else ""
    effects = [f"{effect.kind} {effect.display}" for effect in item.effects]
    split = f" ({', '.join(effects)})" if effects else ""
    named = [plain(name) for name in item.named]
    if item.by in ("movements", "inputs"):
        return f"By {item.by}: {parts}{rest}."
    told = f"told by {listed(named)}: " if named else "in proportion to size, or spread over many: "
    if item.unknown is not None:
        told = ""
    return f"By {plain(item.by)}{split}, {told}{parts}{rest}."
