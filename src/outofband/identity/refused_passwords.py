"""Passwords that others know already: a file of the administrator's, one a line, in which each new one is
looked for. Lists of leaked passwords come in this form; only lines that a password here could be are kept.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from outofband.core.errors import Fault

MOST = 2_000_000
"""Lines that are kept, of 8 bytes each: some 150 MB with what a set takes."""
_LONGEST_LINE = 4096


class RefusedPasswords:
    """Compared without case and in one form (NFKC). One in 10^13 of others is taken for one of them."""

    def __init__(self, passwords: Iterable[str], *, shortest: int = 0) -> None:
        self._known: set[bytes] = set()
        for each in passwords:
            text = _folded(each)
            if len(text) < shortest:
                continue
            if len(self._known) >= MOST:
                raise ValueError(f"it has more than {MOST} that are long enough")
            self._known.add(_mark(text))

    @classmethod
    def read(cls, path: Path, *, shortest: int) -> RefusedPasswords:
        """Raises Fault SettingsInvalid: without its list a control plane does not start."""
        try:
            with path.open(encoding="utf-8", errors="replace") as lines:
                return cls((_line(each) for each in lines), shortest=shortest)
        except (OSError, ValueError) as error:
            detail = error.strerror if isinstance(error, OSError) else str(error)
            raise Fault(
                "SettingsInvalid", path=str(path), detail=f"refused_passwords_file: {detail}"
            ) from error

    def __len__(self) -> int:
        return len(self._known)

    def __contains__(self, password: str) -> bool:
        return _mark(_folded(password)) in self._known


def _line(line: str) -> str:
    if len(line) > _LONGEST_LINE:
        raise ValueError(f"it has a line of more than {_LONGEST_LINE} characters")
    return line.rstrip("\r\n")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


def _mark(text: str) -> bytes:
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
