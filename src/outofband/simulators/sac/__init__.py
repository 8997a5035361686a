"""Windows' Special Administration Console (SAC), simulated from public descriptions. It is not Windows.

`Simulator` is pure: bytes and the time go in, bytes and events come out; it has no clock, socket or file.
`python -m outofband.simulators.sac` puts it on a terminal. docs/howto/windows-console.md says what is
documented and what is our guess; a guess is also marked as one where it stands in the code.
"""

from outofband.simulators.sac.bcd import BootStore
from outofband.simulators.sac.machine import Phase, Simulator
from outofband.simulators.sac.settings import Event, Kind, Settings, release

__all__ = ["BootStore", "Event", "Kind", "Phase", "Settings", "Simulator", "release"]
