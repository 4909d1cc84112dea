"""The deployments that are configured, how each one fares, and which of those that serve one name is asked next."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence

from sophia_kit.core.clock import Clock
from sophia_kit.core.llm_settings import DeploymentSettings, LlmSettings
from sophia_kit.llm.breaker import Breaker
from sophia_kit.llm.providers import Provider, connect
from sophia_kit.llm.telemetry import BREAKER

__all__ = ["Deployment", "Deployments"]


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
        self._connecting = asyncio.Lock()

    async def provider(self) -> Provider:
        """The way to it, opened when it is first asked for.

        Raises:
            Unconfigured: a key is absent.
        """
        if self._provider is None:
            async with self._connecting:
                if self._provider is None:
                    # The first one imports the SDK, which takes a second: other calls go on meanwhile.
                    self._provider = await asyncio.to_thread(self._connect)
        return self._provider

    def succeeded(self) -> None:
        """It answered, be it with a refusal of the request."""
        self.breaker.succeeded()
        BREAKER.labels(self.name).set(0)

    def failed(self, now: float) -> None:
        """It did not answer, or not as promised."""
        self.breaker.failed(now)
        BREAKER.labels(self.name).set(self.breaker.is_open)

    async def aclose(self) -> None:
        if self._provider is not None:
            await self._provider.aclose()


class Deployments:
    """All of them.

    Args:
        random_: picks among several by weight; seeded in tests.
        now: a steady clock, in seconds.
    """

    def __init__(
        self, settings: LlmSettings, clock: Clock, random_: random.Random, now: Callable[[], float] = time.monotonic
    ) -> None:
        self._all = {name: Deployment(name, one, settings, clock) for name, one in settings.deployments.items()}
        self._random = random_
        self.now = now

    async def aclose(self) -> None:
        for deployment in self._all.values():
            await deployment.aclose()

    def __iter__(self) -> Iterator[Deployment]:
        return iter(self._all.values())

    def jitter(self) -> float:
        """A factor for pauses, so that those who failed together don't come back together."""
        return self._random.uniform(0.75, 1.25)

    def __getitem__(self, name: str) -> Deployment:
        return self._all[name]

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
