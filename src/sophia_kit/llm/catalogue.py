"""What is known of models: their limits, what they can, what they cost, how good they are. And since when.

An unknown fact is None, never a guess. What your settings say (`llm.models`) wins over the list prices of the package
genai-prices and over the data files of this one.
"""

from __future__ import annotations

import csv
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any, Literal

from sophia_kit.core.errors import ConfigError
from sophia_kit.llm.prices import Listed, Price, PriceList, Rates

if TYPE_CHECKING:
    from sophia_kit.core.llm_policy_settings import ModelSettings
    from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings

__all__ = ["Catalogue", "Model", "Quality", "bare_names"]

Kind = Literal["chat", "embedding"]
_OURS = "your settings"
# The price list's names of providers that have a deployment kind of their own.
_LISTED_PROVIDERS = {"openai": "openai", "openrouter": "openrouter"}

_VENDOR = re.compile(r"^.*/")
_VARIANT = re.compile(r":[a-z-]+$")
_POINT = re.compile(r"(?<=\d)\.(?=\d)")
_DATED = re.compile(r"-(\d{4}-\d{2}-\d{2}|20\d{6}|latest)$")


@dataclass(frozen=True, slots=True)
class Quality:
    """How good a model is, 0 to 1 (docs/models.md has the scale), as measured by `source` on the day `as_of`."""

    value: float
    source: str
    as_of: date


@dataclass(frozen=True, slots=True)
class Model:
    """What is known of a model at one provider. None is unknown.

    Attributes:
        name: at the provider.
        context_window: most tokens of prompt and answer together; `max_input_tokens` of the prompt alone.
        max_output_tokens: most tokens of an answer.
        modalities: what a prompt may hold; empty when unknown.
        facts_source, facts_as_of: whose and of when the limits and abilities are; None where nothing is known.
    """

    name: str
    provider: str
    kind: Kind
    price: Price | None = None
    context_window: int | None = None
    max_input_tokens: int | None = None
    max_output_tokens: int | None = None
    modalities: tuple[str, ...] = ()
    tools: bool | None = None
    structured_output: bool | None = None
    quality: Quality | None = None
    facts_source: str | None = None
    facts_as_of: date | None = None


@dataclass(frozen=True, slots=True)
class _Facts:
    vendor: str
    kind: Kind
    max_input_tokens: int | None
    max_output_tokens: int | None
    modalities: tuple[str, ...]
    tools: bool | None
    structured_output: bool | None


class Catalogue:
    """The models of the deployments that `settings` list, and those that the kit knows beside.

    Looking up the first list price imports the package genai-prices, which takes a second; what the settings price
    needs no list.
    """

    def __init__(self, settings: LlmSettings) -> None:
        self._overrides = settings.models
        self._prices: PriceList | None = None
        self._known: dict[tuple[str | None, ...], tuple[Model, Listed | None]] = {}

    def model(self, deployment: DeploymentSettings, at: datetime) -> Model:
        """What is known of the deployment's model, priced as of `at`.

        Raises:
            ConfigError: its price is to be looked up, and the price list isn't installed.
        """
        key = (
            deployment.provider,
            deployment.kind,
            deployment.model,
            deployment.name,
            deployment.base_url,
            deployment.upstream,
        )
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = self._look_up(deployment, at)
        model, listed = found
        if listed is None or not listed.changes:
            return model
        return replace(model, price=listed.price(at, model.kind))

    def _look_up(self, deployment: DeploymentSettings, at: datetime) -> tuple[Model, Listed | None]:
        own = self._overrides.get(deployment.model) or self._overrides.get(deployment.name)
        listed = None
        if deployment.provider == "local":
            price: Price | None = _local_price()
        elif own is not None and own.input_usd is not None:
            price = _own_price(own, deployment)
        else:
            listed = self._listed(deployment)
            price = None if listed is None else listed.price(at, deployment.kind)
        model = _assembled(deployment.model, deployment.provider, deployment.kind, price, listed)
        return (model if own is None else _overridden(model, own)), listed

    def known(self, at: datetime) -> list[Model]:
        """Every model that the kit has facts of, deployed or not, at its vendor's list price as of `at`.

        What the settings say isn't in it. Chats come first, and of each kind the best rated.

        Raises:
            ConfigError: the price list isn't installed.
        """
        from sophia_kit.llm.providers.local_embeddings import MODEL

        found = [_assembled(MODEL, "local", "embedding", _local_price(), None)]
        for name, facts in _facts().items():
            listed = self._list().find(name, provider=facts.vendor)
            price = None if listed is None else listed.price(at, facts.kind)
            found.append(_assembled(name, facts.vendor, facts.kind, price, listed))
        return sorted(found, key=lambda one: (one.kind, -one.quality.value if one.quality else 0.0, one.name))

    def _listed(self, deployment: DeploymentSettings) -> Listed | None:
        prices = self._list()
        if deployment.provider == "compatible":
            return prices.find(deployment.model, base_url=deployment.base_url)
        if deployment.provider == "portkey":
            # What stands behind it is the vendor's own list price, as far as the model's name tells.
            return prices.find(bare_names(deployment.model)[0], provider=deployment.upstream)
        return prices.find(deployment.model, provider=_LISTED_PROVIDERS[deployment.provider])

    def _list(self) -> PriceList:
        if self._prices is None:
            self._prices = PriceList(_data()["prices"]["released"])
        return self._prices


