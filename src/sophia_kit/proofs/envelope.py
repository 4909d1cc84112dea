"""One proof: a statement in a DSSE envelope, as a file. Any DSSE verifier can check it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass

from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import Error, VerificationError
from securesystemslib.signer import Key  # type: ignore[attr-defined]  # it has no __all__

from sophia_kit.proofs.keys import ProofSigner, PublicKey
from sophia_kit.proofs.statement import Seal, Statement

__all__ = ["PAYLOAD_TYPE", "EnvelopeError", "Proof", "open_envelope", "seal_envelope"]

PAYLOAD_TYPE = "application/vnd.in-toto+json"


class EnvelopeError(ValueError):
    """A file that isn't a proof. The message says what about it is wrong."""


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof as it was read. `signed_by` is the id of the trusted key that signed it, None if none did."""

    statement: Statement
    seal: Seal
    keyids: tuple[str, ...]
    signed_by: str | None


def seal_envelope(statement: Statement, seal: Seal, signer: ProofSigner) -> bytes:
    """The bytes of the proof file.

    Raises:
        ProofError: the statement can't be written as JSON.
    """
    envelope = Envelope(statement.payload(seal), PAYLOAD_TYPE, {})
    envelope.sign(signer.crypto)
    return json.dumps(envelope.to_dict(), indent=1).encode() + b"\n"


def open_envelope(content: bytes, trusted: Iterable[PublicKey]) -> Proof:
    """The proof in the bytes of a file, and which of the `trusted` keys has signed it.

    Raises:
        EnvelopeError: not a DSSE envelope of an in-toto Statement with our predicate.
    """
    try:
        envelope = Envelope.from_dict(json.loads(content))
        payload_type = envelope.payload_type
        keyids = tuple(envelope.signatures)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, Error) as error:
        raise EnvelopeError(f"not a DSSE envelope ({type(error).__name__}: {error})") from None
    if payload_type != PAYLOAD_TYPE:
        raise EnvelopeError(f"its payload type is {payload_type!r}, not {PAYLOAD_TYPE!r}")
    try:
        statement, seal = Statement.parse(envelope.payload)
    except ValueError as error:
        raise EnvelopeError(f"not the statement of a run ({error})") from None
    keys: list[Key] = [key.sslib for key in trusted if key.keyid in keyids]
    signed_by: str | None = None
    if keys:
        try:
            signed_by = next(iter(envelope.verify(keys, threshold=1)))
        except VerificationError:
            signed_by = None
    return Proof(statement, seal, keyids, signed_by)
