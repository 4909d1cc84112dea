"""The only way out to a vendor: one address, and the read-only policy, checked before anything is opened."""

from __future__ import annotations

import functools
import ipaddress
import ssl
from urllib.request import getproxies, proxy_bypass

import httpx

from sophia_kit.core.errors import ConfigError, PolicyRefused
from sophia_kit.core.policy import RequestPolicy, segments
from sophia_kit.core.telemetry import HTTP_REFUSALS

__all__ = ["ReadOnlyTransport", "address_url", "below", "is_loopback", "proxy_for"]


_EXTENSIONS = frozenset({"timeout"})
"""Of httpx's request extensions. `target` puts another path on the wire than the URL's, `sni_hostname` has the
certificate of another host accepted."""


class ReadOnlyTransport(httpx.AsyncBaseTransport):
    """Passes on what `policy` permits below `address` and refuses the rest, redirects included.

    Raises:
        PolicyRefused: another origin, a path that isn't below the address, a request that isn't on the list, a `Host`
            header that names another host, or an extension. No connection was opened for it.
    """

    def __init__(self, policy: RequestPolicy, address: httpx.URL) -> None:
        self._policy = policy
        self._address = address
        self._inner = httpx.AsyncHTTPTransport(verify=_certificates(), proxy=proxy_for(address.scheme, address.host))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if _origin_of(request.url) != _origin_of(self._address):
            raise self._refusal(
                f"A request to {request.url.host} was not sent: this client talks to {self._address.host} alone.",
                "The vendor redirected to another host. Check the configured base URL.",
            )
        if request.headers.get("host", "") != request.url.netloc.decode("ascii"):
            raise self._refusal(
                f"A request to {self._address.host} was not sent: its Host header names another host.",
                "Leave the Host header to the client.",
            )
        if further := sorted(request.extensions.keys() - _EXTENSIONS):
            raise self._refusal(
                f"A request to {self._address.host} was not sent: its extension {further[0]} may change what is sent.",
                "Ask by method, URL, headers and body alone.",
            )
        target = below(self._address, request.url)
        if target is None:
            raise self._refusal(
                f"A request to {self._address.host} was not sent: its path isn't below {self._address.path}.",
                "The vendor redirected elsewhere. Check the configured base URL.",
            )
        kind = request.headers.get("content-type", "")
        content = await request.aread()
        self._policy.check_body(request.method, target, request.headers.keys(), kind, content)
        response = await self._inner.handle_async_request(request)
        if response.has_redirect_location:
            # httpx reads what comes with a redirect to its end, however long it is: nobody needs any of it.
            await response.aclose()
            return httpx.Response(response.status_code, headers={"location": response.headers["location"]})
        return response

    async def aclose(self) -> None:
        await self._inner.aclose()

    def _refusal(self, message: str, hint: str) -> PolicyRefused:
        HTTP_REFUSALS.labels(self._policy.provider).inc()
        return PolicyRefused(message, hint=hint, provider=self._policy.provider)


def address_url(text: str, provider: str) -> httpx.URL:
    """`text` as the address of a vendor's API: a host, https or on loopback, and a path where the API lies below one.

    Raises:
        ConfigError: it is none.
    """
    hint = f"Give {provider}'s address as https://host, with the path that its API lies below, if there is one."
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL:
        raise ConfigError(f"The address of {provider} is not a URL.", hint=hint, provider=provider) from None
    if url.scheme not in {"http", "https"} or not url.host:
        raise ConfigError(f"The address of {provider} is not an http(s) URL.", hint=hint, provider=provider)
    if url.userinfo or url.query or url.fragment or not _is_plain(url):
        raise ConfigError(
            f"The address of {provider} at {url.host} has more than a host, a port and a plain path.",
            hint=hint,
            provider=provider,
        )
    if url.scheme == "http" and not is_loopback(url.host):
        raise ConfigError(
            f"The address of {provider} at {url.host} is not encrypted.",
            hint=f"Use https; plain http is for this machine alone. {hint}",
            provider=provider,
        )
    return url


def below(address: httpx.URL, url: httpx.URL) -> str | None:
    """Path and query of a URL from the address's path on; None when it doesn't lie below it."""
    target, base = url.raw_path.decode("ascii"), _base_of(address)
    return target.removeprefix(base) if target.startswith(f"{base}/") else None


def is_loopback(host: str) -> bool:
    """Whether `host` is this machine, by name or address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


@functools.cache
def _certificates() -> ssl.SSLContext:
    # Loading the bundle takes 30 ms: once a process, not once a client.
    return httpx.create_ssl_context()


def _base_of(address: httpx.URL) -> str:
    return address.raw_path.decode("ascii").rstrip("/")


def _is_plain(url: httpx.URL) -> bool:
    base = _base_of(url)
    try:
        return not base or bool(segments(base))
    except ValueError:
        return False


def _origin_of(url: httpx.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or (443 if url.scheme == "https" else 80)


def proxy_for(scheme: str, host: str) -> str | None:
    """The proxy that the environment names for a host; none for this machine."""
    if is_loopback(host) or proxy_bypass(host):
        return None
    found = getproxies()
    return found.get(scheme) or found.get("all")
