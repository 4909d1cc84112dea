"""Parts of the section `[llm]`: what is known of a model, what may be spent, and how fast may be asked."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, model_validator

__all__ = ["BudgetSettings", "LimitSettings", "ModelSettings"]

Usd = Annotated[Decimal, Field(ge=0, max_digits=18, decimal_places=9)]
Count = PositiveInt


class ModelSettings(BaseModel):
    """What you know of a model better than the catalogue does. What isn't given is taken from there.

    Attributes:
        input_usd, output_usd, cached_input_usd: US dollars per million tokens. An input price alone is an embedding
            model's. Cached input costs as much as other input when nothing is said.
        as_of: the day of these prices.
        context_window: most tokens of prompt and answer together; max_output_tokens: most tokens of an answer.
        modalities: what a prompt may hold.
        tools, structured_output: whether it calls tools, and keeps to a JSON schema.
        quality: 0 to 1; see docs/models.md for the scale. `quality_source` and `quality_as_of` say whose and when.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input_usd: Usd | None = None
    output_usd: Usd | None = None
    cached_input_usd: Usd | None = None
    as_of: date | None = None
    context_window: Count | None = None
    max_output_tokens: Count | None = None
    modalities: tuple[Literal["text", "image"], ...] = ()
    tools: bool | None = None
    structured_output: bool | None = None
    quality: Annotated[float, Field(ge=0, le=1)] | None = None
    quality_source: str | None = None
    quality_as_of: date | None = None

    @model_validator(mode="after")
    def _whole(self) -> ModelSettings:
        if self.input_usd is None and (self.output_usd is not None or self.cached_input_usd is not None):
            raise ValueError("a price of a model begins with its input_usd")
        if self.quality is not None and (self.quality_source is None or self.quality_as_of is None):
            raise ValueError("a quality needs its quality_source and quality_as_of")
        return self


class BudgetSettings(BaseModel):
    """What may be spent on language models, in US dollars; None for no limit. A day is the company's.

    Attributes:
        day_usd: by everybody together; tenant_day_usd, user_day_usd: by each tenant, each user.
        request_usd: by one request, all its attempts together.
        warn_at: the share of a day's budget at which a warning is given.
        reservation_s: seconds after which a reservation that was never settled, because its process died, is charged
            in full.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    day_usd: Usd | None = None
    tenant_day_usd: Usd | None = None
    user_day_usd: Usd | None = None
    request_usd: Usd | None = None
    warn_at: Annotated[float, Field(gt=0, le=1)] = 0.8
    reservation_s: Annotated[float, Field(ge=1)] = 900.0

    @property
    def holds(self) -> bool:
        """Whether anything is limited."""
        limits = (self.day_usd, self.tenant_day_usd, self.user_day_usd, self.request_usd)
        return any(limit is not None for limit in limits)


class LimitSettings(BaseModel):
    """How fast this process may ask, by minute; None for no limit. What one deployment permits stands with it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider_requests: Count | None = None
    provider_tokens: Count | None = None
    key_requests: Count | None = None
    key_tokens: Count | None = None
    tenant_requests: Count | None = None
    tenant_tokens: Count | None = None
