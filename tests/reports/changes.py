"""Two explained changes for the brief that is built by hand: by movements and members, and by rate and mix."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from fractions import Fraction

from sophia_kit.metrics import Unknown
from sophia_kit.metrics.change import ChangeExplanation
from sophia_kit.metrics.change.effects import Share, rate_mix
from sophia_kit.metrics.change.parts import Draft, DraftPart, Own, assemble
from sophia_kit.metrics.change.ranking import rank_members
from sophia_kit.metrics.change.rounding import nearest
from sophia_kit.metrics.format import change_scale, display_relative, display_value
from sophia_kit.metrics.value import ComparisonKind
from sophia_kit.reports.model import Kpi


def explained(
    kpi: Kpi, kind: ComparisonKind, drivers: Sequence[Draft], dimensions: Sequence[Draft]
) -> ChangeExplanation:
    value, compared = kpi.value, kpi.value.comparison(kind)
    assert compared is not None
    assert compared.base is not None
    assert compared.absolute is not None
    assert compared.base_period is not None
    assert kind in ("prior_period", "prior_year")
    shown = display_value(compared.base, value.format, value.unit)
    change = Fraction(compared.absolute)
    scale = change_scale(change, value.format, value.unit)
    return ChangeExplanation(
        value=value,
        versus=kind,
        base=replace(value, value=compared.base, period=compared.base_period, comparisons=(), display=shown),
        change=change,
        unknown=None,
        higher_is_better=True,
        good=change > 0,
        scale=scale,
        count=nearest(change, scale.ulp),
        display=scale.text(nearest(change, scale.ulp)),
        relative=display_relative(compared.relative),
        drivers=tuple(assemble(draft, change, scale) for draft in drivers),
        dimensions=tuple(assemble(draft, change, scale) for draft in dimensions),
    )


def arr_by_movements_and_segments(kpi: Kpi, hostile: str) -> ChangeExplanation:
    """ARR against a year earlier: +2,285,004, most of it new, one segment of a name made to break a page."""
    movements = tuple(
        DraftPart(name, label, Fraction(amount))
        for name, label, amount in (
            ("mrr_new", "New MRR × 12", 1_900_004),
            ("mrr_expansion", "Expansion MRR × 12", 700_000),
            ("mrr_churned", "Churned MRR × 12", -315_000),
        )
    )
    segments = {"Enterprise": (7_000_000, 400_000), "Mid-Market": (3_000_000, 1_800_004), hostile: (1_800_000, 85_000)}
    return explained(
        kpi,
        "prior_year",
        [Draft("movements", "movements", movements, provenance=kpi.value.provenance)],
        [
            _by_member("segment", segments, kpi),
            Draft("country", "contribution", unknown=Unknown("not_additive", "No parts of 2 countries <here>.")),
        ],
    )


def success_by_processor(kpi: Kpi) -> ChangeExplanation:
    """Payment success: 96.55 % to 96.41 %, by processors with and without a rate."""
    base = {"northpay": Share(Fraction(9_655), Fraction(10_000))}
    value = {"northpay": Share(Fraction(9_141), Fraction(9_500)), "(not set)": Share(Fraction(500), Fraction(500))}
    effects = rate_mix(base, value)
    parts = tuple(
        DraftPart(
            name,
            name,
            effect.total,
            _rate(base.get(name)),
            _rate(value.get(name)),
            presence="both" if name in base else "appeared",
            effects=effect,
        )
        for name, effect in effects.items()
    )
    draft = Draft("processor", "rate and mix", parts, provenance=kpi.value.provenance)
    return explained(kpi, "prior_period", [], [draft])


def _rate(share: Share | None) -> Own:
    rate = None if share is None else share.rate
    return Own(rate, "ratio", "none" if rate is None else f"{float(rate) * 100:.1f} %")


def _by_member(dimension: str, members: Mapping[str, tuple[int, int]], kpi: Kpi) -> Draft:
    def own(number: int) -> Own:
        return Own(Fraction(number), "USD", f"${number / 1_000_000:.1f}M")

    parts = tuple(
        DraftPart(name, name, Fraction(change), own(before), own(before + change))
        for name, (before, change) in members.items()
    )
    ranking = rank_members(
        {name: Fraction(change) for name, (_, change) in members.items()},
        {name: Fraction(before) for name, (before, _) in members.items()},
    )
    return Draft(dimension, "contribution", parts, None, ranking, kpi.value.provenance)
