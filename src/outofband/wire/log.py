"""The verb `vm.log`: a range of a port's log as its host has it, with times, boots and gaps. Plain values.

Times are seconds since the epoch by the host's clock; `now` beside them lets a reader correct for its own.
"""

from __future__ import annotations

from typing import Annotated

import msgspec

MAX_BYTES = 256 * 1024
"""Of one part: in base64 it still fits into a message of the link."""
MAX_WAIT_SECONDS = 25.0
MAX_TIMES = 1024
"""Times that come with one part; where there were more looks, neighbours are put together."""
MAX_GAPS = 256

Offset = Annotated[int, msgspec.Meta(ge=0, le=2**62)]


class LogArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """From `from` on, or from the first byte that may have come at `since` or later; without either the last
    `bytes` before `to`. Waits up to `wait` seconds until the log goes beyond `after`.
    """

    begin: Offset | None = msgspec.field(default=None, name="from")
    since: float | None = None
    to: Offset | None = None
    bytes: Annotated[int, msgspec.Meta(ge=1, le=MAX_BYTES)] = MAX_BYTES
    after: Offset | None = None
    wait: Annotated[float, msgspec.Meta(ge=0, le=MAX_WAIT_SECONDS)] = 0.0


class BootPart(msgspec.Struct, frozen=True, array_like=True):
    """What the guest printed from `offset`, at `at`, until `end`; its last byte came by `last`. The newest
    boot goes on: its `end` is that of the log.
    """

    number: int
    offset: int
    at: float
    end: int
    last: float


class GapPart(msgspec.Struct, frozen=True, array_like=True):
    """Output is missing: between the two offsets, or at them when they are equal. `bytes` 0: nobody knows."""

    begin: int
    end: int
    bytes: int


class TimePart(msgspec.Struct, frozen=True, array_like=True):
    """Bytes from the entry before it up to `end` came between `after` and `at`."""

    end: int
    after: float
    at: float


class LogPart(msgspec.Struct, frozen=True, kw_only=True):
    """`[start, end)` can be read; `text` is base64 of what begins at `from`."""

    start: int
    end: int
    begin: int = msgspec.field(name="from")
    text: str
    boots: list[BootPart] = []
    gaps: list[GapPart] = []
    times: list[TimePart] = []
    now: float