def _assembled(name: str, provider: str, kind: Kind, price: Price | None, listed: Listed | None) -> Model:
    """What the kit's own data say of a model, with that price."""
    names = bare_names(name)
    facts = next((found for bare in names if (found := _facts().get(bare)) is not None), None)
    source, as_of = _dated("facts")
    return Model(
        name=name,
        provider=provider,
        kind=kind,
        price=price,
        context_window=_window(listed, facts),
        max_input_tokens=facts.max_input_tokens if facts else None,
        max_output_tokens=facts.max_output_tokens if facts else None,
        modalities=facts.modalities if facts else (),
        tools=facts.tools if facts else None,
        structured_output=facts.structured_output if facts else None,
        quality=_rated(names),
        facts_source=source if facts else None,
        facts_as_of=as_of if facts else None,
    )


def bare_names(model: str) -> tuple[str, ...]:
    """A model's name without its vendor and variant (`openai/gpt-5:nitro`), then without its date too, then with the
    hyphens of versions that some write with points (`claude-opus-4.5`)."""
    name = _VARIANT.sub("", _VENDOR.sub("", model.lower()))
    undated = _DATED.sub("", name)
    return tuple(dict.fromkeys((name, undated, _POINT.sub("-", undated))))


@cache
def _data() -> dict[str, Any]:
    text = (resources.files("sophia_kit.llm") / "data" / "catalogue.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def _dated(part: str) -> tuple[str, date]:
    return _data()[part]["source"], _data()[part]["as_of"]


def _rows(name: str) -> list[dict[str, str]]:
    text = (resources.files("sophia_kit.llm") / "data" / name).read_text(encoding="utf-8")
    return list(csv.DictReader(text.splitlines()))


@cache
def _facts() -> Mapping[str, _Facts]:
    return {
        row["name"]: _Facts(
            vendor=row["vendor"],
            kind="embedding" if row["kind"] == "embedding" else "chat",
            max_input_tokens=int(row["max_input_tokens"]) if row["max_input_tokens"] else None,
            max_output_tokens=int(row["max_output_tokens"]) if row["max_output_tokens"] else None,
            modalities={"yes": ("text", "image"), "no": ("text",), "": ()}[row["images"]],
            tools=_yes(row["tools"]),
            structured_output=_yes(row["structured_output"]),
        )
        for row in _rows("models.csv")
    }


def _window(listed: Listed | None, facts: _Facts | None) -> int | None:
    """The list's window, unless it is that of an earlier version: smaller than what fits in as a prompt alone."""
    window = None if listed is None else listed.context_window
    prompt = None if facts is None else facts.max_input_tokens
    return prompt if window is not None and prompt is not None and window < prompt else window


def _yes(cell: str) -> bool | None:
    return None if not cell else cell == "yes"


@cache
def _ratings() -> Mapping[str, float]:
    return {row["name"]: float(row["rating"]) for row in _rows("quality.csv")}


def _rated(names: tuple[str, ...]) -> Quality | None:
    scale = _data()["quality"]
    for name in names:
        rating = _ratings().get(name)
        if rating is not None:
            value = 1 / (1 + math.exp((scale["midpoint"] - rating) / scale["scale"]))
            return Quality(round(value, 4), scale["source"], scale["as_of"])
    return None


def _local_price() -> Price:
    local = _data()["prices"]["local"]
    rate = Decimal(local["input_usd"])
    return Price(Rates(rate, rate, rate, rate), source=local["source"])


def _own_price(own: ModelSettings, deployment: DeploymentSettings) -> Price:
    rate = own.input_usd
    assert rate is not None
    if own.output_usd is None and deployment.kind == "chat":
        raise ConfigError(
            f"llm.models has a price for the prompts of {deployment.model} and none for its answers.",
            hint="Give its output_usd too, in US dollars per million tokens.",
        )
    cached = rate if own.cached_input_usd is None else own.cached_input_usd
    rates = Rates(rate, own.output_usd or Decimal(), cached, rate)
    return Price(rates, source=_OURS, as_of=own.as_of)


def _overridden(model: Model, own: ModelSettings) -> Model:
    changed: dict[str, Any] = {
        "max_output_tokens": own.max_output_tokens,
        "modalities": own.modalities or None,
        "tools": own.tools,
        "structured_output": own.structured_output,
    }
    found = replace(model, **{name: value for name, value in changed.items() if value is not None})
    if own.context_window is not None:
        found = replace(found, context_window=own.context_window, max_input_tokens=own.context_window)
    if own.quality is not None:
        assert own.quality_source is not None
        assert own.quality_as_of is not None
        found = replace(found, quality=Quality(own.quality, own.quality_source, own.quality_as_of))
    return found
