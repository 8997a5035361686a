"""That a machine's disk was sent to another host: kept in its folder, so that nobody starts it meanwhile.

Between the sending and the end of its move nothing else holds the machine, and a start would write to a disk
of which another host has the copy that counts. The control plane lifts the mark with the move.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from outofband.core.errors import Fault
from outofband.core.secrets import remove_private, write_private

FILE = "leaving.json"


class Leaving(msgspec.Struct, frozen=True, kw_only=True):
    """By which move it leaves, and under which epoch it was here: under a later one it has come back."""

    move: str
    epoch: int

    def fault(self, name: str) -> Fault:
        return Fault("VmLeaving", vm=name, move=self.move)


def load(directory: Path) -> Leaving | None:
    """None where it stays. A file that cannot be read counts as a mark of no move that is known."""
    try:
        return msgspec.json.decode((directory / FILE).read_bytes(), type=Leaving)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        return Leaving(move="?", epoch=1 << 62)


def save(directory: Path, mark: Leaving) -> None:
    """Raises OSError."""
    write_private(directory / FILE, msgspec.json.encode(mark))


def lift(directory: Path) -> None:
    """Raises OSError."""
    remove_private(directory / FILE)
