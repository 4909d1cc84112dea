"""Ask a model for an analysis, check it, have it repaired once; what doesn't pass isn't shown."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from sophia_kit.core.errors import SophiaError
from sophia_kit.core.fact import Fact
from sophia_kit.llm.grounding.check import VERSION as CHECK_VERSION
from sophia_kit.llm.grounding.check import check
from sophia_kit.llm.grounding.finding import Finding
from sophia_kit.llm.grounding.material import Material
from sophia_kit.llm.grounding.prompt import VERSION as PROMPT_VERSION
from sophia_kit.llm.grounding.prompt import first_messages, repair_messages
from sophia_kit.llm.messages import ChatRequest

if TYPE_CHECKING:
    from sophia_kit.llm.messages import Answer

__all__ = ["VERSION", "Analysis", "Refusal", "Writer", "analyse"]

VERSION: Final = f"prompt {PROMPT_VERSION}, check {CHECK_VERSION}"
"""Which wording asked for a text and which rules judged it."""

MAX_TOKENS: Final = 4000
"""Of an answer, the reasoning of a model that reasons included."""

ROUNDS: Final = 2


class Writer(Protocol):
    """Who writes: the gateway, or anything that answers a chat request as it does."""

    async def chat(self, request: ChatRequest) -> Answer: ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A text that isn't shown, and why: what was found wrong with it, or that it wasn't whole."""

    prose: str
    reason: str
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Analysis:
    """What came of asking a model.

    Attributes:
        prose: the text with its references, which passed the check; None when there is none to show.
        reason: in a sentence, why there is none, or how often it took.
        model: the model that answered last, by the name that is configured; None when none did.
        provider_model: that model's name as its provider gave it, with its version where the name holds one.
        refusals: the texts that didn't pass, in order.
        answers: all that was answered, with what it used.
    """

    prose: str | None
    reason: str
    model: str | None = None
    provider_model: str | None = None
    refusals: tuple[Refusal, ...] = ()
    answers: tuple[Answer, ...] = ()


async def analyse(
    facts: Material | Iterable[Fact],
    instructions: str,
    *,
    writer: Writer,
    model: str | None = None,
    tenant: str = "",
    user: str = "",
) -> Analysis:
    """Prose about the facts, written by a model and checked; at most one repair.

    `instructions` say what to write about; they come from code or from who asks, never from data. `model` is the name
    of a configured one; None leaves the choice to the gateway's policy. A model that doesn't answer is no error here:
    the analysis says so, and whoever asked shows what rules wrote.
    """
    material = facts if isinstance(facts, Material) else Material.of(facts)
    messages = first_messages(material, instructions)
    refusals: list[Refusal] = []
    answers: list[Answer] = []
    for _ in range(ROUNDS):
        request = ChatRequest(
            messages=messages,
            model=model,
            max_tokens=MAX_TOKENS,
            tenant=tenant,
            user=user,
            purpose="analysis",
            # The same facts give the same text, for all who look at them.
            cache=True,
        )
        try:
            answer = await writer.chat(request)
        except SophiaError as error:
            return _analysis(None, f"No model answered: {error.message}", refusals, answers)
        answers.append(answer)
        prose = answer.text.replace("\r", "").strip()
        if answer.finish_reason == "stop":
            findings = check(prose, material)
            if not findings:
                reason = "It passed the check" + (" after one repair." if refusals else ".")
                return _analysis(prose, reason, refusals, answers)
            refusals.append(Refusal(prose, f"{findings[0].rule}: {findings[0]}", findings))
        else:
            refusals.append(Refusal(prose, f"The answer isn't whole: it ended by {answer.finish_reason}."))
        messages = repair_messages(messages, prose, refusals[-1].findings, refusals[-1].reason)
    reason = f"The model's text was refused, and so was its repair. {refusals[-1].reason}"
    return _analysis(None, reason, refusals, answers)


def _analysis(prose: str | None, reason: str, refusals: list[Refusal], answers: list[Answer]) -> Analysis:
    last = answers[-1] if answers else None
    return Analysis(
        prose=prose,
        reason=reason,
        model=None if last is None else last.model_used,
        provider_model=None if last is None else last.provider_model or None,
        refusals=tuple(refusals),
        answers=tuple(answers),
    )
