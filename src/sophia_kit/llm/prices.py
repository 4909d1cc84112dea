"""What tokens cost: US dollars per million, everywhere, and exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from sophia_kit.core.errors import ConfigError

if TYPE_CHECKING:
    from genai_prices import types as genai_types

    from sophia_kit.llm.messages import Usage

__all__ = ["Listed", "Price", "PriceList", "Rates", "Tier", "package_version"]

_MILLION = Decimal(1_000_000)


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars per million tokens.

    Attributes:
        cached_input_usd: of a prompt's tokens that the provider had in its cache.
        cache_write_usd: of a prompt's tokens that it puts there.
    """

    input_usd: Decimal
    output_usd: Decimal
    cached_input_usd: Decimal
    cache_write_usd: Decimal


@dataclass(frozen=True, slots=True)
class Tier:
    """Rates of all tokens of a call whose prompt is longer than `above_input_tokens`."""

    above_input_tokens: int
    rates: Rates


@dataclass(frozen=True, slots=True)
class Price:
    """A model's list price.

    Attributes:
        tiers: dearer rates of long prompts, the longest last.
        source: whose list it is; `as_of` of which day, None when that isn't known.
        listed_as: the entry of the list that it was taken from.
    """

    rates: Rates
    tiers: tuple[Tier, ...] = ()
    source: str = ""
    as_of: date | None = None
    listed_as: str = ""

    def rates_for(self, input_tokens: int) -> Rates:
        """The rates of a call with a prompt of that length."""
        found = self.rates
        for tier in self.tiers:
            if input_tokens > tier.above_input_tokens:
                found = tier.rates
        return found

    def cost(self, usage: Usage) -> Decimal:
        """US dollars of a call, by the list; what the provider says it charged is `usage.cost_usd`."""
        rates = self.rates_for(usage.input_tokens)
        cached = min(usage.cached_input_tokens, usage.input_tokens)
        written = min(usage.cache_write_tokens, usage.input_tokens - cached)
        return (
            (usage.input_tokens - cached - written) * rates.input_usd
            + cached * rates.cached_input_usd
            + written * rates.cache_write_usd
            + usage.output_tokens * rates.output_usd
        ) / _MILLION

    def at_most(self, input_tokens: int, output_tokens: int) -> Decimal:
        """US dollars of a call with no more tokens than these, nothing of it cached, whatever is put in the cache."""
        rates = self.rates_for(input_tokens)
        dearest = max(rates.input_usd, rates.cache_write_usd)
        return (input_tokens * dearest + output_tokens * rates.output_usd) / _MILLION


class PriceList:
    """The prices of the package genai-prices, which is imported when the first one is looked up.

    Args:
        released: by version of the package, the day it was released.
    """

    def __init__(self, released: dict[str, date]) -> None:
        self._version = package_version()
        self._as_of = released.get(self._version)

    def find(self, model: str, *, provider: str | None = None, base_url: str | None = None) -> Listed | None:
        """The list's entry of a model at a provider; None when it has none.

        Args:
            provider: its id in the list, e.g. `openrouter`; without one it is told from `base_url`, and without that
                from whose model it is.
        """
        from genai_prices.data_snapshot import get_snapshot

        try:
            owner, entry = get_snapshot().find_provider_model(model, None, provider, base_url)
        except LookupError:
            return None
        return Listed(entry, f"genai-prices {self._version}", self._as_of, f"{owner.id} {entry.id}")


@dataclass(frozen=True, slots=True)
class Listed:
    """An entry of the price list, whose price may depend on the day and the hour."""

    entry: genai_types.ModelInfo
    source: str
    as_of: date | None
    listed_as: str

    @property
    def context_window(self) -> int | None:
        return self.entry.context_window

    @property
    def changes(self) -> bool:
        """Whether its price depends on when it is asked."""
        return isinstance(self.entry.prices, list)

    def price(self, at: datetime, kind: str) -> Price | None:
        """Its price at that moment as a `chat` or `embedding` model; None when the list has no price of its tokens."""
        found = self.entry.get_prices(at.astimezone(UTC))
        if found.input_mtok is None or (kind == "chat" and found.output_mtok is None):
            return None
        starts = sorted({tier.start for value in vars(found).values() for tier in getattr(value, "tiers", ())})
        base = _rates(found, lambda value: getattr(value, "base", value))
        tiers = tuple(Tier(start, _rates(found, _above(start))) for start in starts)
        return Price(base, tiers, self.source, self.as_of, self.listed_as)


def _rates(found: genai_types.ModelPrice, pick: Callable[[Any], Decimal]) -> Rates:
    given = found.input_mtok
    rate = pick(given)
    cached, written, output = found.cache_read_mtok, found.cache_write_mtok, found.output_mtok
    return Rates(
        input_usd=rate,
        output_usd=Decimal() if output is None else pick(output),
        cached_input_usd=rate if cached is None else pick(cached),
        cache_write_usd=rate if written is None else pick(written),
    )


def _above(start: int) -> Callable[[Any], Decimal]:
    def pick(value: Any) -> Decimal:
        if isinstance(value, Decimal):
            return value
        rate: Decimal = value.base
        for tier in value.tiers:
            if tier.start <= start:
                rate = tier.price
        return rate

    return pick


def package_version() -> str:
    """The installed version of genai-prices.

    Raises:
        ConfigError: it isn't installed.
    """
    from importlib import metadata

    try:
        return metadata.version("genai-prices")
    except metadata.PackageNotFoundError:
        raise ConfigError(
            "The price list genai-prices isn't installed.",
            hint="Install sophia-kit[llm], or give prices in llm.models.",
        ) from None
