"""Which models may answer a request, and in which order: first what has to hold, then a score.

The score is a weighted sum of five parts between 0 and 1, each a smooth function of what is known: none makes a model
better by being worse, and none jumps. The weights are the preset's; they and all other constants are in
data/policy.toml, and docs/models.md says what they mean.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import Any

from sophia_kit.llm.catalogue import Model
from sophia_kit.llm.messages import DataPolicy, Preset
from sophia_kit.llm.observed import Prior, Statistics

__all__ = ["Needs", "Option", "Part", "Ranked", "Ranking", "Refusal", "Weights", "prior", "rank", "weights"]

_MILLION = Decimal(1_000_000)
_PERMITTED: Mapping[DataPolicy, frozenset[str]] = {
    "any": frozenset({"may-train", "no-training", "local"}),
    "no-training": frozenset({"no-training", "local"}),
    "local": frozenset({"local"}),
}


@dataclass(frozen=True, slots=True)
class Weights:
    """Shares of the score; they sum to one."""

    quality: float
    cost: float
    latency: float
    reliability: float
    preference: float


@dataclass(frozen=True, slots=True)
class Needs:
    """What a request asks of a model.

    Attributes:
        max_output_tokens: most tokens of the answer, when the request limits them.
        models: the names asked for, in order; empty leaves the choice to the score.
        budget_holds: whether anything limits what may be spent; then a model without a price can't be asked.
        left_usd: what may still be spent, by the budget that has least left; None for no limit.
    """

    preset: Preset = "balanced"
    max_output_tokens: int | None = None
    images: bool = False
    tools: bool = False
    structured_output: bool = False
    data_policy: DataPolicy = "any"
    models: tuple[str, ...] = ()
    budget_holds: bool = False
    left_usd: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Option:
    """A deployment that might be asked.

    Attributes:
        serves: the name of the model it serves.
        data_policy: what happens to prompts sent there.
        input_tokens: of the request, as its model counts them.
        allowed: whether the allow-list has it.
        preference: 0 to 1: how much its model is liked.
        observed: how it fares.
    """

    deployment: str
    serves: str
    model: Model
    data_policy: str
    input_tokens: int
    observed: Statistics
    allowed: bool = True
    preference: float = 0.0


@dataclass(frozen=True, slots=True)
class Refusal:
    """A hard constraint that an option breaks: `code` names it, `reason` says how."""

    code: str
    reason: str


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a score.

    Attributes:
        known: what it was made of, in `unit`; None when nothing is known and the prior stands in.
        points: 0 to 1, more is better.
        weight: its share of the score.
    """

    name: str
    known: float | None
    unit: str
    points: float
    weight: float

    @property
    def share(self) -> float:
        """What it adds to the score."""
        return self.points * self.weight


@dataclass(frozen=True, slots=True)
class Ranked:
    """An option with its score, or with what speaks against it.

    Attributes:
        expected_usd: what this request would cost by the list, without anything cached; None without a price.
        at_most_usd: the most it can cost; None without a price, or when nothing limits the answer.
        score: the sum of its parts' shares.
    """

    option: Option
    refusals: tuple[Refusal, ...]
    parts: tuple[Part, ...]
    expected_usd: Decimal | None
    at_most_usd: Decimal | None
    score: float


@dataclass(frozen=True, slots=True)
class Ranking:
    """The options of a request: those that may be asked, the best first, then the refused.

    Attributes:
        asked: the models that were asked for by name, in order; empty when the score decided.
    """

    preset: Preset
    asked: tuple[str, ...]
    rows: tuple[Ranked, ...]

    @property
    def candidates(self) -> tuple[tuple[str, tuple[Ranked, ...]], ...]:
        """The models that may be asked, in order, each with its deployments."""
        found: dict[str, list[Ranked]] = {}
        for row in self.rows:
            if not row.refusals:
                found.setdefault(row.option.serves, []).append(row)
        return tuple((name, tuple(rows)) for name, rows in found.items())

    @property
    def refused(self) -> tuple[Ranked, ...]:
        return tuple(row for row in self.rows if row.refusals)

    @property
    def reason(self) -> str:
        """Why the first candidate is first, in a few words for the ledger."""
        if self.asked:
            return "asked for by name"
        first = next((row for row in self.rows if not row.refusals), None)
        return "no model fits" if first is None else f"{self.preset}: score {first.score:.3f}"


def rank(needs: Needs, options: Sequence[Option]) -> Ranking:
    """Order the options for a request.

    Models that were asked for by name keep the order in which they were asked; the deployments of each, and models that
    nobody named, are ordered by their score, and where that is equal by their names.
    """
    shares = weights(needs.preset)
    rows = [_ranked(needs, option, shares) for option in options]
    best: dict[str, float] = {}
    for row in rows:
        if not row.refusals:
            best[row.option.serves] = max(best.get(row.option.serves, 0.0), row.score)
    place = {name: number for number, name in reversed(list(enumerate(needs.models)))}

    def order(row: Ranked) -> tuple[bool, int, float, str, float, str]:
        name = row.option.serves
        asked = place.get(name, len(place))
        return bool(row.refusals), asked, -best.get(name, 0.0), name, -row.score, row.option.deployment

    return Ranking(needs.preset, needs.models, tuple(sorted(rows, key=order)))


