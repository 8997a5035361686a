"""A password typed at a guest's prompt when its terminal no longer repeats what is typed.

busybox prints its prompt and turns the echo off after that: whoever types at once is sometimes too early,
on a machine with much to do often.
"""

from __future__ import annotations

from collections.abc import Callable

from outofband.core import clock

PROBE, TAKE_BACK = "~", "\x15"
QUIET_SECONDS = 2.0
"""A guest that repeats a key does so in milliseconds of its own time, which may stand still for a while."""
TRIES = 30


def until_hidden(send: Callable[[str], None], shown: Callable[[], str]) -> None:
    """At a password prompt that was just seen: type a key and take it back until it is not repeated.

    `send` types at the guest, `shown` is all that it has printed so far.
    """
    for _ in range(TRIES):
        before = len(shown())
        send(PROBE)
        end = clock.monotonic() + QUIET_SECONDS
        while not (echoed := PROBE in shown()[before:]) and clock.monotonic() < end:
            clock.pause(0.02)
        send(TAKE_BACK)
        if not echoed:
            return
    raise AssertionError(f"it repeats what is typed at its password prompt: {shown()[-500:]!r}")
