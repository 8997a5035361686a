"""Passwords: what is accepted, how they are kept (argon2id), and how many may be worked on at a time.

A hash takes a tenth of a second of a core and tens of megabytes, on purpose. So it runs in a small pool of
threads; when too many wait already the next one is refused, never let through.
"""

from __future__ import annotations

import asyncio
import base64
import secrets
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from outofband.core.errors import Fault
from outofband.identity.refused_passwords import RefusedPasswords

MIN_LENGTH, MAX_LENGTH = 12, 256
"""Characters after normalisation."""
WORKERS = 2
WAITING = 16
BUSY_SECONDS = 2
"""After which somebody who was refused may try again."""
_LEAST_NAME = 3
"""A shorter sign-in name may well be part of a good password."""
_MIN_DISTINCT = 5
_GROUPS, _GROUP = 4, 5
_READABLE = "abcdefghjkmnpqrstuvwxyz23456789"
"""Without what looks alike in print: i l o 0 1."""

# The words that lists of leaked passwords begin with. Length is the main defence; these are what people add
# digits to when a rule asks for twelve characters.
_WORDS = """
    admin administrator changeme default dragon football iloveyou letmein master monkey outofband passphrase
    password passwrd princess qwertyuiop root secret serialconsole shadow sunshine superman superuser test
    trustno welcome whatever
"""
_WELL_KNOWN = frozenset(word * times for word in _WORDS.split() for times in (1, 2))
_ROWS = (
    "abcdefghijklmnopqrstuvwxyz",
    "01234567890123456789",
    "qwertyuiopasdfghjklzxcvbnm",
    "1qaz2wsx3edc4rfv5tgb",
)

T = TypeVar("T")


def normalise(password: str) -> str:
    """One form for what looks the same (NFKC): the keyboard at 3 a.m. may be another one."""
    return unicodedata.normalize("NFKC", password)


def readable() -> str:
    """A new random password a person can type: four groups of five, 99 bits."""
    groups = ("".join(secrets.choice(_READABLE) for _ in range(_GROUP)) for _ in range(_GROUPS))
    return "-".join(groups)


def check(password: str, name: str) -> None:
    """Raises Fault PasswordRefused, whose `detail` says why `password` will not do for the user `name`."""
    if len(password) > MAX_LENGTH or len(text := normalise(password)) > MAX_LENGTH:
        raise _refused(f"it has more than {MAX_LENGTH} characters")
    if len(text) < MIN_LENGTH:
        raise _refused(f"it has fewer than {MIN_LENGTH} characters")
    folded, local = text.casefold(), name.partition("@")[0].casefold()
    if len(local) >= _LEAST_NAME and local in folded:
        raise _refused("it contains the user name")
    if len(set(folded)) < _MIN_DISTINCT:
        raise _refused(f"it is made of fewer than {_MIN_DISTINCT} different characters")
    if any(folded in row or folded in row[::-1] for row in _ROWS):
        raise _refused("it is a row of the keyboard or of the alphabet")
    if "".join(each for each in folded if each.isalpha()) in _WELL_KNOWN:
        raise _refused("it is a well-known one with digits or signs added")


class Passwords:
    """The pool. `hasher` sets the cost; its default is the second choice of RFC 9106 on one lane: 64 MiB.
    `refused` are passwords that others know already.
    """

    def __init__(
        self,
        hasher: PasswordHasher | None = None,
        *,
        waiting: int = WAITING,
        refused: RefusedPasswords | None = None,
    ) -> None:
        self._refused = refused
        self._hasher = hasher or PasswordHasher(time_cost=3, memory_cost=64 * 1024, parallelism=1)
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="password")
        self._most = WORKERS + waiting
        self._busy = 0
        self._dummy = self._of_nobody()

    def check(self, password: str, name: str) -> None:
        """As the function of that name, and whether others know it. Raises Fault PasswordRefused."""
        check(password, name)
        if self._refused is not None and password in self._refused:
            raise _refused("it is on the list of those that others know")

    async def hash(self, password: str) -> str:
        """The text to keep. Raises Fault SignInBusy."""
        return await self._run(lambda: self._hasher.hash(normalise(password)))

    async def matches(self, password: str, kept: str | None) -> bool:
        """Whether `kept` was made from `password`; None never is, and takes as long. Raises SignInBusy."""

        def work() -> bool:
            try:
                return self._hasher.verify(kept or self._dummy, normalise(password)) and kept is not None
            except (VerificationError, InvalidHashError):
                return False

        if len(password) > MAX_LENGTH:
            # None is this long; the work for it is done all the same.
            password, kept = password[:MAX_LENGTH], None
        return await self._run(work)

    def outdated(self, kept: str) -> bool:
        """Whether `kept` was made at another cost than today's."""
        return self._hasher.check_needs_rehash(kept)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._busy >= self._most:
            raise Fault("SignInBusy", seconds=BUSY_SECONDS)
        self._busy += 1
        running = asyncio.get_running_loop().run_in_executor(self._pool, work)
        # With the work, not with who waits for it: a thread cannot be cancelled.
        running.add_done_callback(self._done)
        return await asyncio.shield(running)

    def _done(self, _: asyncio.Future[T]) -> None:
        self._busy -= 1

    def _of_nobody(self) -> str:
        """A hash that nothing leads to, at today's cost."""
        cost = self._hasher
        salt, rest = (
            base64.b64encode(secrets.token_bytes(length)).decode().rstrip("=")
            for length in (cost.salt_len, cost.hash_len)
        )
        return f"$argon2id$v=19$m={cost.memory_cost},t={cost.time_cost},p={cost.parallelism}${salt}${rest}"


def _refused(detail: str) -> Fault:
    return Fault("PasswordRefused", detail=detail)
