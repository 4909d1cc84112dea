"""`sophia models`: what is deployed, what it costs, who would answer a request and why, and what was spent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.output import Format, FormatOption, plain_table, print_json, print_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.table import Table

    from sophia_kit.core.clock import Clock
    from sophia_kit.core.llm_settings import LlmSettings
    from sophia_kit.llm.messages import ChatRequest, EmbedRequest
    from sophia_kit.llm.policy import Part, Ranked, Ranking, Refusal
    from sophia_kit.llm.prices import Price

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Language models: what is deployed, what it costs, who would answer, what was spent."
)

Preset = Literal["economy", "balanced", "quality", "fast"]
DataPolicy = Literal["any", "no-training", "local"]
_STATUS = {"ok": "green", "warning": "yellow", "stop": "red", "no limit": "dim"}


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A deployed model, as it is listed. Prices in US dollars per million tokens; what is None is unknown."""

    name: str
    deployment: str
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
    data_policy: str
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


@app.command("list")
def list_command(format: FormatOption = Format.table) -> None:  # noqa: A002  # the option's name
    """List the models that are deployed, with their prices and how old those are."""
    settings = open_settings()
    entries = _entries(settings.llm, settings.clock())
    if format is Format.json:
        print_json(entries)
        return
    table = plain_table("Model", "Deployment", "Provider", "Input", "Output", "Cached", "Context", "Can", "Quality")
    for column in (3, 4, 5, 6):
        table.columns[column].justify = "right"
    for one in entries:
        table.add_row(
            one.name if one.allowed else f"[dim]{one.name} (not allowed)[/]",
            one.deployment,
            one.provider,
            _usd(one.input_usd),
            *("" if one.kind == "embedding" else _usd(rate) for rate in (one.output_usd, one.cached_input_usd)),
            _count(one.context_window or one.max_input_tokens),
            _abilities(one),
            "?" if one.quality is None else f"{one.quality:.2f}",
        )
    print_table(table)
    console().print("Prices are US dollars per million tokens; ? is unknown.", soft_wrap=True)
    for line in sorted({_age(one.price_source, one.price_as_of, one.price_age_days) for one in entries}):
        console().print(line, soft_wrap=True)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A model as it is asked for, or a deployment.")],
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show all that is known of a model, whose knowledge it is, and of which day."""
    from sophia_kit.core.errors import UnknownName

    settings = open_settings()
    entries = _entries(settings.llm, settings.clock())
    found = [one for one in entries if name in (one.name, one.deployment, one.model)]
    if not found:
        raise UnknownName("model", name, {one.name for one in entries} | {one.deployment for one in entries})
    if format is Format.json:
        print_json(found)
        return
    for place, one in enumerate(found):
        if place:
            console().print()
        print_table(_shown(one))


@app.command("explain")
def explain_command(
    prompt: Annotated[str, typer.Option("--prompt", help="What would be asked.")] = "",
    model: Annotated[str | None, typer.Option("--model", help="The model that would be asked for by name.")] = None,
    preset: Annotated[Preset | None, typer.Option("--preset", help="How quality, cost and speed are weighed.")] = None,
    max_tokens: Annotated[int | None, typer.Option("--max-tokens", min=1, help="Most tokens of the answer.")] = None,
    tools: Annotated[bool, typer.Option("--tools", help="The request has tools.")] = False,
    schema: Annotated[bool, typer.Option("--schema", help="The answer has to satisfy a schema.")] = False,
    images: Annotated[bool, typer.Option("--images", help="The prompt has a picture.")] = False,
    data_policy: Annotated[DataPolicy | None, typer.Option("--data-policy", help="Where the prompt may go.")] = None,
    max_cost: Annotated[
        str | None, typer.Option("--max-cost", metavar="USD", help="Most that the request may cost.")
    ] = None,
    tenant: Annotated[str, typer.Option("--tenant", help="On whose behalf; their budget counts.")] = "",
    user: Annotated[str, typer.Option("--user", help="Who asks; their budget counts.")] = "",
    embed: Annotated[bool, typer.Option("--embed", help="Rank the models for embeddings instead.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show who would answer a request, in which order, and why. Nobody is asked.

    How deployments fared is taken from the ledger's last hour.
    """
    from sophia_kit.llm.messages import EmbedRequest

    request: ChatRequest | EmbedRequest
    limit = None if max_cost is None else _dollars(max_cost)
    if embed:
        request = EmbedRequest(
            (prompt or "Hello",), model=model, tenant=tenant, user=user, data_policy=data_policy, max_cost_usd=limit
        )
    else:
        request = _chat(
            prompt or "Hello", model, preset, max_tokens, tools, schema, images, data_policy, limit, tenant, user
        )
    ranking = _ranking(request)
    if format is Format.json:
        print_json([_entry(place, row) for place, row in enumerate(ranking.rows, 1)])
        return
    print_table(_why(ranking))
    refused = plain_table("Refused", "Why")
    for row in ranking.refused:
        refused.add_row(row.option.deployment, "; ".join(each.reason for each in row.refusals))
    if ranking.refused:
        console().print()
        print_table(refused)
    console().print()
    said = "the order in which they were asked for" if ranking.asked else f"the preset {ranking.preset}"
    console().print(
        f"Ordered by {said}. Cells are what is known and, in brackets, what it adds to the score; ? is unknown, and "
        "the prior stands in.",
        soft_wrap=True,
    )


