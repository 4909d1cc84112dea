"""The one HTTP client: patient, bounded, read-only, and silent about secrets."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from types import TracebackType
from typing import Any, Protocol

import httpx
import stamina
from aiolimiter import AsyncLimiter
from opentelemetry.trace import Span, SpanKind, StatusCode, Tracer
from pydantic import SecretStr

from sophia_kit.core.answers import Answer, blotted, decoded
from sophia_kit.core.clock import Clock, SystemClock
from sophia_kit.core.errors import (
    AuthFailed,
    MalformedAnswer,
    ProviderError,
    ProviderFailing,
    ProviderTimeout,
    RateLimited,
    SophiaError,
)
from sophia_kit.core.failures import error_of_exception, error_of_status, http_date, retry_after, sendable
from sophia_kit.core.policy import RequestPolicy, Rule
from sophia_kit.core.settings import HttpSettings
from sophia_kit.core.telemetry import HTTP_REQUESTS, HTTP_RETRIES, HTTP_SECONDS, status_class, tracer
from sophia_kit.core.transport import ReadOnlyTransport, address_url, below

__all__ = ["Answer", "Credentials", "HttpClient"]

# stamina logs each retry as a warning, which lands on stderr where nobody configured logging.
logging.getLogger("stamina").addHandler(logging.NullHandler())

_REDIRECTS = 5
_ERROR_BODY_BYTES = 65_536


class Credentials(Protocol):
    """What signs a request. `renew` is called at most once per call, with the headers that a 401 refused."""

    async def headers(self) -> Mapping[str, str]: ...

    async def renew(self, refused: Mapping[str, str]) -> None: ...

    def secrets(self) -> Iterable[str]:
        """Values that must not leave in an error message, even when the vendor echoes them."""
        ...


Explain = Callable[[int, Any], ProviderError | None]
"""A vendor's way to say more than its status: from status and decoded body to an error, or None for the usual one.
It is asked of successful answers too: some vendors say in the body alone that they refused."""

Wish = Callable[[Mapping[str, str], Clock], float | None]
"""How many seconds a vendor asks to wait, by the headers of an answer that is no success; None when it doesn't say."""


@dataclass(slots=True)
class _Call:
    rule: Rule
    ends: float
    attempts: int = 0
    status: int | None = None
    last: SophiaError | None = None


