"""The deployments that are configured, how each one fares, and which of those that serve one name is asked next."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import Unconfigured, UnknownName
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.breaker import Breaker
from sophia_kit.llm.messages import DataPolicy
from sophia_kit.llm.providers import Provider, connect

__all__ = ["Deployment", "Deployments"]

_PERMITTED: dict[DataPolicy, frozenset[str]] = {
    "any": frozenset({"may-train", "no-training", "local"}),
    "no-training": frozenset({"no-training", "local"}),
    "local": frozenset({"local"}),
}


class Deployment:
    """One deployment: connected when it is first asked.

    Attributes:
        not_before: the moment (of `time.monotonic`) until which its provider asked to be left alone.
    """

    def __init__(self, name: str, configured: DeploymentSettings, settings: LlmSettings, clock: Clock) -> None:
        self.name = name
        self.configured = configured
        self.breaker = Breaker(settings.breaker_failures, settings.breaker_open_s)
        self.not_before = 0.0
        self._connect: Callable[[], Provider] = lambda: connect(name, configured, settings, clock)
        self._provider: Provider | None = None

    @property
    def provider(self) -> Provider:
        """The way to it.

        Raises:
            Unconfigured: a key is absent.
        """
        if self._provider is None:
            self._provider = self._connect()
        return self._provider

    async def aclose(self) -> None:
        if self._provider is not None:
            await self._provider.aclose()

    def permits(self, policy: DataPolicy) -> bool:
        """Whether a prompt of that policy may be sent there."""
        return self.configured.data_policy in _PERMITTED[policy]


class Deployments:
    """All of them, by the name they serve.

    Args:
        random_: picks among several by weight; seeded in tests.
        now: a steady clock, in seconds.
    """

    def __init__(
        self, settings: LlmSettings, clock: Clock, random_: random.Random, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._all = [Deployment(name, one, settings, clock) for name, one in settings.deployments.items()]
        self._random = random_
        self.now = now

    async def aclose(self) -> None:
        for deployment in self._all:
            await deployment.aclose()

    def __iter__(self) -> Iterator[Deployment]:
        return iter(self._all)

    def jitter(self) -> float:
        """A factor for pauses, so that those who failed together don't come back together."""
        return self._random.uniform(0.75, 1.25)

    def names(self, kind: str) -> list[str]:
        """What can be asked for, in the order of the settings."""
        return list(dict.fromkeys(one.configured.name for one in self._all if one.configured.kind == kind))

    def serving(self, name: str, kind: str) -> list[Deployment]:
        """Those that serve a name.

        Raises:
            Unconfigured: no model of that kind is configured at all.
            UnknownName: none serves it.
        """
        known = self.names(kind)
        if not known:
            raise Unconfigured(
                f"No model for {'chats' if kind == 'chat' else 'embeddings'} is configured.",
                missing=["llm.deployments"],
                hint="Configure one in sophia.toml; docs/gateway.md shows how.",
            )
        if name not in known:
            raise UnknownName("model", name, known)
        return [one for one in self._all if one.configured.name == name and one.configured.kind == kind]

    def pick(self, among: Sequence[Deployment], tried: Collection[str]) -> Deployment | None:
        """One that wasn't tried, isn't left alone and was not asked to wait: by weight and health; those of weight 0
        only when there is no other. None when there is none."""
        now = self.now()
        ready = [one for one in among if one.name not in tried and one.breaker.permits(now) and one.not_before <= now]
        # A deployment that is due for its trial gets it from the first request that comes by.
        for one in ready:
            if one.breaker.is_open and one.configured.weight > 0:
                return one
        weighed = [one for one in ready if one.configured.weight > 0]
        if len(weighed) > 1:
            weights = [one.configured.weight * one.breaker.health for one in weighed]
            return self._random.choices(weighed, weights)[0]
        return next(iter(weighed or ready), None)
