"""What the model lab shows: the same prompts put to several models, and what each answer cost, took and said."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from itertools import combinations
from pathlib import Path
from statistics import mean, median
from typing import TYPE_CHECKING, Any, Final

import yaml

from sophia_kit.core.errors import InputError, SophiaError, Unconfigured, UnknownName
from sophia_kit.core.settings import Settings
from sophia_kit.llm.messages import ChatRequest, Message

if TYPE_CHECKING:
    from sophia_kit.llm import Gateway

__all__ = [
    "MODEL_LAB_OPTIONS",
    "Comparison",
    "ModelFigures",
    "ModelLabParameters",
    "Prompt",
    "Trial",
    "compare_models",
    "expected_cost",
    "lab_models",
    "model_lab_parameters",
    "read_prompts",
]

MODEL_LAB_OPTIONS: Final = ("models", "prompts")
"""What a script and a query string may name."""

AT_A_TIME: Final = 4
MAX_TOKENS: Final = 2000
PURPOSE: Final = "model lab"


@dataclass(frozen=True, slots=True)
class Prompt:
    """What every model is asked; `expect` is found in a right answer, whatever its case, None when there is none."""

    text: str
    expect: str | None = None


@dataclass(frozen=True, slots=True)
class ModelLabParameters:
    """What the lab is opened with: the models (none named: all that chat), and the prompts."""

    models: tuple[str, ...] = ()
    prompts: tuple[Prompt, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """One prompt, put to one model. What is None isn't known: there was no answer, and `problem` says why.

    Attributes:
        seconds: from the call until the whole answer.
        cost_usd: None too when the model has no price.
        right: whether the expected text is in the answer; None when nothing is expected.
    """

    prompt: Prompt
    model: str
    text: str | None
    seconds: float | None = None
    tokens: int | None = None
    cost_usd: Decimal | None = None
    right: bool | None = None
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class ModelFigures:
    """A model over all prompts. Unknown figures are None.

    Attributes:
        cost_usd: of all answers together; None when one of them isn't known.
        seconds: the median of the answers.
        agreement: 0 to 1, the mean over prompts of how alike its words are to each other model's
            (rapidfuzz `token_sort_ratio`); None without another model to agree with.
        right: the share of the expected answers that are right.
    """

    model: str
    answered: int
    failed: int
    cost_usd: Decimal | None
    seconds: float | None
    tokens: int | None
    agreement: float | None
    right: float | None


@dataclass(frozen=True, slots=True)
class Comparison:
    """All trials, prompt by prompt, and each model's figures."""

    trials: tuple[Trial, ...]
    figures: tuple[ModelFigures, ...]


def read_prompts(text: str, name: str) -> tuple[Prompt, ...]:
    """The prompts of a YAML list: each a text, or `prompt` with `expect`. `name` is what messages call it.

    Raises:
        InputError: it is none, or it is empty.
    """
    wanted = "Write a list: each a text, or a mapping with `prompt` and `expect`."
    try:
        given = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InputError(f"{name} isn't YAML: {' '.join(str(error).split())}", hint=wanted) from None
    if not isinstance(given, list) or not given:
        raise InputError(f"{name} holds no list of prompts.", hint=wanted)
    found = []
    for place, one in enumerate(given, 1):
        item = {"prompt": one} if isinstance(one, str) else one
        if not isinstance(item, dict) or not item.get("prompt") or set(item) - {"prompt", "expect"}:
            raise InputError(f"{name}: entry {place} is no prompt.", hint=wanted)
        expect = item.get("expect")
        found.append(Prompt(str(item["prompt"]), None if expect is None else str(expect)))
    return tuple(found)


def model_lab_parameters(given: Mapping[str, Any]) -> ModelLabParameters:
    """The parameters of options or a query string: `models` with commas between, `prompts` a file.

    Raises:
        InputError: the file can't be read, or holds no prompts.
    """
    names = tuple(name.strip() for name in str(given.get("models") or "").split(",") if name.strip())
    if not given.get("prompts"):
        own = files("sophia_kit.reports") / "model_prompts.yaml"
        return ModelLabParameters(names, read_prompts(own.read_text(encoding="utf-8"), "the package's prompt set"))
    path = Path(str(given["prompts"]))
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path} can't be read: {error}.", hint="Name a YAML file with a list of prompts.") from None
    return ModelLabParameters(names, read_prompts(text, str(path)))


def lab_models(params: ModelLabParameters, settings: Settings) -> tuple[str, ...]:
    """The models that are compared: those named, or all that are deployed for chat.

    Raises:
        Unconfigured: none is deployed.
        UnknownName: one that is named isn't.
    """
    known = tuple(dict.fromkeys(one.name for one in settings.llm.deployments.values() if one.kind == "chat"))
    if not known:
        raise Unconfigured(
            "No language model is configured.",
            missing=["SOPHIA_LLM__DEPLOYMENTS"],
            hint="Deploy one in sophia.toml, below [llm.deployments]; docs/gateway.md shows how.",
        )
    for name in params.models:
        if name not in known:
            raise UnknownName("model", name, known)
    return params.models or known


