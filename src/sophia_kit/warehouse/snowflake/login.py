"""From settings to a session of Snowflake's: who logs in, as what, with which credential.

Session parameters are given at login and never altered, so that a statement is never sent for their sake.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sophia_kit.core.errors import ConfigError, Unconfigured
from sophia_kit.warehouse.snowflake.errors import translated

if TYPE_CHECKING:
    from pydantic import SecretStr
    from snowflake.connector import SnowflakeConnection
    from snowflake.connector.errors import Error

    from sophia_kit.core.settings import SnowflakeSettings

__all__ = ["log_in", "login_parameters", "missing_settings"]

_HINT = "docs/snowflake.md says how to set it up."


def missing_settings(settings: SnowflakeSettings, *, writer: bool = False) -> tuple[str, ...]:
    """The variables that have to be set before anybody can log in; with `writer`, as the one who deploys."""
    prefix = "writer_" if writer else ""
    needed = ["account", f"{prefix}user", f"{prefix}role", "database"]
    absent = [name for name in needed if getattr(settings, name) is None]
    if getattr(settings, f"{prefix}private_key") is None and getattr(settings, f"{prefix}token") is None:
        absent.append(f"{prefix}private_key")
    return tuple(f"SOPHIA_SNOWFLAKE__{name.upper()}" for name in absent)


def login_parameters(settings: SnowflakeSettings, *, writer: bool = False) -> dict[str, Any]:
    """What the connector is told. Holds the credential: not to be shown.

    Raises:
        Unconfigured: something is missing; lists it.
        ConfigError: the private key can't be read.
    """
    missing = missing_settings(settings, writer=writer)
    if missing:
        raise Unconfigured(
            f"Snowflake isn't configured: {', '.join(missing)} missing.",
            missing=missing,
            hint=_HINT,
            provider="snowflake",
        )
    assert settings.account is not None
    address = urlsplit(settings.base_url or f"https://{settings.account}.snowflakecomputing.com")
    who = _credentials(settings, "writer_" if writer else "")
    return who | {
        "account": settings.account,
        "host": address.hostname,
        "port": address.port or (443 if address.scheme == "https" else 80),
        "protocol": address.scheme,
        "warehouse": settings.warehouse,
        "database": settings.database,
        "schema": settings.view_schema,
        "paramstyle": "qmark",
        "arrow_number_to_decimal": True,
        "login_timeout": settings.login_timeout_s,
        # Of requests other than statements: without one the connector would try for ever to cancel one.
        "network_timeout": settings.login_timeout_s,
        # Asks addresses of three clouds whether this is one of their machines.
        "platform_detection_timeout_seconds": 0.0,
        "session_parameters": session_parameters(settings),
    }


def session_parameters(settings: SnowflakeSettings) -> dict[str, Any]:
    """What holds for every statement of a session."""
    return {
        "QUERY_TAG": settings.query_tag,
        "STATEMENT_TIMEOUT_IN_SECONDS": settings.statement_timeout_s,
        "STATEMENT_QUEUED_TIMEOUT_IN_SECONDS": settings.statement_timeout_s,
        "ABORT_DETACHED_QUERY": True,
        "MULTI_STATEMENT_COUNT": 1,
        "TIMEZONE": "UTC",
        "WEEK_START": 1,
        "CLIENT_TELEMETRY_ENABLED": False,
        "CLIENT_OUT_OF_BAND_TELEMETRY_ENABLED": False,
    }


def log_in(settings: SnowflakeSettings, *, writer: bool = False) -> SnowflakeConnection:
    """A session.

    Raises:
        Unconfigured: something is missing.
        ConfigError: the private key can't be read, or the connector isn't installed.
        AuthFailed: the credential was refused.
        Unreachable: no connection.
    """
    parameters = login_parameters(settings, writer=writer)
    try:
        import snowflake.connector
    except ImportError:
        raise ConfigError(
            "The Snowflake connector isn't installed.",
            hint="Install the extra: pip install 'sophia-kit[snowflake]'.",
            provider="snowflake",
        ) from None
    try:
        session = snowflake.connector.connect(**parameters)
    except snowflake.connector.errors.Error as error:
        raise translated(error) from None
    session.errorhandler = _raised_unless_cancelling
    return session


def _raised_unless_cancelling(connection: Any, cursor: Any, kind: type[Error], value: dict[str, Any]) -> None:
    """The connector cancels from a timer's thread, where an error would only print a traceback: the thread that waits
    for the statement gets one of its own.
    """
    import snowflake.connector.errors

    if not isinstance(threading.current_thread(), threading.Timer):
        snowflake.connector.errors.Error.default_errorhandler(connection, cursor, kind, value)


def _credentials(settings: SnowflakeSettings, prefix: str) -> dict[str, Any]:
    who = {"user": getattr(settings, f"{prefix}user"), "role": getattr(settings, f"{prefix}role")}
    key: SecretStr | None = getattr(settings, f"{prefix}private_key")
    if key is None:
        token: SecretStr = getattr(settings, f"{prefix}token")
        return who | {"authenticator": "PROGRAMMATIC_ACCESS_TOKEN", "token": token.get_secret_value()}
    passphrase: SecretStr | None = getattr(settings, f"{prefix}private_key_passphrase")
    name = f"SOPHIA_SNOWFLAKE__{prefix.upper()}PRIVATE_KEY"
    return who | {"authenticator": "SNOWFLAKE_JWT", "private_key": _private_key(key, passphrase, name)}


def _private_key(key: SecretStr, passphrase: SecretStr | None, name: str) -> bytes:
    """The key as unencrypted PKCS#8 DER. Environment variables often carry a PEM's line ends as backslash and n."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives import serialization

    pem = key.get_secret_value().replace("\\n", "\n").encode()
    secret = passphrase.get_secret_value().encode() if passphrase is not None else None
    try:
        loaded = serialization.load_pem_private_key(pem, password=secret)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise ConfigError(
            f"{name} isn't a private key that can be read with the passphrase given.",
            hint=f"Give a PEM (PKCS#8); an encrypted one needs {name}_PASSPHRASE. {_HINT}",
            provider="snowflake",
        ) from None
    return loaded.private_bytes(
        serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
