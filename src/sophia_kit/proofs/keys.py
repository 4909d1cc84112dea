"""The Ed25519 keys that evidence is signed with. Private ones never lie in the repository."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    PublicFormat,
    load_pem_private_key,
    load_pem_public_key,
)
from securesystemslib.signer import CryptoSigner, SSlibKey  # type: ignore[attr-defined]  # it has no __all__

from sophia_kit.core.errors import ConfigError
from sophia_kit.core.files import atomic_write, make_folder
from sophia_kit.core.settings import Settings
from sophia_kit.proofs.durable import reading

__all__ = ["ProofSigner", "PublicKey", "ensure_signer", "new_key_file"]


@dataclass(frozen=True, slots=True)
class PublicKey:
    """A public Ed25519 key.

    Attributes:
        keyid: the name it has in a DSSE envelope: SHA-256, in hex, of its securesystemslib form.
        pem: its SubjectPublicKeyInfo.
    """

    keyid: str
    pem: str
    _key: Ed25519PublicKey = field(repr=False, compare=False)
    _sslib: SSlibKey = field(repr=False, compare=False)

    @classmethod
    def of(cls, key: Ed25519PublicKey) -> PublicKey:
        pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
        sslib = SSlibKey.from_crypto(key)
        return cls(sslib.keyid, pem, key, sslib)

    @classmethod
    def from_pem(cls, pem: str) -> PublicKey:
        """
        Raises:
            ValueError: not the PEM text of a public Ed25519 key.
        """
        try:
            key = load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm):
            raise ValueError("not a public key in PEM form") from None
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("a public key, but not an Ed25519 one")
        return cls.of(key)

    @property
    def raw(self) -> bytes:
        """The key itself, 32 bytes."""
        return self._key.public_bytes(Encoding.Raw, PublicFormat.Raw)

    @property
    def sslib(self) -> SSlibKey:
        """The key as securesystemslib takes it."""
        return self._sslib

    def verifies(self, signature: bytes, data: bytes) -> bool:
        """Whether `signature` is this key's over `data`."""
        try:
            self._key.verify(signature, data)
        except InvalidSignature:
            return False
        return True


class ProofSigner:
    """Signs statements and checkpoints with one private key."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self.crypto = CryptoSigner(key)
        self.public = PublicKey.of(key.public_key())

    def __repr__(self) -> str:
        return f"ProofSigner(keyid={self.public.keyid!r})"

    @classmethod
    def generate(cls) -> ProofSigner:
        """A signer with a new key."""
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: str, *, where: str) -> ProofSigner:
        """The signer of a private key in PEM form (PKCS #8, not encrypted). `where` names its place in errors.

        Raises:
            ConfigError: anything else; the text itself is never shown.
        """
        hint = "Make a key with: sophia proofs keygen --out FILE"
        try:
            key = load_pem_private_key(pem.encode(), password=None)
        except TypeError:
            raise ConfigError(f"{where}: the private key is encrypted with a password.", hint=hint) from None
        except (ValueError, UnsupportedAlgorithm):
            raise ConfigError(f"{where}: not a private key in PEM form.", hint=hint) from None
        if not isinstance(key, Ed25519PrivateKey):
            raise ConfigError(f"{where}: a private key, but not an Ed25519 one.", hint=hint)
        return cls(key)

    def sign(self, data: bytes) -> bytes:
        """The Ed25519 signature (64 bytes) over `data`."""
        return bytes.fromhex(self.crypto.sign(data).signature)


def ensure_signer(settings: Settings) -> ProofSigner:
    """The signer of this run's origin: `ci` from the setting `proof_key`, `local` and `demo` from this machine.

    A machine's key is made when it is first needed; of two processes that make it at once, both get the same.

    Raises:
        ConfigError: the key is malformed, readable by others, or would lie inside the project.
        StorageError: the key's folder can't be written.
    """
    if settings.origin == "ci" and settings.proof_key is not None:
        return ProofSigner.from_pem(settings.proof_key.get_secret_value(), where="SOPHIA_PROOF_KEY")
    path = machine_key_path(settings, settings.origin)
    _refuse_inside(path, settings.root)
    if not path.exists():
        make_folder(path.parent, mode=0o700)
        # Another process may have made it in between: its key is then the machine's.
        with contextlib.suppress(FileExistsError):
            _write_private(path, ProofSigner.generate())
    return _read_private(path)


def machine_key_path(settings: Settings, origin: str) -> Path:
    """Where this machine's private key for `origin` lies, if it has been made."""
    return settings.key_folder / f"{origin}.pem"


def machine_key(settings: Settings, origin: str) -> PublicKey | None:
    """This machine's public key for `origin`; None if none has been made."""
    path = machine_key_path(settings, origin)
    return _read_private(path).public if path.exists() else None


def new_key_file(path: Path, *, root: Path) -> PublicKey:
    """Make a private key at `path`, outside the project at `root`, readable by its owner alone.

    Raises:
        ConfigError: the path is inside the project, or already taken.
        StorageError: it can't be written.
    """
    _refuse_inside(path, root)
    if not path.parent.is_dir():
        raise ConfigError(f"The folder {path.parent} doesn't exist.", hint="Make it, or name another one.")
    signer = ProofSigner.generate()
    try:
        _write_private(path, signer)
    except FileExistsError:
        raise ConfigError(f"{path} exists already.", hint="Name a file that doesn't exist yet.") from None
    return signer.public


def _refuse_inside(path: Path, root: Path) -> None:
    if path.resolve().is_relative_to(root.resolve()):
        raise ConfigError(
            f"The private key {path} would lie inside the project {root}, where it could be committed.",
            hint="Name a place outside of it; for the machine's own keys that is the setting SOPHIA_KEYS_DIR.",
        )


def _read_private(path: Path) -> ProofSigner:
    with reading(path):
        mode = path.stat().st_mode
        if mode & 0o077:
            raise ConfigError(
                f"The private key {path} can be read by others (mode {mode & 0o777:o}).",
                hint=f"Make it private: chmod 600 {path}",
            )
        pem = path.read_bytes().decode(errors="replace")
    return ProofSigner.from_pem(pem, where=str(path))


def _write_private(path: Path, signer: ProofSigner) -> None:
    """
    Raises:
        FileExistsError: something is there already.
        StorageError: the disk refuses.
    """
    atomic_write(path, signer.crypto.private_bytes, mode=0o600, replace=False)