@cache
def weights(preset: Preset) -> Weights:
    """The shares of a preset."""
    return Weights(**_data()["presets"][preset])


@cache
def prior() -> Prior:
    """What a deployment counts as before it was measured."""
    stated = _data()["prior"]
    return Prior(stated["calls"], stated["seconds"], stated["error_rate"], _data()["observed"]["half_life_s"])


def _ranked(needs: Needs, option: Option, shares: Weights) -> Ranked:
    price = option.model.price
    limit = _most_output(needs, option)
    expected = at_most = None
    likely = _likely_output(needs, option)
    if price is not None:
        rates = price.rates_for(option.input_tokens)
        expected = (option.input_tokens * rates.input_usd + likely * rates.output_usd) / _MILLION
        if limit is not None:
            at_most = price.at_most(option.input_tokens, limit)
    refusals = tuple(_refusals(needs, option, at_most))
    parts = _parts(option, shares, expected, likely)
    return Ranked(option, refusals, parts, expected, at_most, sum(part.share for part in parts))


def _most_output(needs: Needs, option: Option) -> int | None:
    """Most tokens that the answer can have; None when nothing limits it."""
    if option.model.kind == "embedding":
        return 0
    limits = [needs.max_output_tokens, option.model.max_output_tokens]
    if option.model.context_window is not None:
        limits.append(max(option.model.context_window - option.input_tokens, 0))
    known = [limit for limit in limits if limit is not None]
    return min(known) if known else None


def _likely_output(needs: Needs, option: Option) -> int:
    if option.model.kind == "embedding":
        return 0
    usual = _constants().output_tokens
    return usual if needs.max_output_tokens is None else min(usual, needs.max_output_tokens)


def _refusals(needs: Needs, option: Option, at_most: Decimal | None) -> list[Refusal]:
    model = option.model
    found: list[Refusal] = []

    def refuse(code: str, reason: str) -> None:
        found.append(Refusal(code, reason))

    if not option.allowed:
        refuse("allow-list", f"{option.serves} isn't in llm.allow")
    if needs.models and option.serves not in needs.models:
        refuse("not-asked", "not among the models asked for")
    if option.data_policy not in _PERMITTED[needs.data_policy]:
        refuse("data-policy", f"prompts there are {option.data_policy}, and {needs.data_policy} was asked for")
    if model.max_input_tokens is not None and option.input_tokens > model.max_input_tokens:
        refuse("context", f"{option.input_tokens:,} tokens of prompt, and it takes {model.max_input_tokens:,}")
    elif model.context_window is not None and option.input_tokens >= model.context_window:
        refuse("context", f"{option.input_tokens:,} tokens of prompt, and its window has {model.context_window:,}")
    # What isn't known of a model is no reason to refuse it: somebody deployed it for this.
    if needs.images and model.modalities and "image" not in model.modalities:
        refuse("images", "it takes no pictures")
    if needs.tools and model.tools is False:
        refuse("tools", "it calls no tools")
    if needs.structured_output and model.structured_output is False:
        refuse("structured-output", "it doesn't keep to a schema")
    if needs.budget_holds:
        if model.price is None:
            refuse("price", "its price isn't known, and a budget holds")
        elif at_most is None:
            refuse("price", "nothing limits its answer, and a budget holds: give max_tokens")
        elif needs.left_usd is not None and at_most > needs.left_usd:
            refuse("budget", f"it can cost ${at_most:.6f}, and ${needs.left_usd:.6f} are left")
    return found


def _parts(option: Option, shares: Weights, expected: Decimal | None, likely: int) -> tuple[Part, ...]:
    known = _constants()
    quality = option.model.quality
    at_scale = (option.input_tokens * known.input_usd + likely * known.output_usd) / _MILLION
    ratio = known.cost_ratio
    if expected is not None and at_scale > 0:
        ratio = float(expected / at_scale)
    seen = option.observed
    measured = seen.calls > 0
    return (
        Part(
            "quality",
            None if quality is None else quality.value,
            "0 to 1",
            known.quality if quality is None else quality.value,
            shares.quality,
        ),
        Part("cost", None if expected is None else float(expected), "USD", 1 / (1 + ratio), shares.cost),
        Part(
            "latency",
            seen.seconds if measured else None,
            "seconds an answer",
            1 / (1 + seen.seconds / known.latency_s),
            shares.latency,
        ),
        Part(
            "reliability",
            seen.error_rate if measured else None,
            "share failed",
            1 - seen.error_rate,
            shares.reliability,
        ),
        Part("preference", option.preference, "0 to 1", option.preference, shares.preference),
    )


@dataclass(frozen=True, slots=True)
class _Constants:
    input_usd: Decimal
    output_usd: Decimal
    latency_s: float
    output_tokens: int
    quality: float
    cost_ratio: float


@cache
def _constants() -> _Constants:
    data = _data()
    return _Constants(
        Decimal(data["scale"]["input_usd"]),
        Decimal(data["scale"]["output_usd"]),
        data["scale"]["latency_s"],
        data["expected"]["output_tokens"],
        data["prior"]["quality"],
        data["prior"]["cost_ratio"],
    )


@cache
def _data() -> dict[str, Any]:
    text = (resources.files("sophia_kit.llm") / "data" / "policy.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)
