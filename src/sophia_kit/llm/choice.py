"""A request becomes a ranking: its needs, and every deployment that could answer it, with what is known of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING

from sophia_kit.core.errors import NoModelFits, Unconfigured, UnknownName
from sophia_kit.llm.catalogue import Catalogue
from sophia_kit.llm.messages import ChatRequest, DataPolicy, EmbedRequest
from sophia_kit.llm.observed import Observed
from sophia_kit.llm.policy import Needs, Option, Ranked, Ranking, rank
from sophia_kit.llm.tokens import encoding_of, input_tokens

if TYPE_CHECKING:
    from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings

__all__ = ["Chooser", "require_fit"]

_STRICTNESS: tuple[DataPolicy, ...] = ("any", "no-training", "local")


class Chooser:
    """Ranks the configured deployments for requests."""

    def __init__(self, settings: LlmSettings, catalogue: Catalogue, observed: Observed) -> None:
        self._settings = settings
        self._catalogue = catalogue
        self._observed = observed

    def rank(self, request: ChatRequest | EmbedRequest, at: datetime, *, left_usd: Decimal | None = None) -> Ranking:
        """Every deployment of the request's kind, ordered for it.

        Args:
            at: now; prices and measurements are those of that moment.
            left_usd: what the budgets leave; None when none holds.

        Raises:
            Unconfigured: no model of that kind is deployed.
            UnknownName: the request names a model that isn't deployed.
        """
        kind = "chat" if isinstance(request, ChatRequest) else "embedding"
        deployed = {name: one for name, one in self._settings.deployments.items() if one.kind == kind}
        models = self._asked(request, kind, [one.name for one in deployed.values()])
        counts: dict[str | None, int] = {}
        moment = at.timestamp()

        def option(name: str, one: DeploymentSettings) -> Option:
            model = self._catalogue.model(one, at)
            encoding = encoding_of(one.model)
            if encoding not in counts:
                counts[encoding] = input_tokens(request, one.model).tokens
            return Option(
                deployment=name,
                serves=one.name,
                model=model,
                # What runs in this process is sent nowhere, whatever is said of it.
                data_policy="local" if one.provider == "local" else one.data_policy,
                input_tokens=counts[encoding],
                observed=self._observed.statistics(name, moment),
                allowed=not self._settings.allow or one.name in self._settings.allow,
                preference=self._preference(one.name),
            )

        return rank(self._needs(request, models, left_usd), [option(name, one) for name, one in deployed.items()])

    def _needs(self, request: ChatRequest | EmbedRequest, models: tuple[str, ...], left_usd: Decimal | None) -> Needs:
        limits = [limit for limit in (left_usd, request.max_cost_usd) if limit is not None]
        policy = max(request.data_policy or "any", self._settings.data_policy, key=_STRICTNESS.index)
        holds = bool(limits) or self._settings.budget.holds
        left = min(limits) if limits else None
        if isinstance(request, EmbedRequest):
            return Needs(self._settings.preset, 0, data_policy=policy, models=models, budget_holds=holds, left_usd=left)
        return Needs(
            preset=request.preset or self._settings.preset,
            max_output_tokens=request.max_tokens,
            images=any(message.images for message in request.messages),
            tools=bool(request.tools),
            structured_output=request.schema is not None,
            data_policy=policy,
            models=models,
            budget_holds=holds,
            left_usd=left,
        )

    def _asked(self, request: ChatRequest | EmbedRequest, kind: str, known: Sequence[str]) -> tuple[str, ...]:
        if not known:
            raise Unconfigured(
                f"No model for {'chats' if kind == 'chat' else 'embeddings'} is configured.",
                missing=["llm.deployments"],
                hint="Configure one in sophia.toml; docs/gateway.md shows how.",
            )
        first = request.model
        if first is None and kind == "chat":
            first = self._settings.default_model
        if first is None:
            return ()
        more = request.fallbacks
        if more is None:
            more = self._settings.fallbacks.get(first, ())
        for name in (first, *more):
            if name not in known:
                raise UnknownName("model", name, known)
        return tuple(dict.fromkeys((first, *more)))

    def _preference(self, name: str) -> float:
        liked = self._settings.prefer
        return 1 - liked.index(name) / len(liked) if name in liked else 0.0


def require_fit(ranking: Ranking) -> tuple[tuple[str, tuple[Ranked, ...]], ...]:
    """The ranking's candidates.

    Raises:
        NoModelFits: there is none; says why not of each that was asked for.
    """
    found = ranking.candidates
    if found:
        return found
    wanted = [row for row in ranking.refused if not ranking.asked or row.option.serves in ranking.asked]
    reasons = [(row.option.deployment, "; ".join(each.reason for each in row.refusals)) for row in wanted]
    told = ". ".join(f"{name}: {why}" for name, why in reasons[:3])
    raise NoModelFits(
        f"No model fits the request. {told}.",
        reasons=reasons,
        hint="sophia models explain shows all of them.",
    )
