"""From exact parts to what a reader sees: one scale for all, rounded so that they sum to the change."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from sophia_kit.metrics.change.effects import RateMix
from sophia_kit.metrics.change.model import Breakdown, Effect, EffectKind, Method, Part, Presence
from sophia_kit.metrics.change.ranking import NOTHING_NAMED, Ranking
from sophia_kit.metrics.change.rounding import apportion, nearest
from sophia_kit.metrics.definition import Definition
from sophia_kit.metrics.evaluation import decimal_of, unit_of
from sophia_kit.metrics.format import UNKNOWN, Scale, display_value
from sophia_kit.metrics.value import Provenance, Unknown

__all__ = ["Draft", "DraftPart", "Own", "assemble", "own"]

_EFFECTS: tuple[EffectKind, ...] = ("rate", "mix", "interaction")


@dataclass(frozen=True, slots=True)
class Own:
    """A value of a part's own: a member's rate, an input's amount."""

    number: Fraction | None
    unit: str
    display: str


@dataclass(frozen=True, slots=True)
class DraftPart:
    """A part before it is rounded; see `Part`."""

    name: str
    label: str
    exact: Fraction | None
    base: Own | None = None
    value: Own | None = None
    unknown: Unknown | None = None
    presence: Presence = "both"
    effects: RateMix | None = None


@dataclass(frozen=True, slots=True)
class Draft:
    """A breakdown before its parts are rounded; see `Breakdown`."""

    by: str
    method: Method
    parts: tuple[DraftPart, ...] = ()
    unknown: Unknown | None = None
    ranking: Ranking | None = None
    provenance: Provenance | None = None

    @property
    def largest(self) -> Fraction:
        """The size of its largest known part."""
        return max((abs(part.exact) for part in self.parts if part.exact is not None), default=Fraction(0))


_NONE = Own(None, "", "")


def own(number: Fraction | None, definition: Definition, currency: str) -> Own:
    """A value of the metric, with its unit and text."""
    unit = unit_of(definition, currency)
    return Own(number, unit, display_value(decimal_of(number), definition.format, unit))


def assemble(draft: Draft, change: Fraction | None, scale: Scale) -> Breakdown:
    """Round a breakdown's parts so that they sum to what `change` is displayed as.

    Where parts are unknown, the rest of the change is a part of its own; where the change is, each is rounded alone.
    """
    known = [part for part in draft.parts if part.exact is not None]
    known.sort(key=lambda part: (-abs(part.exact or 0), part.name))
    lost = sorted((part for part in draft.parts if part.exact is None), key=lambda part: part.name)
    exact = [part.exact for part in known if part.exact is not None]
    unknown, rest = draft.unknown, None
    if change is None:
        counts = tuple(nearest(number, scale.ulp) for number in exact)
    else:
        left = change - sum(exact, Fraction(0))
        if left and not lost and known:
            why = Unknown("not_additive", "Its parts don't add up to the whole change.")
            return Breakdown(draft.by, draft.method, (), unknown=unknown or why, provenance=draft.provenance)
        counts = apportion([*exact, left] if lost else exact, scale.ulp, nearest(change, scale.ulp) if known else 0)
        if lost:
            rest = Part("rest", "the unknown together", left, None, counts[-1], scale.text(counts[-1]))
            unknown = unknown or lost[0].unknown
    parts = [_part(part, count, scale) for part, count in zip(known, counts, strict=False)]
    parts += [_part(part, None, scale) for part in lost]
    ranking = draft.ranking if unknown is None and draft.ranking is not None else NOTHING_NAMED
    return Breakdown(
        by=draft.by,
        method=draft.method,
        parts=tuple(parts),
        effects=_totals(known, change, scale) if change is not None and not lost else (),
        rest=rest,
        unknown=unknown,
        named=ranking.named,
        excess=ranking.excess if ranking.named else None,
        score=ranking.score,
        provenance=draft.provenance,
    )


def _part(part: DraftPart, count: int | None, scale: Scale) -> Part:
    effects = () if part.effects is None or count is None else _effects(part.effects, count, scale)
    base, value = part.base or _NONE, part.value or _NONE
    return Part(
        name=part.name,
        label=part.label,
        exact=part.exact,
        unknown=part.unknown,
        count=count,
        display=UNKNOWN if count is None else scale.text(count),
        base=base.number,
        value=value.number,
        unit=base.unit,
        base_display=base.display,
        value_display=value.display,
        presence=part.presence,
        effects=effects,
    )


def _totals(known: Sequence[DraftPart], change: Fraction, scale: Scale) -> tuple[Effect, ...]:
    effects = [part.effects for part in known if part.effects is not None]
    if not effects or len(effects) < len(known):
        return ()
    none = Fraction(0)
    total = RateMix(
        sum((item.rate for item in effects), none),
        sum((item.mix for item in effects), none),
        sum((item.interaction for item in effects), none),
    )
    return _effects(total, nearest(change, scale.ulp), scale)


def _effects(effects: RateMix, whole: int, scale: Scale) -> tuple[Effect, ...]:
    exact = (effects.rate, effects.mix, effects.interaction)
    counts = apportion(exact, scale.ulp, whole)
    return tuple(
        Effect(kind, number, count, scale.text(count))
        for kind, number, count in zip(_EFFECTS, exact, counts, strict=True)
    )
