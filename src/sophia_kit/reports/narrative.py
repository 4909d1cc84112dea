"""The narrative of a brief, written by rules from facts. `analysis.py` beside it lets a model write in their place."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from sophia_kit.reports.facts import Facts
from sophia_kit.reports.prose import Part, fill

__all__ = ["Author", "Narrative", "Paragraph", "has_to_mention", "narrate"]


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Prose, filled in.

    Attributes:
        kind: `headline` once, first; `point` for what happened; `caution` for what isn't known or isn't fresh.
    """

    kind: Literal["headline", "point", "caution"]
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Author:
    """Who wrote a narrative.

    Attributes:
        model: the configured name of the model that wrote it, or whose text was refused; None when none answered.
        version: the model's name as its provider gave it, and which prompt and check were in force.
        reason: in a sentence, why it was this author.
    """

    kind: Literal["rules", "model"]
    reason: str
    model: str | None = None
    version: str | None = None


NO_MODEL: Final = Author("rules", "No model is configured to write it.")


@dataclass(frozen=True, slots=True)
class Narrative:
    """Paragraphs, and who wrote them. Cautions are always written by rules."""

    author: Author
    paragraphs: tuple[Paragraph, ...]

    @property
    def cautions(self) -> tuple[Paragraph, ...]:
        """What isn't known or isn't fresh."""
        return tuple(item for item in self.paragraphs if item.kind == "caution")


def has_to_mention(facts: Facts) -> tuple[str, ...]:
    """The facts that no narrative may pass over: the standing, and payments that fail."""
    standing = next((name for name in ("arr", "revenue", "payment_volume") if facts.known(name)), None)
    found = () if standing is None else (standing,)
    return (*found, "payment_success_rate") if _failing(facts) else found


def narrate(facts: Facts) -> Narrative:
    """What the facts say, in prose; each sentence stands only when all it refers to is known."""
    paragraphs = [Paragraph("headline", fill(_headline(facts), facts))]
    for rule in _POINTS:
        sentences = [sentence for sentence in rule(facts) if sentence]
        if sentences:
            paragraphs.append(Paragraph("point", fill(" ".join(sentences), facts)))
    paragraphs += [Paragraph("caution", fill(text, facts)) for text in _cautions(facts)]
    return Narrative(NO_MODEL, tuple(paragraphs))


def _moved(facts: Facts, metric: str, kind: str, *, since: str) -> str:
    """`up {size} on a year earlier`, or nothing when there is no such comparison."""
    size = facts.number(f"{metric}.vs_{kind}.size")
    if size is None:
        return ""
    if size.direction == "flat":
        return f"unchanged from {since}"
    return f"{size.direction} {{{size.name}}} on {since}"


FAILURES_TO_HEAD: Final = Decimal("0.05")
"""The share of failed payment attempts from which they belong into the headline.

It is the alert that readers of the payments report asked for: failures over five in a hundred.
"""


def _headline(facts: Facts) -> str:
    if not _failing(facts):
        return _standing(facts)
    moved = _moved(facts, "payment_success_rate", "prior_period", since="the month before")
    failing = "Payments are failing: {payment_success_rate} of attempts succeeded in {payment_success_rate.period}"
    return f"{_standing(facts)} {failing}" + (f", {moved}." if moved else ".")


def _failing(facts: Facts) -> bool:
    rate = facts.number("payment_success_rate")
    return rate is not None and rate.value is not None and rate.value < 1 - FAILURES_TO_HEAD


def _standing(facts: Facts) -> str:
    if facts.known("arr"):
        moved = _moved(facts, "arr", "prior_year", since="a year earlier") or _moved(
            facts, "arr", "prior_period", since="the month before"
        )
        return "Annual recurring revenue stands at {arr}" + (f", {moved}." if moved else ".")
    if facts.known("revenue"):
        moved = _moved(facts, "revenue", "prior_year", since="a year earlier")
        return "Revenue was {revenue}" + (f", {moved}." if moved else ".")
    if facts.known("payment_volume"):
        return "Residents paid {payment_volume} in {payment_volume.period}."
    return "The headline numbers are unknown; the reasons are below."


def _recurring(facts: Facts) -> list[str]:
    found = []
    movements = ("mrr_new", "mrr_expansion", "mrr_contraction", "mrr_churned")
    if facts.known(*movements):
        found.append(
            "In {mrr_new.period} monthly recurring revenue gained {mrr_new} from new customers and {mrr_expansion} "
            "from expansion, and lost {mrr_contraction} to contraction and {mrr_churned} to churn."
        )
    if facts.known("nrr"):
        moved = _moved(facts, "nrr", "prior_year", since="a year earlier")
        found.append("Net revenue retention is {nrr}" + (f", {moved}." if moved else "."))
    return found


