"""Where the master key comes from: a file, the environment, or a credential that systemd hands over.

Each holds the same text: one key a line, 64 hex digits. The first one encrypts; those after it only open what
they encrypted before. `next` before a key marks one that a rotation will take, so that every node can know it
before the first row needs it. `#` begins a comment. In the environment blanks part the lines.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

import msgspec

from outofband.core.errors import Fault
from outofband.core.secrets import write_private

KEY_BYTES = 32
MAX_KEYS = 16
MAX_TEXT = 16 * 1024
VARIABLE = "OOB_VAULT_KEY"
CREDENTIAL = "outofband-vault-key"
_ENTRY = re.compile(r"(next\s+)?([0-9a-fA-F]{64})(?=\s|$)\s*")
_HEAD = "# Outofband's master keys: the first encrypts, all of them open. Keep a copy elsewhere."


class MasterKey:
    """256 bits and the name that rows know them by."""

    def __init__(self, raw: bytes) -> None:
        self.raw = raw
        self.id = hashlib.sha256(raw).hexdigest()[:16]

    @classmethod
    def make(cls) -> MasterKey:
        return cls(os.urandom(KEY_BYTES))

    def __repr__(self) -> str:
        return f"MasterKey({self.id})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, MasterKey) and other.raw == self.raw

    def __hash__(self) -> int:
        return hash(self.raw)


class Ring(msgspec.Struct, frozen=True, kw_only=True):
    """The keys of one installation. `coming` was made for a rotation that has not begun."""

    current: MasterKey
    older: tuple[MasterKey, ...] = ()
    coming: MasterKey | None = None

    @property
    def all(self) -> tuple[MasterKey, ...]:
        return (self.current, *self.older, *([self.coming] if self.coming else []))

    def prepared(self) -> Ring:
        """With a coming key, made now unless there is one."""
        return msgspec.structs.replace(self, coming=self.coming or MasterKey.make())

    def rotated(self) -> Ring:
        """The coming key, or a new one, encrypts from now on."""
        return Ring(current=self.coming or MasterKey.make(), older=(self.current, *self.older))

    def without(self, unused: set[str]) -> Ring:
        """Without the older keys of these ids."""
        kept = tuple(each for each in self.older if each.id not in unused)
        return msgspec.structs.replace(self, older=kept)

    def text(self) -> str:
        lines = [_HEAD, *(each.raw.hex() for each in (self.current, *self.older))]
        if self.coming is not None:
            lines.append(f"next {self.coming.raw.hex()}")
        return "\n".join(lines) + "\n"


class KeySource(Protocol):
    where: str
    """For people: a path, or the name of a variable."""

    def load(self) -> Ring | None:
        """None when there is no key. Raises Fault VaultKeyInvalid."""

    def save(self, ring: Ring) -> None:
        """Raises Fault VaultKeyFixed where this program cannot write."""


class KeyFile:
    def __init__(self, path: Path, *, fixed: bool = False) -> None:
        """`fixed`: somebody else looks after the file, as systemd does for a credential."""
        self.path, self.fixed = path, fixed
        self.where = str(path)

    def load(self) -> Ring | None:
        try:
            with self.path.open("rb") as file:
                text = file.read(MAX_TEXT + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Fault("VaultKeyInvalid", where=self.where, detail=error.strerror or str(error)) from error
        return parse(text.decode("ascii", "replace"), self.where)

    def save(self, ring: Ring) -> None:
        if self.fixed:
            raise Fault("VaultKeyFixed", where=self.where)
        try:
            write_private(self.path, ring.text())
        except OSError as error:
            raise Fault("VaultKeyFixed", where=self.where) from error


class KeyText:
    """Keys from a variable."""

    def __init__(self, text: str, where: str = VARIABLE) -> None:
        self._text = text
        self.where = where

    def load(self) -> Ring | None:
        return parse(self._text, self.where)

    def save(self, ring: Ring) -> None:
        raise Fault("VaultKeyFixed", where=self.where)


def choose(setting: str, default: Path, environment: Mapping[str, str] = os.environ) -> KeySource:
    """The variable, else the file of the setting, else systemd's credential, else the file in control/."""
    if (text := environment.get(VARIABLE)) is not None:
        return KeyText(text)
    if setting:
        return KeyFile(Path(setting))
    if folder := environment.get("CREDENTIALS_DIRECTORY"):
        credential = Path(folder, CREDENTIAL)
        if credential.exists():
            return KeyFile(credential, fixed=True)
    return KeyFile(default)


def parse(text: str, where: str) -> Ring:
    """Raises Fault VaultKeyInvalid, which never repeats what it read."""
    if len(text) > MAX_TEXT:
        raise Fault("VaultKeyInvalid", where=where, detail=f"longer than {MAX_TEXT} characters")
    bare = re.sub(r"#[^\n]*", "", text).strip()
    keys: list[MasterKey] = []
    coming: MasterKey | None = None
    position = 0
    while position < len(bare):
        found = _ENTRY.match(bare, position)
        if found is None:
            raise Fault("VaultKeyInvalid", where=where, detail="a key is 64 hex digits, one a line")
        key = MasterKey(bytes.fromhex(found[2]))
        if key in keys or key == coming or (found[1] and coming is not None):
            raise Fault("VaultKeyInvalid", where=where, detail="a key is there twice, or two are `next`")
        if found[1]:
            coming = key
        else:
            keys.append(key)
        position = found.end()
    if not keys or len(keys) > MAX_KEYS:
        detail = f"it holds {len(keys)} keys; 1 to {MAX_KEYS} are expected"
        raise Fault("VaultKeyInvalid", where=where, detail=detail)
    return Ring(current=keys[0], older=tuple(keys[1:]), coming=coming)