@app.command("spend")
def spend_command(
    day: Annotated[str | None, typer.Option("--day", metavar="DAY", help="The company day; today by default.")] = None,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show what was spent of each budget in a day, and what is held by requests under way."""
    from sophia_kit.core.errors import InputError
    from sophia_kit.llm.budget import Budgets
    from sophia_kit.state import State

    settings = open_settings()
    asked = None
    if day is not None:
        try:
            asked = date.fromisoformat(day)
        except ValueError:
            raise InputError(f"{day!r} is no day.", hint="Write it as 2025-12-31.") from None
    budgets = Budgets(settings.llm.budget, settings.company.time_zone, settings.clock())
    with State.open(settings.state_location) as state:
        found = budgets.states(state, asked)
    if format is Format.json:
        print_json(found)
        return
    table = plain_table("Budget", "Of", "Spent", "Held", "Limit", "Left", "Status")
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "right"
    for one in found:
        table.add_row(
            one.budget,
            one.member or "everybody",
            f"${one.spent_usd:.4f}",
            f"${one.held_usd:.4f}",
            "none" if one.limit_usd is None else f"${one.limit_usd:.4f}",
            "" if one.left_usd is None else f"${one.left_usd:.4f}",
            f"[{_STATUS[one.status]}]{one.status}[/]",
        )
    print_table(table)
    console().print(f"Company day {found[0].day}.")


def _entries(settings: LlmSettings, clock: Clock) -> list[ModelEntry]:
    from sophia_kit.core.errors import Unconfigured
    from sophia_kit.llm.catalogue import Catalogue

    if not settings.deployments:
        raise Unconfigured(
            "No language model is deployed.",
            missing=["llm.deployments"],
            hint="Configure one in sophia.toml; docs/gateway.md shows how.",
        )
    catalogue, now = Catalogue(settings), clock.now()
    found = []
    for deployment, one in settings.deployments.items():
        model = catalogue.model(one, now)
        price: Price | None = model.price
        as_of = None if price is None else price.as_of
        found.append(
            ModelEntry(
                name=one.name,
                deployment=deployment,
                provider=one.provider,
                model=one.model,
                kind=one.kind,
                input_usd=None if price is None else price.rates.input_usd,
                output_usd=None if price is None or one.kind == "embedding" else price.rates.output_usd,
                cached_input_usd=None if price is None or one.kind == "embedding" else price.rates.cached_input_usd,
                dearer_above_tokens=None if price is None or not price.tiers else price.tiers[0].above_input_tokens,
                price_source=None if price is None else price.source,
                price_listed_as=None if price is None else price.listed_as or None,
                price_as_of=as_of,
                price_age_days=None if as_of is None else (now.date() - as_of).days,
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
                data_policy=one.data_policy,
                allowed=not settings.allow or one.name in settings.allow,
            )
        )
    return found


def _chat(
    prompt: str,
    model: str | None,
    preset: Preset | None,
    max_tokens: int | None,
    tools: bool,
    schema: bool,
    images: bool,
    data_policy: DataPolicy | None,
    limit: Decimal | None,
    tenant: str,
    user: str,
) -> ChatRequest:
    from sophia_kit.llm.messages import ChatRequest, Image, Message, Tool

    picture = (Image("data:image/png;base64,"),) if images else ()
    return ChatRequest(
        (Message("user", prompt, images=picture),),
        model=model,
        preset=preset,
        tools=(Tool("example"),) if tools else (),
        schema={"type": "object"} if schema else None,
        max_tokens=max_tokens,
        data_policy=data_policy,
        max_cost_usd=limit,
        tenant=tenant,
        user=user,
    )


def _ranking(request: ChatRequest | EmbedRequest) -> Ranking:
    from sophia_kit.llm.budget import Budgets
    from sophia_kit.llm.catalogue import Catalogue
    from sophia_kit.llm.choice import Chooser
    from sophia_kit.llm.ledger import recent_calls
    from sophia_kit.llm.observed import Observed
    from sophia_kit.llm.policy import prior
    from sophia_kit.state import State

    settings = open_settings()
    now = settings.clock().now()
    observed = Observed(prior())
    budgets = Budgets(settings.llm.budget, settings.company.time_zone, settings.clock())
    with State.open(settings.state_location) as state:
        observed.warm(recent_calls(state, now))
        left = budgets.left(state, request.tenant, request.user) if budgets.holds else None
    return Chooser(settings.llm, Catalogue(settings.llm), observed).rank(request, now, left_usd=left)


def _entry(place: int, row: Ranked) -> RankEntry:
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


def _why(ranking: Ranking) -> Table:
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


def _shown(one: ModelEntry) -> Table:
    price = f"${_usd(one.input_usd)} in, ${_usd(one.output_usd)} out, ${_usd(one.cached_input_usd)} cached, a million"
    if one.kind == "embedding":
        price = f"${_usd(one.input_usd)} a million tokens"
    table = plain_table("Known of", one.name)
    rows = {
        "Deployment": f"{one.deployment}: {one.model} at {one.provider}",
        "Prompts there": one.data_policy,
        "Price": "unknown; refused where a budget holds" if one.input_usd is None else price,
        "Dearer": "" if one.dearer_above_tokens is None else f"above {one.dearer_above_tokens:,} tokens of prompt",
        "Priced by": "" if one.input_usd is None else _age(one.price_source, one.price_as_of, one.price_age_days),
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


def _age(source: str | None, as_of: date | None, age: int | None) -> str:
    if source is None:
        return "Without a price: refused where a budget holds; give it in llm.models."
    if as_of is None:
        return f"{source}: of an unknown day"
    return f"{source}: of {as_of}, {age} days ago"


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


def _dollars(text: str) -> Decimal:
    from decimal import InvalidOperation

    from sophia_kit.core.errors import InputError

    try:
        amount = Decimal(text)
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise InputError(f"--max-cost {text!r} is no amount of dollars.", hint="Give a number, e.g. 0.05.")
    return amount
