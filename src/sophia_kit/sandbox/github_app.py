"""The app by which the kit reads the sandbox's GitHub: its key, and what GitHub says of a claim signed with it."""

from __future__ import annotations

import time
from functools import cache

__all__ = ["APP_ID", "INSTALLATION_ID", "private_key", "refused"]

APP_ID = "100001"
INSTALLATION_ID = "20000002"
_EXPONENT = 65537
# Two primes. The key opens nothing but the sandbox; making another for each process would take it a tenth of a second.
_P = 154380040825175822950687714011965292040344667960675780070021364623910088096157731550714658677418331350135240233483019008968426260568096028258641953362905919968900145857214672176198206922340131993471992988865495225444021905086568712760978587510832718698028405273776418357506414105089846892363208452442641028123  # noqa: E501
_Q = 142296447688083358440160204026951649242895795899333847520083795067713691838886906104704556759683493529041059121354270810010966304656260929227153232687678195139452296453014284295535402340193479943266753214262464070209221862731006743186391140592427288380022289269423153417232899669476515910280962737653029439649  # noqa: E501


@cache
def private_key() -> str:
    """The app's private key in PEM form, as GitHub would have given it."""
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    d = pow(_EXPONENT, -1, (_P - 1) * (_Q - 1))
    numbers = rsa.RSAPrivateNumbers(
        _P,
        _Q,
        d,
        rsa.rsa_crt_dmp1(d, _P),
        rsa.rsa_crt_dmq1(d, _Q),
        rsa.rsa_crt_iqmp(_P, _Q),
        rsa.RSAPublicNumbers(_EXPONENT, _P * _Q),
    )
    pem = numbers.private_key(unsafe_skip_rsa_key_validation=True).private_bytes(
        Encoding.PEM, PrivateFormat.TraditionalOpenSSL, NoEncryption()
    )
    return pem.decode()


def refused(claim: str) -> str | None:
    """Why GitHub would not accept a claim, in its words; None when it does."""
    import jwt
    from cryptography.hazmat.primitives.asymmetric import rsa

    public = rsa.RSAPublicNumbers(_EXPONENT, _P * _Q).public_key()
    options: jwt.types.Options = {"verify_exp": False, "verify_iat": False, "require": ["iat", "exp", "iss"]}
    try:
        said = jwt.decode(claim, public, algorithms=["RS256"], options=options)
    except jwt.PyJWTError:
        return "A JSON web token could not be decoded"
    now, issued, expires = time.time(), said["iat"], said["exp"]
    if not isinstance(issued, int) or issued > now:
        return "'Issued at' claim ('iat') must be an Integer representing the time that the assertion was issued"
    if not isinstance(expires, int) or expires <= now:
        return (
            "'Expiration time' claim ('exp') must be a numeric value representing the future time at which the "
            "assertion expires"
        )
    if expires > now + 600:
        return "'Expiration time' claim ('exp') is too far in the future"
    return None if said["iss"] == APP_ID else "Integration not found"
