"""The narrative of a brief, written by a model where one is configured, and by rules where its text isn't borne out."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TYPE_CHECKING, Final

from sophia_kit.core.settings import Settings, load_settings
from sophia_kit.metrics.change.words import plain
from sophia_kit.reports.narrative import Author, Narrative, Paragraph, has_to_mention
from sophia_kit.reports.prose import fill

if TYPE_CHECKING:
    from sophia_kit.llm.grounding import Analysis, Material
    from sophia_kit.metrics import Principal
    from sophia_kit.reports.model import DailyBrief

__all__ = ["material_of", "with_analysis", "written_up"]

INSTRUCTIONS: Final = """\
Write the narrative of a company's daily brief. Say in the first line what matters most: where the company stands and
how that moved. Then, in three to six short paragraphs: why it moved (facts named why), recurring revenue and retention,
revenue against its target, payments, sales. Leave out what is unknown and what is unremarkable. Be calm and exact."""

# Past values; values by member, whose facts are named after customers; and changes that `.size` tells already.
_LEFT_OUT: Final = (".at_", ".by_", ".relative")
_BY_MEMBER: Final = ("contribution", "rate and mix")
_OWN_RECORDS: Final = ("quality.", "gate.")


def with_analysis(
    brief: DailyBrief, settings: Settings | None = None, principal: Principal | None = None
) -> DailyBrief:
    """The brief with a narrative by the model that `llm.analysis_model` names; as it is when none is named.

    What the model writes has to pass the check of `sophia_kit.llm.grounding`; otherwise, or when no model answers,
    the rules' narrative stays, and its author says why. Cautions are the rules' either way. `principal` is the reader,
    to whom the calls are charged; the model is told what the brief shows: what its reader may see.
    """
    settings = settings or load_settings()
    if settings.llm.analysis_model is None:
        return brief
    # A notebook may have an event loop at work in this thread.
    with ThreadPoolExecutor(1, "analysis") as thread:
        analysis = thread.submit(lambda: asyncio.run(_analysed(brief, settings, principal))).result()
    return written_up(brief, analysis)


async def _analysed(brief: DailyBrief, settings: Settings, principal: Principal | None) -> Analysis:
    from sophia_kit.llm import Gateway
    from sophia_kit.llm.grounding import analyse
    from sophia_kit.state import State

    with State.open(settings.state_location) as state:
        async with Gateway(settings, state, settings.clock()) as gateway:
            return await analyse(
                material_of(brief),
                INSTRUCTIONS,
                writer=gateway,
                model=settings.llm.analysis_model,
                user="" if principal is None else principal.name,
            )


def material_of(brief: DailyBrief) -> Material:
    """What a model may refer to: the brief's latest figures, their comparisons and explanations.

    No past values, nothing unknown, and no fact that is named after a customer.
    """
    from sophia_kit.llm.grounding import Material

    facts = brief.facts
    return Material(
        numbers={
            name: fact
            for name, fact in facts.numbers.items()
            if fact.value is not None
            and not any(part in name for part in _LEFT_OUT)
            and not name.startswith(_OWN_RECORDS)
        },
        terms={name: text for name, text in facts.terms.items() if not name.startswith("unknown.")},
        names=frozenset(_names(brief)),
        required=has_to_mention(facts),
    )


def _names(brief: DailyBrief) -> set[str]:
    """The members that the brief shows: whoever speaks of one refers to it."""
    shown = [value for value in brief.latest_values if value.members]
    found = {member for value in shown for _, member in value.members if member is not None}
    tables = [table for why in brief.whys for table in why.tables if table.item.method in _BY_MEMBER]
    found |= {part.label for table in tables for part in table.shown}
    if brief.header.segment is not None:
        found.add(brief.header.segment)
    return found | {plain(name) for name in found}


def written_up(brief: DailyBrief, analysis: Analysis) -> DailyBrief:
    """The brief with what came of asking a model, be it the reason why the rules' narrative stands."""
    from sophia_kit.llm.grounding.analyse import VERSION

    named = analysis.provider_model or analysis.model
    version = None if named is None else f"{named}; {VERSION}"
    if analysis.prose is None:
        author = Author("rules", analysis.reason, analysis.model, version)
        return replace(brief, narrative=replace(brief.narrative, author=author))
    author = Author("model", analysis.reason, analysis.model, version)
    first, *rest = [line.strip() for line in analysis.prose.splitlines() if line.strip()]
    paragraphs = [Paragraph("headline", fill(first, brief.facts))]
    paragraphs += [Paragraph("point", fill(line, brief.facts)) for line in rest]
    return replace(brief, narrative=Narrative(author, (*paragraphs, *brief.narrative.cautions)))
