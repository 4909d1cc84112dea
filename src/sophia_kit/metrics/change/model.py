"""A change, explained: what `explain_change` answers."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import TYPE_CHECKING, Any, Literal

from sophia_kit.metrics.format import Scale
from sophia_kit.metrics.value import MetricValue, Provenance, Unknown

if TYPE_CHECKING:
    import polars as pl

__all__ = ["Breakdown", "ChangeExplanation", "Effect", "EffectKind", "Method", "Part", "Presence", "Versus"]

EffectKind = Literal["rate", "mix", "interaction"]
Method = Literal["contribution", "rate and mix", "movements", "inputs"]
Presence = Literal["both", "appeared", "disappeared"]
Versus = Literal["prior_period", "prior_year", "target", "period"]


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect of rate, mix or interaction.

    Attributes:
        exact: in the metric's unit.
        count: what it is displayed as, in the last place of the explanation's scale.
    """

    kind: EffectKind
    exact: Fraction
    count: int
    display: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a change.

    Attributes:
        name: the dimension's member, or the metric that is a movement or an input.
        label: as a reader sees it.
        exact: its part of the change in the metric's unit; None when unknown.
        unknown: why it is unknown.
        count: what it is displayed as, in the last place of the explanation's scale; None when unknown. Over a
            breakdown, and with its `rest`, the counts sum to the change's.
        base, value: the member's or input's own value before and now; None where there is none or it is unknown.
        unit: of these two, which for an input is its own.
        base_display, value_display: the two as text; empty where a part has no value of its own, as movements.
        presence: whether it is in both periods, or appears or disappears between them.
        effects: of a ratio's member, the effects that its part consists of.
    """

    name: str
    label: str
    exact: Fraction | None
    unknown: Unknown | None
    count: int | None
    display: str
    base: Fraction | None = None
    value: Fraction | None = None
    unit: str = ""
    base_display: str = ""
    value_display: str = ""
    presence: Presence = "both"
    effects: tuple[Effect, ...] = ()


@dataclass(frozen=True, slots=True)
class Breakdown:
    """One way to take a change apart.

    Attributes:
        by: the dimension; `movements` or `inputs` where that is the method.
        parts: the largest first, the unknown last; empty when it can't be taken apart so.
        effects: of a ratio, the effects summed over all members.
        rest: what known parts leave of the change when some are unknown.
        unknown: why it can't be taken apart so, or why its parts have no sum.
        named: the members that explain the change, the strongest first; empty when it is in proportion to size.
        excess: by how much these moved beyond their proportion, as a share of the change; None when none is named.
        score: what dimensions are ranked by; see `sophia_kit.metrics.change.ranking`.
        provenance: the statements of both periods; None when nothing was asked.
    """

    by: str
    method: Method
    parts: tuple[Part, ...]
    effects: tuple[Effect, ...] = ()
    rest: Part | None = None
    unknown: Unknown | None = None
    named: tuple[str, ...] = ()
    excess: Fraction | None = None
    score: float = 0.0
    provenance: Provenance | None = None

    def part(self, name: str) -> Part | None:
        """The part of that name, or None."""
        return next((part for part in self.parts if part.name == name), None)


@dataclass(frozen=True, slots=True)
class ChangeExplanation:
    """Why a metric changed.

    Attributes:
        value: the metric now.
        base: what it is held against: the metric in the earlier period, or its target for the same one.
        change: in the metric's unit, exactly; None when unknown.
        unknown: why the change is unknown.
        higher_is_better: of the metric; None where neither is.
        good: whether the change is welcome; None when it can't be said.
        scale: how the change and all its parts are shown.
        count: what the change is displayed as, in the scale's last place.
        display, relative: the change as text.
        drivers: the metric's own parts: its movements, or the inputs it derives from.
        dimensions: what was asked for, the one that explains most first; those that can't be told last.
    """

    value: MetricValue
    versus: Versus
    base: MetricValue
    change: Fraction | None
    unknown: Unknown | None
    higher_is_better: bool | None
    good: bool | None
    scale: Scale
    count: int | None
    display: str
    relative: str
    drivers: tuple[Breakdown, ...]
    dimensions: tuple[Breakdown, ...]

    @property
    def breakdowns(self) -> tuple[Breakdown, ...]:
        """The drivers, then the dimensions."""
        return (*self.drivers, *self.dimensions)

    def breakdown(self, by: str) -> Breakdown | None:
        """The breakdown of that dimension, or of `movements` or `inputs`; None when there is none."""
        return next((item for item in self.breakdowns if item.by == by), None)

    def frame(self) -> pl.DataFrame:
        """All parts of all breakdowns, a row each.

        Columns: breakdown, method, part, label, presence (String), contribution (Decimal, ten places), shown (String),
        share (Decimal, of the change), rate, mix, interaction (Decimal), base, value (String), named (Boolean: whether
        the part is among those that explain the change), unknown (String).
        """
        import polars as pl

        number = pl.Decimal(38, 10)
        text, amounts = pl.String, ("rate", "mix", "interaction")
        schema: dict[str, Any] = dict.fromkeys(("breakdown", "method", "part", "label", "presence"), text)
        schema |= {"contribution": number, "shown": text, "share": number} | dict.fromkeys(amounts, number)
        schema |= {"base": text, "value": text, "named": pl.Boolean, "unknown": text}
        rows = [self._row(item, part) for item in self.breakdowns for part in _all_parts(item)]
        return pl.DataFrame(rows, schema=schema, orient="row")

    def text(self) -> str:
        """The explanation in plain words."""
        from sophia_kit.metrics.change.words import in_words

        return in_words(self)

    def _repr_html_(self) -> str:
        from sophia_kit.metrics.change.markup import as_html

        return as_html(self)

    def _row(self, item: Breakdown, part: Part) -> tuple[Any, ...]:
        effects = {effect.kind: effect.exact for effect in part.effects}
        share = part.exact / self.change if part.exact is not None and self.change else None
        return (
            item.by,
            item.method,
            part.name,
            part.label,
            part.presence,
            _decimal(part.exact),
            part.display,
            _decimal(share),
            *(_decimal(effects.get(kind)) for kind in ("rate", "mix", "interaction")),
            part.base_display,
            part.value_display,
            part.name in item.named,
            part.unknown.reason if part.unknown else None,
        )


def _all_parts(item: Breakdown) -> tuple[Part, ...]:
    return item.parts if item.rest is None else (*item.parts, item.rest)


def _decimal(number: Fraction | None) -> Decimal | None:
    return None if number is None else Decimal(round(number * 10**10)).scaleb(-10)
