"""Signed notes and log checkpoints: C2SP signed-note and tlog-checkpoint (c2sp.org), with Ed25519."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

__all__ = ["Checkpoint", "NoteError", "NoteKey", "key_id", "open_note", "sign_note", "split_notes"]

_ED25519 = b"\x01"
_DASH = "\u2014 "
_MAX_SIGNATURES = 100
_CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f]")
# 43 characters carry 258 bits: the last two of the 43rd are zero.
_HASH = re.compile(r"[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=")


class NoteError(ValueError):
    """A note that is malformed, or not signed as it has to be. The message says what about it is wrong."""


class NoteKey(Protocol):
    """A public key that can check an Ed25519 signature."""

    @property
    def raw(self) -> bytes:
        """The public key, 32 bytes."""
        ...

    def verifies(self, signature: bytes, data: bytes) -> bool: ...


def key_id(name: str, public_key: bytes) -> bytes:
    """The four bytes by which a note names the Ed25519 key `public_key` (32 bytes) called `name`."""
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + public_key).digest()[:4]


def sign_note(text: str, name: str, public_key: bytes, sign: Callable[[bytes], bytes]) -> str:
    """`text` (ending in a newline) as a note signed under the key name `name`."""
    signature = base64.b64encode(key_id(name, public_key) + sign(text.encode())).decode()
    return f"{text}\n{_DASH}{name} {signature}\n"


def open_note(note: str, name: str, keys: Iterable[NoteKey]) -> str:
    """The text of `note`, once a signature by one of `keys` under the key name `name` has verified.

    Signatures by others are ignored, as the specification demands.

    Raises:
        NoteError: malformed, not signed by any of the keys, or a signature of theirs is wrong.
    """
    if _CONTROL.search(note):
        raise NoteError("it contains control characters")
    text, blank, signatures = note.rpartition("\n\n")
    if not blank or not signatures.endswith("\n"):
        raise NoteError("it isn't a signed note: no blank line followed by signature lines")
    text += "\n"
    lines = signatures[:-1].split("\n")
    if len(lines) > _MAX_SIGNATURES:
        raise NoteError(f"it carries more than {_MAX_SIGNATURES} signatures")
    known = {key_id(name, key.raw): key for key in keys}
    signers: list[str] = []
    verified = False
    for line in lines:
        signer, identifier, signature = _signature(line)
        signers.append(f"{signer} ({identifier.hex()})")
        key = known.get(identifier) if signer == name else None
        if key is None:
            continue
        if not key.verifies(signature, text.encode()):
            raise NoteError(f"the signature by {signers[-1]} doesn't fit the text")
        verified = True
    if not verified:
        raise NoteError(f"no trusted key signed it as {name}; signed by {', '.join(signers)}")
    return text


def split_notes(text: str) -> list[str]:
    """The notes of a file that holds one after the other, each followed by an empty line.

    What follows the last complete note (a write that was cut off) is left out. Notes whose text contains
    empty lines can't be told apart this way; the text of a checkpoint never does.
    """
    blocks = text.split("\n\n")
    # The last block is what follows the last empty line: nothing, or the beginning of a torn note.
    whole = (len(blocks) - 1) // 2
    return [f"{blocks[2 * i]}\n\n{blocks[2 * i + 1]}\n" for i in range(whole)]


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log.

    Attributes:
        log: the log's name, the first line of the checkpoint ("origin" in the C2SP specification).
        size: how many entries the log has.
        root: the Merkle tree hash of these entries, 32 bytes.
    """

    log: str
    size: int
    root: bytes

    @property
    def text(self) -> str:
        """The text that is signed."""
        return f"{self.log}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Checkpoint:
        """The checkpoint of a note's text; extension lines are ignored.

        Raises:
            NoteError: not the text of a checkpoint.
        """
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines):
            raise NoteError("a checkpoint has at least three lines, none of them empty")
        log, size, root = lines[:3]
        if not (size.isascii() and size.isdigit()) or (size[0] == "0" and size != "0"):
            raise NoteError(f"{size!r} is not a tree size")
        return cls(log, int(size), decode_hash(root))


def decode_hash(text: str) -> bytes:
    """32 bytes from their standard base64.

    Raises:
        NoteError: not the one canonical base64 text of 32 bytes.
    """
    if not _HASH.fullmatch(text):
        raise NoteError(f"{text[:60]!r} is not the base64 text of a SHA-256 hash")
    return binascii.a2b_base64(text)


def _signature(line: str) -> tuple[str, bytes, bytes]:
    """Key name, key id and signature of a signature line."""
    parts = line.removeprefix(_DASH).split(" ")
    if not line.startswith(_DASH) or len(parts) != 2 or not parts[0] or "+" in parts[0]:
        raise NoteError(f"{line[:80]!r} is not a signature line")
    try:
        raw = base64.b64decode(parts[1], validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) < 5 or base64.b64encode(raw).decode() != parts[1]:
        raise NoteError(f"the signature by {parts[0]} is not the base64 text of a key id and a signature")
    return parts[0], raw[:4], raw[4:]
