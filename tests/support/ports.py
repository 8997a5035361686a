"""TCP ports for programs that have to be told one, or that come back to theirs after they ended."""

from __future__ import annotations

import contextlib
import random
import socket

_NUMBERS = range(12_000, 30_000)
"""Outside what Linux gives to those who bind to 0 or connect: none of them gets such a port while its owner
is away, nor between the choice and the start.
"""


def lasting_ports(count: int) -> list[int]:
    """Ports that nobody listens on now, and that no other test is given as long as this process lives."""
    found: list[int] = []
    while len(found) < count:
        number = random.SystemRandom().choice(_NUMBERS)
        if _free(number) and _ours(number):
            found.append(number)
    return found


def bind_lasting(listening: socket.socket) -> int:
    """Bind to a port of 127.0.0.1 that the system gives to nobody else once it is closed; the port."""
    while True:
        number = random.SystemRandom().choice(_NUMBERS)
        with contextlib.suppress(OSError):
            listening.bind(("127.0.0.1", number))
            return number


def _free(number: int) -> bool:
    with socket.socket() as probe, contextlib.suppress(OSError):
        probe.bind(("", number))
        return True
    return False


def _ours(number: int) -> bool:
    """A name without a file, which is there until its owner ends, however that is."""
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0oob-test-port-{number}")
    except OSError:
        name.close()
        return False
    name.detach()
    return True
