"""How long a step took."""

from __future__ import annotations

import msgspec

from outofband.core import clock
from outofband.wire.check import Step


def timed(step: Step, began: float) -> Step:
    """With the seconds since `began`, of the monotonic clock."""
    return msgspec.structs.replace(step, seconds=round(clock.monotonic() - began, 3))
