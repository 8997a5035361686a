"""F1: failures recognised in what a guest prints on its serial port. May import core, and `wire`'s values.

`engine` is the `Detector` that others feed; `lines` cuts bytes into lines and picks those worth a look,
`state` is what it remembers (and what is kept over a restart), `mind` what a rule may do, `prompts` who
waits for somebody to type, `rules` the table that `linux`, `services`, `loaders` and `windows` fill.

No clock and no event loop: whoever feeds it passes the time in and asks `due` when to call `tick`.
"""

from outofband.wire.detect.engine import Detector
from outofband.wire.detect.state import CODES

__all__ = ["CODES", "Detector"]
