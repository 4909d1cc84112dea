"""What GitHub says beside its records: why it refused, how long to wait, where the next page is.

Reference: GitHub, "Troubleshooting the REST API", "Rate limits for the REST API", "Best practices for using the REST
API", "Using pagination in the REST API".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sophia_kit.connectors.github_login import said
from sophia_kit.core.clock import Clock
from sophia_kit.core.errors import AuthFailed, ProviderError, RateLimited, RequestRejected
from sophia_kit.core.failures import http_date, retry_after

__all__ = ["explain", "following", "wish"]

_SECONDARY_LIMIT_S = 60.0
_NEXT = re.compile(r'<([^<>]*)>[^,<>]*;\s*rel="?next"?')
_ABOUT = {
    401: "The token expired or was revoked, or the app was uninstalled; see docs/github.md.",
    403: "Give the app or the token read access to actions, contents, issues, metadata and pull requests, and have an "
    "owner of the organisation approve it; see docs/github.md.",
    404: "GitHub hides what may not be seen: check the name in SOPHIA_GITHUB__REPOSITORIES, and that the app is "
    "installed on it, or the token given to it; see docs/github.md.",
}


def explain(status: int, body: Any) -> ProviderError | None:
    """See `core.http.Explain`. Both of GitHub's rate limits may come as a 403."""
    words = said(body)
    if status < 400 or status >= 500:
        return None
    message = f"GitHub answered {status}" + (f": {words}." if words else ".").replace("..", ".")
    about: dict[str, Any] = {"provider": "github", "http_status": status}
    if status in {403, 429} and re.search(r"rate limit|abuse detection", words, re.IGNORECASE):
        hint = "Wait until the limit returns, or lower SOPHIA_GITHUB__REQUESTS_PER_SECOND."
        secondary = "secondary" in words.lower() or "abuse" in words.lower()
        return RateLimited(message, hint=hint, retry_after=_SECONDARY_LIMIT_S if secondary else None, **about)
    if status in {401, 403}:
        return AuthFailed(message, hint=_ABOUT[status], **about)
    if status == 429 or status == 408:
        return None
    return RequestRejected(message, hint=_ABOUT.get(status, "GitHub does not accept this request."), **about)


def wish(headers: Mapping[str, str], clock: Clock) -> float | None:
    """Seconds to wait: what `Retry-After` says, or until the limit that is used up returns, by GitHub's own clock."""
    found = retry_after(headers, clock)
    reset = headers.get("x-ratelimit-reset", "")
    if found is not None or headers.get("x-ratelimit-remaining") != "0" or not (reset.isascii() and reset.isdigit()):
        return found
    now = http_date(headers.get("date")) or clock.now()
    return max((datetime.fromtimestamp(min(int(reset), 32_503_680_000), UTC) - now).total_seconds(), 0.0) + 1


def following(link: str) -> str | None:
    """The address of the next page in a `Link` header; None when there is none."""
    found = _NEXT.search(link)
    return None if found is None else found[1]
