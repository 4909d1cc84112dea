"""Whose signature counts: `proofs/trust.json`, and this machine's own keys for its own trails."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sophia_kit.core.errors import DefinitionError
from sophia_kit.core.settings import Settings
from sophia_kit.proofs.durable import reading
from sophia_kit.proofs.keys import PublicKey, machine_key

__all__ = ["TRUST_FILE", "Trust", "TrustedKey", "load_trust"]

TRUST_FILE = "trust.json"
_MACHINE_ORIGINS = ("local", "demo")
_SLUG = r"^[a-z0-9][a-z0-9._-]*$"


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid")

    origin: Annotated[str, Field(pattern=_SLUG)]
    keyid: str
    public_key: str
    added: date
    note: str = ""


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    project: Annotated[str, Field(pattern=_SLUG)]
    keys: list[_Entry] = []


@dataclass(frozen=True, slots=True)
class TrustedKey:
    """A public key whose signatures count for the trail `origin`."""

    origin: str
    key: PublicKey
    added: date | None = None
    note: str = ""

    def entry(self) -> dict[str, str]:
        """The key as an element of `keys` in `trust.json`."""
        return {
            "origin": self.origin,
            "keyid": self.key.keyid,
            "public_key": self.key.pem,
            "added": "" if self.added is None else self.added.isoformat(),
            "note": self.note,
        }


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose signatures count, for which trail, of which project.

    Attributes:
        project: names the project in its logs, so that a log of another project, signed on the same machine
            with the same key, can't be passed off as one of this.
        keys: every trusted key.
    """

    project: str
    keys: tuple[TrustedKey, ...] = ()

    def log_name(self, origin: str) -> str:
        """The first line of every checkpoint of the trail `origin`."""
        return f"sophia-kit/{self.project}/{origin}"

    def keys_of(self, origin: str) -> tuple[PublicKey, ...]:
        """The keys that may sign in the trail `origin`."""
        return tuple(trusted.key for trusted in self.keys if trusted.origin == origin)

    def extended(self, more: Iterable[TrustedKey]) -> Trust:
        """The same with more keys."""
        return Trust(self.project, (*self.keys, *more))

    @classmethod
    def read(cls, file: Path) -> Trust:
        """The trust that `file` states: the project's name and `keys`, see docs/proofs.md.

        A project without the file is called `unnamed` and trusts no key.

        Raises:
            DefinitionError: the file is malformed, or a `keyid` isn't that of its `public_key`.
        """
        if not file.exists():
            return cls("unnamed")
        hint = "docs/proofs.md shows the form; `sophia proofs keygen` prints an entry."
        with reading(file):
            content = file.read_bytes()
        try:
            parsed = _File.model_validate_json(content)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            place = ".".join(str(part) for part in first["loc"])
            what = f"{place}: {first['msg']}" if place else first["msg"]
            raise DefinitionError(what, file=str(file), hint=hint) from None
        keys = []
        for number, entry in enumerate(parsed.keys):
            try:
                key = PublicKey.from_pem(entry.public_key)
            except ValueError as error:
                raise DefinitionError(f"keys.{number}.public_key: {error}", file=str(file), hint=hint) from None
            if key.keyid != entry.keyid:
                raise DefinitionError(
                    f"keys.{number}.keyid: {entry.keyid} is not the id of that public key, which is {key.keyid}",
                    file=str(file),
                    hint=hint,
                )
            keys.append(TrustedKey(entry.origin, key, entry.added, entry.note))
        return cls(parsed.project, tuple(keys))


def load_trust(settings: Settings) -> Trust:
    """The committed trust of the project, and this machine's own keys for the trails `local` and `demo`.

    A machine's key never counts for `ci`.

    Raises:
        DefinitionError: `trust.json` is malformed.
        ConfigError: a key of this machine is malformed or readable by others.
    """
    committed = Trust.read(settings.proofs_dir / TRUST_FILE)
    own = []
    for origin in _MACHINE_ORIGINS:
        key = machine_key(settings, origin)
        if key is not None and key not in committed.keys_of(origin):
            own.append(TrustedKey(origin, key, note="this machine's own"))
    return committed.extended(own)