def _revenue(facts: Facts) -> list[str]:
    if not facts.known("revenue"):
        return []
    against = facts.number("revenue.vs_target.size")
    plan = ""
    if against is not None and against.direction != "flat":
        side = "above" if against.direction == "up" else "below"
        plan = f", {{{against.name}}} {side} plan"
    found = ["Recognised revenue for {revenue.period} was {revenue}" + plan + "."]
    if facts.known("rpe"):
        sentence = "Revenue per employee is {rpe}"
        target = facts.number("rpe.vs_target.base")
        gap = facts.number("rpe.vs_target.size")
        if target is not None and gap is not None and gap.direction != "flat":
            side = "above" if gap.direction == "up" else "short of"
            sentence += f", {{{gap.name}}} {side} its key result of {{{target.name}}}"
        found.append(sentence + ".")
    return found


def _payments(facts: Facts) -> list[str]:
    found = []
    if facts.known("payment_volume"):
        moved = _moved(facts, "payment_volume", "prior_period", since="the month before")
        found.append("Residents paid {payment_volume} in {payment_volume.period}" + (f", {moved}." if moved else "."))
    if facts.known("payment_success_rate") and not _failing(facts):
        moved = _moved(facts, "payment_success_rate", "prior_period", since="the month before")
        found.append("Of all attempts {payment_success_rate} succeeded" + (f", {moved}." if moved else "."))
    if facts.known("failed_payments.top"):
        found.append(
            "The most frequent reason for a failed payment was {failed_payments.top.reason}: {failed_payments.top}"
            " of {failed_payments}."
            if facts.known("failed_payments")
            else "The most frequent reason for a failed payment was {failed_payments.top.reason}:"
            " {failed_payments.top}."
        )
    return found


def _pipeline(facts: Facts) -> list[str]:
    found = []
    if facts.known("pipeline_coverage"):
        found.append(
            "At the end of {pipeline_coverage.period} the pipeline for the quarter after was {pipeline_coverage} its "
            "quota."
        )
    if facts.known("win_rate"):
        moved = _moved(facts, "win_rate", "prior_year", since="a year earlier")
        found.append("Of the deals closed {win_rate} were won" + (f", {moved}." if moved else "."))
    return found


def _movers(facts: Facts) -> list[str]:
    change = facts.number("mover.1")
    if change is None:
        return []
    return ["The largest move within {mover.1.metric} was {mover.1.member}, {mover.1} against {mover.1.base_period}."]


def _why(stem: str) -> Callable[[Facts], list[str]]:
    """The rule that tells why the figure called `stem` moved."""

    def rule(facts: Facts) -> list[str]:
        change = facts.number(f"{stem}.change")
        if change is None:
            return []
        drivers = [name for place in range(1, 4) if (name := f"{stem}.drivers.{place}") in facts.numbers]
        sentence = f"{{{stem}.metric}} is {change.direction} on {{{stem}.base_period}} by {{{stem}.size}}"
        if drivers:
            told = [f"{{{name}.name}} {{{name}}}" for name in drivers]
            sentence += f": {' and '.join([', '.join(told[:-1]), told[-1]] if len(told) > 1 else told)}"
        found = [sentence + "."]
        if facts.known(f"{stem}.named"):
            found.append(f"By {{{stem}.named.by}}, {{{stem}.named.name}} stands out with {{{stem}.named}}.")
        return found

    return rule


_POINTS: Final[tuple[Callable[[Facts], list[str]], ...]] = (
    _why("why.1"),
    _why("why.2"),
    _recurring,
    _revenue,
    _payments,
    _pipeline,
    _movers,
)


def _cautions(facts: Facts) -> list[str]:
    found = []
    if "gate.not_fresh" in facts.terms:
        found.append("Not all sources are fresh: {gate.not_fresh}. Numbers that stand on them are marked.")
    unknown = [name for name in facts.terms if name.startswith("unknown.") and name.endswith(".label")]
    for name in unknown:
        stem = name.removesuffix(".label")
        found.append(f"{{{name}}} is unknown: {{{stem}.reason}}")
    if (refused := facts.number("quality.quarantined")) is not None and refused.value:
        found.append("Records set aside because they can't be used: {quality.quarantined}.")
    return found
