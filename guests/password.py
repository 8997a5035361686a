"""SHA-512 crypt ("$6$"), the password hash that the guest's login checks.

Written out because no part of it may be assumed: Python 3.13 has no `crypt` module, and a small Debian has no
openssl. The steps and their numbers are those of "Unix crypt using SHA-256 and SHA-512" by Ulrich Drepper.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

ROUNDS: Final = 5000  # the scheme's own number when the hash names none
SALT_CHARACTERS: Final = 16

_ALPHABET: Final = "./0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_DIGEST_BYTES: Final = 64


def hashed(password: str, salt: str | None = None) -> str:
    """The entry for /etc/shadow; `salt` is at most 16 characters of ./0-9A-Za-z, random if not given."""
    if salt is None:
        salt = "".join(secrets.choice(_ALPHABET) for _ in range(SALT_CHARACTERS))
    key, grain = password.encode(), salt.encode()

    other = _sha512(key + grain + key)  # steps 4-8
    start = key + grain + _stretched(other, len(key))  # steps 1-3, 9, 10
    bits = len(key)
    while bits:  # step 11: the bits of the length, lowest first
        start += other if bits & 1 else key
        bits >>= 1
    state = _sha512(start)  # step 12
    keys = _stretched(_sha512(key * len(key)), len(key))  # steps 13-16
    grains = _stretched(_sha512(grain * (16 + state[0])), len(grain))  # steps 17-20

    for turn in range(ROUNDS):  # step 21
        odd = turn % 2 == 1
        state = _sha512(
            (keys if odd else state)
            + (grains if turn % 3 else b"")
            + (keys if turn % 7 else b"")
            + (state if odd else keys)
        )
    return f"$6${salt}${_encoded(state)}"


def matches(password: str, entry: str) -> bool:
    """Whether `entry` is a SHA-512 crypt hash of `password`; False for anything that is no such hash."""
    parts = entry.split("$")
    if len(parts) != 4 or parts[:2] != ["", "6"] or not set(parts[2]) <= set(_ALPHABET):
        return False
    return hmac.compare_digest(hashed(password, parts[2]), entry)


def _sha512(data: bytes) -> bytes:
    return hashlib.sha512(data).digest()


def _stretched(block: bytes, length: int) -> bytes:
    return (block * (length // len(block) + 1))[:length]


def _encoded(digest: bytes) -> str:
    """Step 22: six bits per character, lowest first, from triples of bytes whose places rotate."""
    third = _DIGEST_BYTES // 3
    text = ""
    for group in range(third):
        places = (group, group + third, group + 2 * third)
        shift = group % 3
        high, middle, low = (digest[place] for place in places[shift:] + places[:shift])
        text += _characters(high << 16 | middle << 8 | low, 4)
    return text + _characters(digest[-1], 2)


def _characters(value: int, count: int) -> str:
    return "".join(_ALPHABET[value >> 6 * place & 63] for place in range(count))
