"""The files of a simulated machine: what was typed into them can be looked at from outside, byte for byte."""

from __future__ import annotations

import hashlib

MAX_BYTES = 8 * 1024 * 1024
MAX_FILES = 256


class Files:
    """Names are the last part of a path, and the same in capitals and small letters."""

    def __init__(self) -> None:
        self._files: dict[str, tuple[str, bytes]] = {}

    @staticmethod
    def _key(name: str) -> str:
        return name.strip("'\"").replace("/", "\\").rpartition("\\")[2].lower()

    def write(self, name: str, data: bytes) -> bool:
        """False when it does not fit any more."""
        key = self._key(name)
        others = sum(len(each) for other, (_, each) in self._files.items() if other != key)
        if not key or others + len(data) > MAX_BYTES or len(self._files.keys() | {key}) > MAX_FILES:
            return False
        self._files[key] = (name.strip("'\"").replace("/", "\\").rpartition("\\")[2], data)
        return True

    def read(self, name: str) -> bytes | None:
        found = self._files.get(self._key(name))
        return found[1] if found is not None else None

    def remove(self, name: str) -> bool:
        return self._files.pop(self._key(name), None) is not None

    def listing(self) -> list[tuple[str, int]]:
        """Names and sizes."""
        return sorted((name, len(data)) for name, data in self._files.values())


def digest(data: bytes, algorithm: str) -> str | None:
    """In hexadecimal, small letters; None for an algorithm that is not known."""
    if algorithm.lower() not in ("md5", "sha1", "sha256", "sha384", "sha512"):
        return None
    return hashlib.new(algorithm.lower(), data, usedforsecurity=False).hexdigest()
