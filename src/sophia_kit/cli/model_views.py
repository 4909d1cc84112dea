"""Deployed models and rankings as `sophia models` prints them: records for programs, tables for people."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from sophia_kit.cli.output import plain_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from sophia_kit.core.clock import Clock
    from sophia_kit.core.llm_settings import LlmSettings
    from sophia_kit.llm.catalogue import Model
    from sophia_kit.llm.policy import Part, Ranked, Ranking, Refusal
    from sophia_kit.llm.prices import Price

__all__ = [
    "ModelEntry",
    "RankEntry",
    "age",
    "known_entries",
    "list_table",
    "model_entries",
    "model_table",
    "rank_entry",
    "rank_table",
]


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model, as it is listed. Prices in US dollars per million tokens; what is None is unknown.

    Attributes:
        deployment: None when it isn't configured; then the provider is its vendor.
        data_policy: of the deployment.
    """

    name: str
    deployment: str | None
    provider: str
    model: str
    kind: str
    input_usd: Decimal | None
    output_usd: Decimal | None
    cached_input_usd: Decimal | None
    dearer_above_tokens: int | None
    price_source: str | None
    price_listed_as: str | None
    price_as_of: date | None
    price_age_days: int | None
    context_window: int | None
    max_input_tokens: int | None
    max_output_tokens: int | None
    images: bool | None
    tools: bool | None
    structured_output: bool | None
    facts_source: str | None
    facts_as_of: date | None
    quality: float | None
    quality_source: str | None
    quality_as_of: date | None
    data_policy: str | None
    allowed: bool


@dataclass(frozen=True, slots=True)
class RankEntry:
    """A deployment's place in a ranking: its score and what that is made of, or why it is refused."""

    rank: int | None
    model: str
    deployment: str
    score: float | None
    parts: tuple[Part, ...]
    refusals: tuple[Refusal, ...]
    input_tokens: int
    expected_usd: Decimal | None
    at_most_usd: Decimal | None


def model_entries(settings: LlmSettings, clock: Clock) -> list[ModelEntry]:
    """What is deployed, priced as of now."""
    from sophia_kit.llm.catalogue import Catalogue

    catalogue, now = Catalogue(settings), clock.now()
    return [
        _entry(catalogue.model(one, now), settings, now.date(), one.name, deployment, one.data_policy)
        for deployment, one in settings.deployments.items()
    ]


def known_entries(settings: LlmSettings, clock: Clock) -> list[ModelEntry]:
    """What isn't deployed though the kit knows it, at its vendor's prices as of now."""
    from sophia_kit.llm.catalogue import Catalogue

    now = clock.now()
    deployed = {one.model for one in settings.deployments.values()}
    known = Catalogue(settings).known(now)
    return [_entry(one, settings, now.date(), one.name, None, None) for one in known if one.name not in deployed]


def _entry(
    model: Model, settings: LlmSettings, today: date, name: str, deployment: str | None, data_policy: str | None
) -> ModelEntry:
    price: Price | None = model.price
    as_of = None if price is None else price.as_of
    embeds = model.kind == "embedding"
    return ModelEntry(
        name=name,
        deployment=deployment,
        provider=model.provider,
        model=model.name,
        kind=model.kind,
        input_usd=None if price is None else price.rates.input_usd,
        output_usd=None if price is None or embeds else price.rates.output_usd,
        cached_input_usd=None if price is None or embeds else price.rates.cached_input_usd,
        dearer_above_tokens=None if price is None or not price.tiers else price.tiers[0].above_input_tokens,
        price_source=None if price is None else price.source,
        price_listed_as=None if price is None else price.listed_as or None,
        price_as_of=as_of,
        price_age_days=None if as_of is None else (today - as_of).days,
        context_window=model.context_window,
        max_input_tokens=model.max_input_tokens,
        max_output_tokens=model.max_output_tokens,
        images=None if not model.modalities else "image" in model.modalities,
        tools=model.tools,
        structured_output=model.structured_output,
        facts_source=model.facts_source,
        facts_as_of=model.facts_as_of,
        quality=None if model.quality is None else model.quality.value,
        quality_source=None if model.quality is None else model.quality.source,
        quality_as_of=None if model.quality is None else model.quality.as_of,
        data_policy=data_policy,
        allowed=not settings.allow or name in settings.allow,
    )


def rank_entry(place: int, row: Ranked) -> RankEntry:
    """A row of a ranking; `place` counts from 1."""
    refused = bool(row.refusals)
    return RankEntry(
        rank=None if refused else place,
        model=row.option.serves,
        deployment=row.option.deployment,
        score=None if refused else row.score,
        parts=row.parts,
        refusals=row.refusals,
        input_tokens=row.option.input_tokens,
        expected_usd=row.expected_usd,
        at_most_usd=row.at_most_usd,
    )


