"""Claims signed with an RSA key (RS256, RFC 7515 and 7519), as vendors take them for a login."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sophia_kit.core.errors import ConfigError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

__all__ = ["ClaimSigner"]


class ClaimSigner:
    """Signs with the key in `pem`, whose line breaks many places can keep only as a backslash and an n.

    Args:
        variable: the environment variable that the key comes from.
        hint: where the right key is found.

    Raises:
        ConfigError: it is no RSA key without a passphrase.
    """

    def __init__(self, pem: SecretStr, *, provider: str, variable: str, hint: str) -> None:
        found = _rsa_key(pem.get_secret_value())
        if found is None:
            # Not chained: what the library says may quote the key.
            raise ConfigError(f"{variable} is no RSA key in PEM form.", hint=hint, provider=provider)
        self._key = found

    def signed(self, claims: Mapping[str, Any]) -> str:
        """The claims as a JSON Web Token."""
        import jwt

        return jwt.encode(dict(claims), self._key, algorithm="RS256")


def _rsa_key(text: str) -> RSAPrivateKey | None:
    # cryptography takes a while to import, and other logins don't need it.
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    content = text.strip().replace("\\n", "\n").encode()
    try:
        # The key is the operator's own; whether its primes are primes would take longer than all else here.
        found = load_pem_private_key(content, None, unsafe_skip_rsa_key_validation=True)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return None
    return found if isinstance(found, RSAPrivateKey) else None
