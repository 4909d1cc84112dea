"""What all connectors do alike: configuration, one connection, health, batches with their cursor."""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, ClassVar, Self

from sophia_kit.connectors.base import Batch, Health, Resource, begun
from sophia_kit.core.clock import Clock, SystemClock
from sophia_kit.core.errors import InputError, MalformedAnswer, SophiaError, Unconfigured, UnknownName
from sophia_kit.core.http import HttpClient
from sophia_kit.core.settings import Settings

__all__ = ["ApiConnector", "Page", "PageGuard", "Token", "moment_of", "moment_text"]

_BATCH_RECORDS = 10_000
_HEALTH_ATTEMPTS = 2
_HEALTH_DEADLINE_S = 15.0
_REQUEST_SHARE = 0.8
"""Of that time, what a single request may take: its own error says more than that time is up."""


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one answer, their field names already as `Batch` has them.

    `at` is the vendor's own time when it answered; None when it doesn't say.
    """

    records: list[dict[str, Any]] = field(repr=False)
    demo: bool
    at: datetime | None


class Token:
    """Credentials that don't expire: the same headers each time. A request refused with 401 is tried once more."""

    def __init__(self, headers: Mapping[str, str], secrets: Iterable[str]) -> None:
        self._headers = dict(headers)
        self._secrets = tuple(secrets)

    async def headers(self) -> Mapping[str, str]:
        return self._headers

    async def renew(self, refused: Mapping[str, str]) -> None:
        """There is nothing to renew."""

    def secrets(self) -> Iterable[str]:
        return self._secrets