def rank_table(ranking: Ranking) -> Table:
    """Those that may be asked, with what their scores are made of."""
    table = plain_table("#", "Model", "Deployment", "Score", "Quality", "Cost", "Latency", "Failed", "Liked", "At most")
    for column in (0, 3, 9):
        table.columns[column].justify = "right"
    number = 0
    for row in ranking.rows:
        if row.refusals:
            continue
        number += 1
        table.add_row(
            str(number),
            row.option.serves,
            row.option.deployment,
            f"{row.score:.3f}",
            *_parts(row),
            "?" if row.at_most_usd is None else _cost(row.at_most_usd),
        )
    return table


def _parts(row: Ranked) -> list[str]:
    told: dict[str, Callable[[float], str]] = {
        "quality": "{:.2f}".format,
        "cost": lambda usd: _cost(Decimal(repr(usd))),
        "latency": "{:.2f} s".format,
        "reliability": "{:.1%}".format,
        "preference": "{:.2f}".format,
    }
    return [f"{'?' if part.known is None else told[part.name](part.known)} ({part.share:.3f})" for part in row.parts]


def model_table(one: ModelEntry) -> Table:
    """All that is known of a model."""
    price = f"${_usd(one.input_usd)} in, ${_usd(one.output_usd)} out, ${_usd(one.cached_input_usd)} cached, a million"
    if one.kind == "embedding":
        price = f"${_usd(one.input_usd)} a million tokens"
    table = plain_table("Known of", one.name)
    rows = {
        "Deployment": f"{one.deployment or 'not configured'}: {one.model} at {one.provider}",
        "Prompts there": one.data_policy or "",
        "Price": "unknown; refused where a budget holds" if one.input_usd is None else price,
        "Dearer": "" if one.dearer_above_tokens is None else f"above {one.dearer_above_tokens:,} tokens of prompt",
        "Priced by": "" if one.input_usd is None else age(one),
        "Listed as": one.price_listed_as or "",
        "Context window": _count(one.context_window),
        "Most of a prompt": _count(one.max_input_tokens),
        "Most of an answer": _count(one.max_output_tokens),
        "Pictures": _yes(one.images),
        "Tools": _yes(one.tools),
        "Structured output": _yes(one.structured_output),
        "Known from": "" if one.facts_source is None else f"{one.facts_source}, {one.facts_as_of}",
        "Quality": "unrated" if one.quality is None else f"{one.quality:.2f}",
        "Rated by": "" if one.quality_source is None else f"{one.quality_source}, {one.quality_as_of}",
        "Allowed": "yes" if one.allowed else "no: it isn't in llm.allow",
    }
    for name, said in rows.items():
        if said:
            table.add_row(name, said)
    return table


def age(one: ModelEntry) -> str:
    """Whose the price is, and how old."""
    if one.price_source is None:
        return "Without a price: refused where a budget holds; give it in llm.models."
    if one.provider == "local":
        return f"Local: {one.price_source}, at no price."
    if one.price_as_of is None:
        return f"{one.price_source}: of an unknown day"
    return f"{one.price_source}: of {one.price_as_of}, {one.price_age_days} days ago"


def _cost(usd: Decimal) -> str:
    """A small amount with two digits that count, at least."""
    places = 6 if not usd else max(6, 1 - usd.adjusted())
    return f"${usd:.{places}f}"


def _usd(rate: Decimal | None) -> str:
    return "?" if rate is None else f"{rate.normalize():f}"


def _count(number: int | None) -> str:
    return "?" if number is None else f"{number:,}"


def _yes(known: bool | None) -> str:
    return "unknown" if known is None else "yes" if known else "no"


def _abilities(one: ModelEntry) -> str:
    named = {"images": one.images, "tools": one.tools, "schema": one.structured_output}
    can = [name if known else f"{name}?" for name, known in named.items() if known is not False]
    return "embeds" if one.kind == "embedding" else ", ".join(can)


def list_table(entries: list[ModelEntry]) -> Table:
    """Models, a line each."""
    table = plain_table("Model", "Deployment", "Provider", "Input", "Output", "Cached", "Context", "Can", "Quality")
    for column in (3, 4, 5, 6):
        table.columns[column].justify = "right"
    for one in entries:
        table.add_row(
            one.name if one.allowed else f"[dim]{one.name} (not allowed)[/]",
            one.deployment or "[dim]not configured[/]",
            one.provider,
            _usd(one.input_usd),
            *("" if one.kind == "embedding" else _usd(rate) for rate in (one.output_usd, one.cached_input_usd)),
            _count(one.context_window or one.max_input_tokens),
            _abilities(one),
            "?" if one.quality is None else f"{one.quality:.2f}",
        )
    return table
