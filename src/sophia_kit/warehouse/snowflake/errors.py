"""What Snowflake or its connector complains about, as the kit's errors.

Numbers are Snowflake's error codes: https://docs.snowflake.com/en/developer-guide/python-connector/python-connector-api
and, for the connector's own, `snowflake.connector.errorcode`.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sophia_kit.core.errors import (
    AuthFailed,
    ConfigError,
    ProviderError,
    ProviderFailing,
    QueryLimit,
    QueryRefused,
    RateLimited,
    SophiaError,
    Unreachable,
    WarehouseError,
)

if TYPE_CHECKING:
    from snowflake.connector.errors import Error

__all__ = ["may_pass", "translated"]

_PROVIDER = "snowflake"

# Syntax; unknown function, column, object (or one that the role may not see); wrong types.
_NAMES = {1003, 904, 2003, 2043, 2140, 2141, 1007, 1038, 2049, 979}
_PRIVILEGES = {3001, 3003}
_STOPPED = {604, 625, 630}
_NO_WAREHOUSE = {606, 607}
_SESSION_LOST = {390103, 390104, 390110, 390111, 390112, 390114, 390115}
_NETWORK_POLICY = {390420, 390422, 390432, 390433}
_CREDENTIALS = range(390100, 390500)
_PROGRAMMATIC = range(394000, 395000)
_CONNECTION = {250001, 250002, 250003, 250005, 251011, 251012, 252007}
_HTTP = 290000


def may_pass(error: Exception) -> bool:
    """Whether the same statement may succeed at once, in a new session: it only reads."""
    number = getattr(error, "errno", None) or 0
    return number in _SESSION_LOST or number in _CONNECTION or _is_overload(number)


def _is_overload(number: int) -> bool:
    return number == _HTTP + 429 or _HTTP + 500 <= number < _HTTP + 600 or 580000 <= number < 590000


def translated(error: Error) -> SophiaError:
    """The error as one of the kit's tree, in one line."""
    number, text = error.errno or 0, _one_line(error)
    if number in _STOPPED or error.sqlstate == "57014":
        return QueryLimit(
            f"Snowflake stopped the statement: {text}",
            hint="Ask for fewer rows or a shorter period, or raise SOPHIA_SNOWFLAKE__STATEMENT_TIMEOUT_S.",
            provider=_PROVIDER,
        )
    if number in _PRIVILEGES or error.sqlstate == "42501":
        return QueryRefused(
            f"Snowflake refused: {text}",
            hint="Grant it to the role; docs/snowflake.md has the statements.",
            provider=_PROVIDER,
        )
    if number in _NAMES:
        return QueryRefused(
            f"Snowflake refused: {text}",
            hint="Check the names. To a role without a grant a table doesn't exist; docs/snowflake.md has the grants.",
            provider=_PROVIDER,
        )
    if number in _NO_WAREHOUSE:
        return ConfigError(
            f"Snowflake has nothing to compute with: {text}",
            hint="Set SOPHIA_SNOWFLAKE__WAREHOUSE, and grant USAGE on it to the role.",
            provider=_PROVIDER,
        )
    return _of_connection(number, text) or WarehouseError(f"Snowflake failed: {text}", provider=_PROVIDER)


def _of_connection(number: int, text: str) -> ProviderError | None:
    if number in _NETWORK_POLICY:
        hint = "Ask for this machine's address to be let in by the account's network policy."
        return AuthFailed(f"Snowflake refused this address: {text}", hint=hint, provider=_PROVIDER)
    if number in _CREDENTIALS or number in _PROGRAMMATIC:
        return AuthFailed(
            f"Snowflake refused the login: {text}",
            hint="Check user, role, and the key or token: is the public key set on the user, has the token expired?",
            provider=_PROVIDER,
        )
    if number == _HTTP + 429:
        return RateLimited("Snowflake asks for fewer requests.", provider=_PROVIDER)
    if number == _HTTP + 403:
        return AuthFailed(
            f"Snowflake refused the request: {text}", hint="Check the account's name.", provider=_PROVIDER
        )
    if _is_overload(number):
        return ProviderFailing(f"Snowflake fails: {text}", provider=_PROVIDER, http_status=number % 1000)
    if number in _CONNECTION or number > _HTTP:
        return Unreachable(
            f"Snowflake can't be reached: {text}",
            hint="Check the network, and the account's name or SOPHIA_SNOWFLAKE__BASE_URL.",
            provider=_PROVIDER,
        )
    return None


def _one_line(error: Error) -> str:
    lines = [line.strip() for line in str(error.raw_msg or error.msg or error).splitlines() if line.strip()]
    first = lines[0] if lines else type(error).__name__
    return re.sub(r"^\d{6} \(\w{5}\):\s*", "", first).strip().rstrip(".") + "."
