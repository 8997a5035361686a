"""Secrets at rest: encrypted with a key that is in a file of its own, not in the database."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from outofband.core.errors import Fault
from outofband.core.secrets import write_private

KEY_BYTES = 32
_NONCE = 12


class Vault:
    """AES-256-GCM under one key. Every node of one installation needs the same."""

    def __init__(self, key: bytes) -> None:
        if len(key) != KEY_BYTES:
            raise Fault("VaultKeyInvalid", path="", detail=f"{len(key)} bytes, not {KEY_BYTES}")
        self._cipher = AESGCM(key)
        self.name = f"aesgcm:{hashlib.sha256(key).hexdigest()[:16]}"
        """What rows name the key by."""

    @classmethod
    def open(cls, path: Path) -> Vault:
        """Read the key, or make one at the first start. Raises Fault VaultKeyInvalid."""
        try:
            if not path.exists():
                write_private(path, os.urandom(KEY_BYTES).hex() + "\n")
            key = bytes.fromhex(path.read_text().strip())
        except (OSError, ValueError) as error:
            raise Fault("VaultKeyInvalid", path=str(path), detail=str(error)) from error
        if len(key) != KEY_BYTES:
            raise Fault("VaultKeyInvalid", path=str(path), detail=f"{len(key)} bytes, not {KEY_BYTES}")
        return cls(key)

    def seal(self, secret: bytes, about: str) -> bytes:
        """Encrypt; only who says the same `about` can open it, so rows cannot be exchanged."""
        nonce = os.urandom(_NONCE)
        return nonce + self._cipher.encrypt(nonce, secret, about.encode())

    def unseal(self, sealed: bytes, about: str, name: str) -> bytes:
        """`name` is that of the key it was sealed with. Raises Fault VaultKeyInvalid."""
        if name != self.name:
            raise Fault("VaultKeyInvalid", path="", detail=f"it is {self.name}, and {name} is needed")
        try:
            return self._cipher.decrypt(sealed[:_NONCE], sealed[_NONCE:], about.encode())
        except InvalidTag as error:
            raise Fault("VaultKeyInvalid", path="", detail="what it sealed was changed") from error
