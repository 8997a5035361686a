"""How far a guest has come since its start, by what it printed; and a start that no host told of.

A serial port that is only a wire has no event for a reset. Firmware that speaks after a kernel did, or a
second kernel, is one.
"""

from __future__ import annotations

import enum

from outofband.wire.detect.mind import Mind
from outofband.wire.detect.rules import Line


class Stage(enum.IntEnum):
    UNKNOWN = 0
    FIRMWARE = 1
    LOADER = 2
    KERNEL = 3
    SYSTEM = 4
    """The first process on the real root file system."""


_BEGINS_ANEW = (Stage.FIRMWARE, Stage.KERNEL)


def reach(mind: Mind, line: Line, stage: Stage) -> None:
    """The guest is at `stage` now; when it has been there, or further, it was started again."""
    state = mind.state
    again = state.stage > stage or (state.stage == stage and stage in _BEGINS_ANEW)
    if again and stage is not Stage.SYSTEM:
        mind.started(line.offset, line.at, line)
        if line.stamp is not None:
            state.kernel_time = line.stamp
    elif state.started_at is None:
        state.started_at, state.start_offset = line.at, line.offset
        state.starts = [(line.offset, line.at)]
    state.stage = max(state.stage, stage)
    if stage >= Stage.LOADER:
        mind.disarm("UefiBootFailed")