class HttpClient:
    """Calls one vendor at one address. An async context manager; bound to the event loop of its first call.

    Args:
        provider: the vendor's name; picks the read-only rules, labels metrics and errors.
        base_url: the vendor's address: scheme, host and port, and the path that its API lies below, if there is one.
        settings: timeouts, attempts, back-off, total deadline and size limit; the same for every vendor.
        requests_per_second: the rate kept; None for no limit.
        rates: a rate of its own for some paths, by the path of their rule.
        credentials: signs each request; None for none.
        explain: see `Explain`.
        wish: see `Wish`; by the `Retry-After` header unless the vendor has a way of its own.
        conceal: further secrets that must not leave in an error message, even when the vendor echoes them.
        clock: real time, for `Retry-After` dates of vendors that don't send their own.
        tracer_: default: the process's OpenTelemetry tracer.

    Raises:
        ConfigError: `base_url` is not an https (or loopback) address.
    """

    def __init__(
        self,
        provider: str,
        base_url: str,
        settings: HttpSettings,
        *,
        policy: RequestPolicy | None = None,
        requests_per_second: float | None = None,
        rates: Mapping[str, float] | None = None,
        credentials: Credentials | None = None,
        explain: Explain | None = None,
        wish: Wish = retry_after,
        conceal: Iterable[SecretStr] = (),
        clock: Clock | None = None,
        tracer_: Tracer | None = None,
    ) -> None:
        self.provider = provider
        self._address = address_url(base_url, provider)
        self._settings = settings
        self._policy = policy or RequestPolicy(provider)
        self._rate = requests_per_second
        self._rates = dict(rates or {})
        self._limiters: dict[str, AsyncLimiter] = {}
        self._credentials = credentials
        self._explain = explain
        self._wish = wish
        self._conceal = tuple(conceal)
        self._clock = clock or SystemClock()
        self._skew = timedelta()
        self._tracer = tracer_ or tracer()
        self._client = httpx.AsyncClient(
            transport=ReadOnlyTransport(self._policy, self._address),
            base_url=self._address,
            timeout=httpx.Timeout(
                settings.read_timeout_s, connect=settings.connect_timeout_s, pool=settings.deadline_s
            ),
            headers={"User-Agent": "sophia-kit", "Accept": "application/json"},
            follow_redirects=True,
            max_redirects=_REDIRECTS,
            trust_env=False,
        )

    def __repr__(self) -> str:
        return f"HttpClient({self.provider!r}, {str(self._address)!r})"

    @property
    def host(self) -> str:
        return self._address.host

    def path_of(self, url: str) -> str | None:
        """Path and query of one of this vendor's URLs, as `get` takes them; None when it is elsewhere."""
        try:
            found = httpx.URL(url)
        except httpx.InvalidURL:
            return None
        same = (found.scheme, found.netloc) == (self._address.scheme, self._address.netloc)
        return below(self._address, found) if same else None

    @property
    def skew(self) -> timedelta:
        """How far the vendor's clock is ahead of this machine's, by its last answer; zero until it says."""
        return self._skew

    async def __aenter__(self) -> HttpClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def get(
        self, path: str, params: Mapping[str, str] | None = None, *, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """`request("GET", ...)`."""
        return await self.request("GET", path, params=params, headers=headers)

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        json: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request that only reads, again where that may help, and decode its JSON answer.

        Args:
            path: path below the address, with its query if `params` is None.
            form: sent as `application/x-www-form-urlencoded`.
            json: sent as `application/json`.

        Raises:
            PolicyRefused: not a request that only reads; nothing was sent.
            ProviderError: the vendor failed for good: attempts or deadline used up, or no use in trying again.
        """
        self._policy.check(method, path, headers or (), [*(form or ()), *(json or ())])
        url = self._address.copy_with(raw_path=self._address.raw_path.rstrip(b"/") + path.encode("ascii"))
        request = self._client.build_request(method, url, params=params, data=form, json=json, headers=headers)
        target = below(self._address, request.url) or ""
        rule = self._policy.check(request.method, target, request.headers.keys())
        call = _Call(rule, ends=time.monotonic() + self._settings.deadline_s)
        with self._tracer.start_as_current_span(
            f"{rule.method} {rule.path}",
            kind=SpanKind.CLIENT,
            attributes={
                "sophia.provider": self.provider,
                "http.request.method": request.method,
                "url.template": rule.path,
                "server.address": self.host,
            },
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            async with self._told(span, call):
                return await self._within_deadline(call, lambda: self._signed(request, call))
        raise AssertionError("unreachable")

    @asynccontextmanager
    async def _told(self, span: Span, call: _Call) -> AsyncIterator[None]:
        try:
            yield
        except SophiaError as error:
            span.set_attribute("error.type", error.code)
            span.set_status(StatusCode.ERROR, error.code)
            raise
        finally:
            span.set_attribute("http.request.resend_count", max(call.attempts - 1, 0))
            if call.status is not None:
                span.set_attribute("http.response.status_code", call.status)

    async def _within_deadline(self, call: _Call, work: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            async with asyncio.timeout_at(asyncio.get_running_loop().time() + self._settings.deadline_s):
                return await work()
        except TimeoutError:
            last = f" Its last answer: {call.last.message}" if call.last is not None else ""
            raise ProviderTimeout(
                f"{self.provider} did not complete {call.rule.path} within {self._settings.deadline_s:g} s "
                f"in {call.attempts} attempt(s).{last}",
                provider=self.provider,
                hint="Try again later, or raise SOPHIA_HTTP__DEADLINE_S.",
                http_status=call.status,
            ) from None

    async def _signed(self, request: httpx.Request, call: _Call) -> Answer:
        if self._credentials is None:
            return await self._patiently(request, call)
        signature = await self._credentials.headers()
        request.headers.update(sendable(signature, self.provider))
        try:
            return await self._patiently(request, call)
        except AuthFailed as error:
            if error.http_status != 401:
                raise
        await self._credentials.renew(signature)
        request.headers.update(sendable(await self._credentials.headers(), self.provider))
        return await self._patiently(request, call)

    async def _patiently(self, request: httpx.Request, call: _Call) -> Answer:
        settings = self._settings

        def again(error: Exception) -> bool | float:
            if not (isinstance(error, ProviderError) and error.retryable):
                return False
            call.last = error
            wish = error.retry_after if isinstance(error, RateLimited | ProviderFailing) else None
            if wish is None:
                return True
            return wish if time.monotonic() + wish < call.ends else False

        async for attempt in stamina.retry_context(
            on=again,
            attempts=settings.attempts,
            timeout=None,
            wait_initial=settings.backoff_initial_s,
            wait_max=settings.backoff_max_s,
            wait_jitter=settings.backoff_initial_s,
        ):
            with attempt:
                if attempt.num > 1 and call.last is not None:
                    HTTP_RETRIES.labels(self.provider, call.last.code).inc()
                return await self._once(request, call)
        raise AssertionError("unreachable")

    async def _once(self, request: httpx.Request, call: _Call) -> Answer:
        await self._pace(call.rule.path)
        call.attempts += 1
        call.status = None
        started = time.perf_counter()
        try:
            return await self._exchange(request, call)
        except httpx.HTTPError as error:
            raise error_of_exception(error, self.provider, self.host, call.rule.path, call.status) from None
        finally:
            HTTP_SECONDS.labels(self.provider, call.rule.method).observe(time.perf_counter() - started)
            HTTP_REQUESTS.labels(self.provider, call.rule.method, status_class(call.status)).inc()

    async def _pace(self, path: str) -> None:
        of = path if path in self._rates else ""
        rate = self._rates.get(path, self._rate)
        if rate is None:
            return
        if of not in self._limiters:
            burst = max(rate, 1.0)
            self._limiters[of] = AsyncLimiter(burst, burst / rate)
        await self._limiters[of].acquire()

    async def _exchange(self, request: httpx.Request, call: _Call) -> Answer:
        response = await self._client.send(request, stream=True)
        try:
            call.status = response.status_code
            if (theirs := http_date(response.headers.get("date"))) is not None:
                self._skew = theirs - self._clock.now()
            if response.is_success:
                content = await self._content(response, call, int(self._settings.max_answer_mb * 1024 * 1024))
                body = self._decoded(content, response, call)
                if self._explain is not None and self._explain(response.status_code, body) is not None:
                    body = blotted(body, self._secrets(response.request))
                    if (refusal := self._explain(response.status_code, body)) is not None:
                        raise refusal
                return Answer(response.status_code, dict(response.headers.items()), body)
            raise await self._failure(response, call)
        finally:
            await response.aclose()

    async def _content(self, response: httpx.Response, call: _Call, limit: int) -> bytes:
        parts = bytearray()
        try:
            async for part in response.aiter_bytes():
                parts += part
                if len(parts) > limit:
                    raise MalformedAnswer(
                        f"{self.provider}'s answer to {call.rule.path} is larger than {limit:,} bytes.",
                        provider=self.provider,
                        hint="Ask for less, or raise SOPHIA_HTTP__MAX_ANSWER_MB.",
                        retryable=False,
                        http_status=call.status,
                    )
        except (httpx.RemoteProtocolError, httpx.ReadError, httpx.DecodingError):
            raise MalformedAnswer(
                f"{self.provider}'s answer to {call.rule.path} broke off after {len(parts):,} bytes.",
                provider=self.provider,
                hint="The connection or the vendor failed in the middle of an answer. Try again.",
                http_status=call.status,
            ) from None
        return bytes(parts)

    def _decoded(self, content: bytes, response: httpx.Response, call: _Call) -> Any:
        try:
            return decoded(content)
        except ValueError:
            kind = response.headers.get("content-type", "no content type").split(";")[0][:60]
            raise MalformedAnswer(
                f"{self.provider}'s answer to {call.rule.path} ({len(content):,} bytes, {kind}) is not valid JSON.",
                provider=self.provider,
                hint="A proxy or login page may have answered in the vendor's place. Check the base URL.",
                http_status=call.status,
            ) from None

    async def _failure(self, response: httpx.Response, call: _Call) -> ProviderError:
        status = response.status_code
        body = await self._error_body(response, call)
        wish = self._wish(response.headers, self._clock)
        if self._explain is not None and (found := self._explain(status, body)) is not None:
            if isinstance(found, RateLimited) and wish is not None:
                found.retry_after = wish
            return found
        return error_of_status(self.provider, call.rule.path, status, wish)

    async def _error_body(self, response: httpx.Response, call: _Call) -> Any:
        try:
            content = await self._content(response, call, _ERROR_BODY_BYTES)
            text = content.decode("utf-8", "replace").encode()
            return blotted(decoded(text), self._secrets(response.request))
        except (MalformedAnswer, httpx.HTTPError, ValueError):
            return None

    def _secrets(self, request: httpx.Request) -> Iterator[str]:
        # A token that was renewed meanwhile is known by the request alone.
        yield request.headers.get("authorization", "").rpartition(" ")[2]
        yield from (secret.get_secret_value() for secret in self._conceal)
        if self._credentials is not None:
            yield from self._credentials.secrets()
