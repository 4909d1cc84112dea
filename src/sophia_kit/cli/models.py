"""`sophia models`: what is deployed, what it costs, who would answer a request and why, and what was spent."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from sophia_kit.cli.context import console, open_settings
from sophia_kit.cli.model_views import (
    age,
    known_entries,
    list_table,
    model_entries,
    model_table,
    rank_entry,
    rank_table,
)
from sophia_kit.cli.output import Format, FormatOption, plain_table, print_json, print_table

if TYPE_CHECKING:
    from sophia_kit.llm.messages import ChatRequest, EmbedRequest
    from sophia_kit.llm.policy import Ranking

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, help="Language models: what is deployed, what it costs, who would answer, what was spent."
)

Preset = Literal["economy", "balanced", "quality", "fast"]
DataPolicy = Literal["any", "no-training", "local"]
_HOW = """\
To configure a model, name it in sophia.toml and its key in the environment; docs/gateway.md has the other providers:

  [llm.deployments.openai]
  provider = "openai"
  model = "gpt-5-mini"

  export SOPHIA_LLM__KEYS__OPENAI=..."""
_STATUS = {"ok": "green", "warning": "yellow", "stop": "red", "no limit": "dim"}


@app.command("list")
def list_command(
    known: Annotated[bool, typer.Option("--known", help="Those too that aren't configured.")] = False,
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """List the models that are deployed, or when none is all that the kit knows; with prices and how old those are."""
    settings = open_settings()
    entries = model_entries(settings.llm, settings.clock())
    configured = bool(entries)
    if known or not configured:
        entries += known_entries(settings.llm, settings.clock())
    if format is Format.json:
        print_json(entries)
        return
    print_table(list_table(entries))
    console().print("Prices are US dollars per million tokens; ? is unknown.", soft_wrap=True)
    for line in sorted({age(one) for one in entries}):
        console().print(line, soft_wrap=True)
    if not configured:
        console().print()
        console().print(_HOW, soft_wrap=True, markup=False)


@app.command("show")
def show_command(
    name: Annotated[str, typer.Argument(help="A model as it is asked for, or a deployment.")],
    format: FormatOption = Format.table,  # noqa: A002  # the option's name
) -> None:
    """Show all that is known of a model, whose knowledge it is, and of which day."""
    from difflib import get_close_matches

    from sophia_kit.core.errors import UnknownName

    settings = open_settings()
    entries = model_entries(settings.llm, settings.clock())
    found = [one for one in entries if name in (one.name, one.deployment, one.model)]
    if not found:
        known = known_entries(settings.llm, settings.clock())
        found = [one for one in known if name == one.name]
        if not found:
            deployed = {one.name for one in entries} | {one.deployment or "" for one in entries}
            meant = deployed if get_close_matches(name, deployed) else deployed | {one.name for one in known}
            raise UnknownName("model", name, meant)
    if format is Format.json:
        print_json(found)
        return
    for place, one in enumerate(found):
        if place:
            console().print()
        print_table(model_table(one))
    if found[0].deployment is None:
        console().print()
        console().print(_HOW, soft_wrap=True, markup=False)


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
        print_json([rank_entry(place, row) for place, row in enumerate(ranking.rows, 1)])
        return
    print_table(rank_table(ranking))
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