def expected_cost(prompts: Sequence[Prompt], models: Sequence[str], settings: Settings) -> Decimal | None:
    """US dollars that comparing may cost at most, by the prices and the longest answers; None without a price."""
    with ThreadPoolExecutor(1, "model-lab") as thread:
        costs = thread.submit(lambda: asyncio.run(_costs(prompts, models, settings))).result()
    return _total(costs)


async def _costs(prompts: Sequence[Prompt], models: Sequence[str], settings: Settings) -> list[Decimal | None]:
    from sophia_kit.llm import Gateway

    found: list[Decimal | None] = []
    async with Gateway(settings, None, settings.clock()) as gateway:
        for prompt in prompts:
            for model in models:
                rows = [row for _, rows in gateway.explain(_request(prompt, model)).candidates for row in rows]
                costs = [row.at_most_usd for row in rows if row.at_most_usd is not None]
                found.append(max(costs) if costs and len(costs) == len(rows) else None)
    return found


def compare_models(prompts: Sequence[Prompt], models: Sequence[str], settings: Settings) -> Comparison:
    """Put each prompt to each model, through the gateway and within its budgets. Answers of the cache aren't used.

    A model that doesn't answer is a trial with a problem; it stops nothing.
    """
    # A notebook has an event loop at work in this thread.
    with ThreadPoolExecutor(1, "model-lab") as thread:
        trials = thread.submit(lambda: asyncio.run(_all(prompts, models, settings))).result()
    return Comparison(tuple(trials), tuple(_figures(model, trials) for model in models))


async def _all(prompts: Sequence[Prompt], models: Sequence[str], settings: Settings) -> list[Trial]:
    from sophia_kit.llm import Gateway
    from sophia_kit.state import State

    room = asyncio.Semaphore(AT_A_TIME)
    with State.open(settings.state_location) as state:
        async with Gateway(settings, state, settings.clock()) as gateway:

            async def one(prompt: Prompt, model: str) -> Trial:
                async with room:
                    return await _try(gateway, prompt, model)

            return list(await asyncio.gather(*(one(prompt, model) for prompt in prompts for model in models)))


def _request(prompt: Prompt, model: str) -> ChatRequest:
    # No fallbacks: another model's answer would say nothing of this one.
    return ChatRequest(
        (Message("user", prompt.text),),
        model=model,
        fallbacks=(),
        max_tokens=MAX_TOKENS,
        purpose=PURPOSE,
        cache=False,
    )


async def _try(gateway: Gateway, prompt: Prompt, model: str) -> Trial:
    try:
        answer = await gateway.chat(_request(prompt, model))
    except SophiaError as error:
        return Trial(prompt, model, None, problem=f"{error.title}: {error.message}")
    text = answer.text.strip()
    right = None if prompt.expect is None else _holds(text, prompt.expect)
    return Trial(prompt, model, text, answer.seconds, answer.usage.total_tokens, answer.cost_usd, right)


def _holds(text: str, expected: str) -> bool:
    """Whether the text has the words, not as a part of others; commas within numbers don't count."""
    plain = re.sub(r"(?<=\d),(?=\d)", "", text.casefold())
    return re.search(rf"(?<![\w.]){re.escape(expected.casefold())}(?!\w|\.\d)", plain) is not None


def _figures(model: str, trials: Sequence[Trial]) -> ModelFigures:
    own = [trial for trial in trials if trial.model == model]
    answered = [trial for trial in own if trial.text is not None]
    costs = [trial.cost_usd for trial in answered]
    judged = [trial.right for trial in answered if trial.right is not None]
    seconds = [trial.seconds for trial in answered if trial.seconds is not None]
    return ModelFigures(
        model=model,
        answered=len(answered),
        failed=len(own) - len(answered),
        cost_usd=sum((cost for cost in costs if cost is not None), Decimal())
        if answered and None not in costs
        else None,
        seconds=median(seconds) if seconds else None,
        tokens=sum(trial.tokens or 0 for trial in answered) if answered else None,
        agreement=_agreement(model, trials),
        right=sum(judged) / len(judged) if judged else None,
    )


def _total(costs: Sequence[Decimal | None]) -> Decimal | None:
    """All together; unknown when one is."""
    known = [cost for cost in costs if cost is not None]
    return sum(known, Decimal()) if len(known) == len(costs) else None


def _agreement(model: str, trials: Sequence[Trial]) -> float | None:
    from rapidfuzz.fuzz import token_sort_ratio

    by_prompt: dict[Prompt, list[Trial]] = {}
    for trial in trials:
        if trial.text is not None:
            by_prompt.setdefault(trial.prompt, []).append(trial)
    alike = [
        token_sort_ratio((one.text or "").casefold(), (other.text or "").casefold()) / 100
        for answers in by_prompt.values()
        for one, other in combinations(answers, 2)
        if model in (one.model, other.model)
    ]
    return mean(alike) if alike else None