class ApiConnector(ABC):
    """A vendor with an HTTP API. See `sophia_kit.connectors.base.Connector`.

    Attributes:
        provider: names it in settings, policy, errors.
        title: its name for people.
        resources: by the vendor's name.
        required: names of the settings that have to be given; a subclass with alternatives overrides `missing`.
    """

    provider: ClassVar[str]
    title: ClassVar[str]
    resources: ClassVar[Mapping[str, Resource]]
    required: ClassVar[tuple[str, ...]]

    def __init__(self, settings: Settings, *, clock: Clock | None = None) -> None:
        self._settings = settings
        self._clock = clock or SystemClock()
        self.batch_records = _BATCH_RECORDS
        self._api: HttpClient | None = None
        self._opening = asyncio.Lock()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        api, self._api = self._api, None
        if api is not None:
            await api.aclose()

    @classmethod
    def missing(cls, settings: Settings) -> tuple[str, ...]:
        """See `ConnectorKind.missing`."""
        given = getattr(settings, cls.provider)
        return tuple(cls.variable(name) for name in cls.required if not getattr(given, name))

    @classmethod
    def variable(cls, name: str) -> str:
        """The environment variable of one of its settings."""
        return f"SOPHIA_{cls.provider.upper()}__{name.upper()}"

    def off(self, resource: str) -> str | None:
        """See `Connector.off`."""
        found = self.resources.get(resource)
        if found is None or found.opt_in is None or getattr(self._settings.privacy, found.opt_in):
            return None
        return f"it is read only where SOPHIA_PRIVACY__{found.opt_in.upper()} is true"

    async def health(self) -> Health:
        """See `Connector.health`."""
        checked_at = self._clock.now()
        if missing := self.missing(self._settings):
            hint = f"Set {', '.join(missing)}; see docs/{self.provider}.md."
            if begun(self._settings, self.provider):
                detail = "Configured in part only: loads are refused until it is whole, or gone."
                return Health(self.provider, "failing", detail, hint, None, checked_at)
            return Health(self.provider, "unconfigured", "No credentials are configured.", hint, None, checked_at)
        http = self._settings.http
        limit = min(http.deadline_s, _HEALTH_DEADLINE_S)
        brisk = http.model_copy(
            update={"attempts": min(http.attempts, _HEALTH_ATTEMPTS), "deadline_s": limit * _REQUEST_SHARE}
        )
        started = time.perf_counter()
        try:
            async with type(self)(self._settings.model_copy(update={"http": brisk}), clock=self._clock) as probe:
                async with asyncio.timeout(limit):
                    detail = await probe._probe()
        except TimeoutError:
            said, hint = f"{self.title} took longer than {limit:g} s to say how it is.", "Try again later."
            return Health(self.provider, "failing", said, hint, (time.perf_counter() - started) * 1000, checked_at)
        except SophiaError as error:
            elapsed = (time.perf_counter() - started) * 1000
            return Health(self.provider, "failing", error.message, error.hint, elapsed, checked_at)
        return Health(self.provider, "reachable", detail, None, (time.perf_counter() - started) * 1000, checked_at)

    @abstractmethod
    async def _open(self) -> HttpClient:
        """The client; called once, with complete settings."""

    @abstractmethod
    async def _probe(self) -> str:
        """Talk to the vendor; what it said, in one line."""

    async def _connected(self) -> HttpClient:
        async with self._opening:
            if self._api is None:
                if missing := self.missing(self._settings):
                    raise Unconfigured(
                        f"{self.title} is not configured.",
                        missing=missing,
                        hint=f"Set {', '.join(missing)}; see docs/{self.provider}.md.",
                        provider=self.provider,
                    )
                self._api = await self._open()
            return self._api

    def _resource(self, name: str) -> Resource:
        if name not in self.resources:
            raise UnknownName(f"{self.title} resource", name, self.resources)
        found = self.resources[name]
        if found.opt_in is not None and not getattr(self._settings.privacy, found.opt_in):
            raise Unconfigured(
                f"{self.title}'s {name} are read only where that is asked for.",
                missing=(f"SOPHIA_PRIVACY__{found.opt_in.upper()}",),
                hint=f"Set SOPHIA_PRIVACY__{found.opt_in.upper()}=true; see docs/privacy.md.",
                provider=self.provider,
            )
        return found

    def _since(self, text: str | None) -> datetime | None:
        """A cursor that is a moment."""
        if text is None:
            return None
        found = moment_of(text)
        if found is None:
            raise InputError(
                f"{text[:60]!r} is not a cursor of {self.title}.",
                hint="A cursor is a time such as 2025-12-31T23:59:59Z.",
            )
        return found

    async def _batches(
        self,
        resource: Resource,
        pages: AsyncIterator[Page],
        *,
        absent: tuple[str, ...] = (),
        image_since: datetime | None = None,
    ) -> AsyncIterator[Batch]:
        """Pages as batches. The cursor is the highest incremental field, but never after the vendor's own time, or ours
        where it doesn't tell."""
        held: list[dict[str, Any]] = []
        highest: datetime | None = None
        ceiling: datetime | None = None
        demo = emitted = False

        def batch() -> Batch:
            high = None if highest is None or ceiling is None else moment_text(min(highest, ceiling))
            return Batch(resource.name, held, high, demo, absent, image_since)

        async for page in pages:
            ceiling = ceiling or page.at or self._clock.now()
            demo = demo or page.demo
            held += page.records
            found = (moment_of(record.get(resource.incremental_field)) for record in page.records)
            highest = max(filter(None, (highest, *found)), default=None)
            if len(held) >= self.batch_records:
                yield batch()
                held, emitted = [], True
        if held or not emitted:
            yield batch()

    def _malformed(self, what: str) -> MalformedAnswer:
        return MalformedAnswer(
            f"{self.title}'s answer can't be relied on: {what}.",
            provider=self.provider,
            hint=f"Nothing of it was kept. Run the load again; if it stays, ask {self.title}'s support.",
        )

    def _guard(self, resource: str) -> PageGuard:
        return PageGuard(self, resource)


class PageGuard:
    """Refuses pages that come twice or lead in a circle.

    Raises (from both):
        MalformedAnswer: it was seen before.
    """

    def __init__(self, connector: ApiConnector, resource: str) -> None:
        self._connector = connector
        self._resource = resource
        self._pages: set[int] = set()
        self._steps: set[Hashable] = set()

    def page(self, keys: Iterable[object]) -> None:
        """A page of records with these keys, of whatever type they came."""
        held = tuple(map(str, keys))
        digest = hash(held)
        if held and digest in self._pages:
            raise self._connector._malformed(f"it sent the same page of {self._resource} twice")
        self._pages.add(digest)

    def step(self, following: Hashable) -> None:
        """What the next page is asked by: a path, or a page's cursor."""
        if following in self._steps:
            raise self._connector._malformed(f"its pages of {self._resource} lead in a circle")
        self._steps.add(following)


def moment_of(value: object) -> datetime | None:
    """A time with its zone, as JSON has it; None when it is none."""
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
        # Near the ends of time there are moments that have none in UTC.
        return found if found.tzinfo is not None and found.astimezone(UTC) else None
    except (ValueError, OverflowError):
        return None


def moment_text(moment: datetime) -> str:
    """In UTC, with milliseconds and Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
