"""The section `[llm]` of the settings: which models are reached where, and the patience with them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    model_validator,
)

from sophia_kit.core.llm_policy_settings import BudgetSettings, LimitSettings, ModelSettings

__all__ = ["DeploymentSettings", "LlmSettings"]

Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$", max_length=64)]


class DeploymentSettings(BaseModel):
    """One place where one model is reached.

    Attributes:
        provider: whose API it is; `local` is the embedding model that runs in this process.
        model: the model's name at the provider.
        serves: the name by which it is asked for; `model` when not given. Deployments that serve one name share
            its load.
        kind: whether it chats or embeds.
        base_url: where the API begins, when not at the provider's own address.
        weight: its share of the load among deployments that serve the same name; 0 keeps it for when others fail.
        data_policy: what happens to prompts sent there, as far as was agreed with the provider.
        requests_per_minute, tokens_per_minute: what the provider permits; None for no limit of ours.
        headers: sent with each request; not for keys.
        options: fields of the provider's own, sent in the body of each request.
        config: for Portkey: a saved config's id, or a config as JSON. `${name}` in it stands for the key `name`.
        virtual_key: for Portkey: the virtual key, or the provider's slug.
        upstream: for Portkey: the provider behind it, whose key is then sent along.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    provider: Literal["openai", "openrouter", "portkey", "compatible", "local"]
    model: Annotated[str, Field(min_length=1)]
    serves: Annotated[str, Field(min_length=1)] | None = None
    kind: Literal["chat", "embedding"] = "chat"
    base_url: Annotated[str, Field(pattern=r"^https?://[^/?#@]+(/[^?#]*)?$")] | None = None
    weight: NonNegativeFloat = 1.0
    data_policy: Literal["may-train", "no-training", "local"] = "may-train"
    requests_per_minute: PositiveInt | None = None
    tokens_per_minute: PositiveInt | None = None
    headers: dict[str, str] = {}
    options: dict[str, Any] = {}
    config: str | None = None
    virtual_key: str | None = None
    upstream: str | None = None

    @property
    def name(self) -> str:
        """The name by which it is asked for."""
        return self.serves or self.model

    @model_validator(mode="after")
    def _whole(self) -> DeploymentSettings:
        if self.provider == "compatible" and self.base_url is None:
            raise ValueError("a deployment of the provider compatible needs a base_url")
        if self.provider == "local" and self.kind != "embedding":
            raise ValueError('a deployment of the provider local embeds: set its kind to "embedding"')
        if self.provider != "portkey" and (self.config or self.virtual_key or self.upstream):
            raise ValueError("config, virtual_key and upstream are for the provider portkey")
        return self


class LlmSettings(BaseModel):
    """Language models, and how patiently and how often they are asked. See docs/gateway.md.

    Attributes:
        deployments: by a name of yours, where models are reached.
        keys: by deployment or by provider, the key that is sent there; the deployment's own wins.
        default_model: the model when a request names none.
        fallbacks: by model, the models that are tried after it, in order.
        attempts: requests sent for one model at most, before the next model is tried.
        deadline_s: seconds for a whole call, with all attempts, waits and fallbacks.
        answer_s: seconds for one request whose answer isn't streamed.
        first_token_s: seconds until a stream has to have begun.
        stall_s: seconds that a stream may be silent once it has begun.
        breaker_failures: failures in a row after which a deployment is left alone; breaker_open_s: for how long.
        continuation: who may go on with an answer whose stream broke.
        cache: which answers are kept: of no request, of those that leave nothing to chance (temperature 0), of all.
        log_content: whether prompts and answers are logged, redacted.
        allow: the models that may be asked, by the names they are asked for; any that is deployed when empty.
        preset: how the policy weighs quality, cost, speed and health when a request doesn't say.
        prefer: models that you like, the best liked first; it counts a little in the policy's score.
        data_policy: where prompts may go when a request doesn't say.
        analysis_model: the model that writes a brief's narrative from its facts; rules write it when there is none.
        models: by a model's name (as deployed or as asked for), what you know better than the catalogue.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    deployments: dict[Name, DeploymentSettings] = {}
    keys: dict[str, SecretStr] = {}
    default_model: str | None = None
    fallbacks: dict[str, tuple[str, ...]] = {}
    attempts: PositiveInt = 3
    backoff_initial_s: NonNegativeFloat = 0.25
    backoff_max_s: NonNegativeFloat = 8.0
    connect_timeout_s: PositiveFloat = 5.0
    deadline_s: PositiveFloat = 120.0
    answer_s: PositiveFloat = 60.0
    first_token_s: PositiveFloat = 30.0
    stall_s: PositiveFloat = 20.0
    connections: PositiveInt = 1000
    breaker_failures: PositiveInt = 5
    breaker_open_s: PositiveFloat = 30.0
    continuation: Literal["never", "same-model", "any-model"] = "never"
    cache: Literal["off", "deterministic", "all"] = "deterministic"
    cache_ttl_s: PositiveFloat = 86400.0
    cache_entries: PositiveInt = 10_000
    redis_url: SecretStr | None = None
    log_content: bool = False
    allow: tuple[str, ...] = ()
    preset: Literal["economy", "balanced", "quality", "fast"] = "balanced"
    prefer: tuple[str, ...] = ()
    data_policy: Literal["any", "no-training", "local"] = "any"
    analysis_model: str | None = None
    models: dict[str, ModelSettings] = {}
    budget: BudgetSettings = BudgetSettings()
    limits: LimitSettings = LimitSettings()
