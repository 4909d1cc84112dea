"""The app that the sandbox's Salesforce knows, for logins by a signed assertion (JWT bearer flow).

Follows Salesforce Help, "OAuth 2.0 JWT Bearer Flow for Server-to-Server Integration": RS256, with `iss` the consumer
key, `sub` the username, `aud` a login host or the site that is asked, and an `exp` no further than a few minutes away.
"""

from __future__ import annotations

import time
from functools import cached_property

__all__ = ["GRANT_TYPE", "JWT_USER", "App"]

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:jwt-bearer"
JWT_USER = "kit@larkfield.example"
_LOGIN_HOSTS = ("https://login.salesforce.com", "https://test.salesforce.com")
_LONGEST_S = 300


class App:
    """An app with the certificate of a key pair of its own, made when somebody asks for it: there is none in a file."""

    def __init__(self, client_id: str) -> None:
        self._client_id = client_id

    @cached_property
    def private_key(self) -> str:
        """The private half, as PEM: whoever holds it logs in as `JWT_USER`."""
        from cryptography.hazmat.primitives import serialization
        from cryptography.hazmat.primitives.asymmetric import rsa

        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pkcs8, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        return key.private_bytes(serialization.Encoding.PEM, pkcs8, plain).decode()

    def refusal(self, assertion: str, base_url: str) -> tuple[str, str] | None:
        """Why an assertion lets nobody in, as error and description; None when it does."""
        import jwt
        from cryptography.hazmat.primitives import serialization

        private = serialization.load_pem_private_key(self.private_key.encode(), password=None)
        public = private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        try:
            claims = jwt.decode(
                assertion,
                public,
                algorithms=["RS256"],
                audience=[*_LOGIN_HOSTS, base_url],
                options={"require": ["iss", "sub", "aud", "exp"]},
            )
        except jwt.InvalidAudienceError:
            return "invalid_grant", "audience is invalid"
        except jwt.ExpiredSignatureError:
            return "invalid_grant", "expired authorization code"
        except jwt.PyJWTError:
            return "invalid_grant", "invalid assertion"
        if claims["exp"] > time.time() + _LONGEST_S:
            return "invalid_grant", "expired authorization code"
        if claims["iss"] != self._client_id:
            return "invalid_client_id", "client identifier invalid"
        if claims["sub"] != JWT_USER:
            return "invalid_grant", "user hasn't approved this consumer"
        return None
