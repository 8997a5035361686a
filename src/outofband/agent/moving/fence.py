"""That a machine lives on another host by now: kept in its folder, so that no later agent starts it here.

What is here is a copy, stopped, and the only one of what it had on this host's disk: it is left alone until
somebody deletes it.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from outofband.core.errors import Fault
from outofband.core.secrets import remove_private, write_private

FILE = "fenced.json"


class Fence(msgspec.Struct, frozen=True, kw_only=True):
    """`epoch` is the machine's elsewhere, on `host`, since `at` (ISO, UTC, by this host's clock)."""

    epoch: int
    host: str
    at: str

    def fault(self, name: str) -> Fault:
        return Fault("VmMovedAway", vm=name, host=self.host, epoch=self.epoch)


def load(directory: Path) -> Fence | None:
    """None where it lives here. A file that cannot be read is a fence all the same: it was meant as one."""
    path = directory / FILE
    try:
        return msgspec.json.decode(path.read_bytes(), type=Fence)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        return Fence(epoch=1, host="?", at="")


def save(directory: Path, fence: Fence) -> None:
    """Raises OSError."""
    write_private(directory / FILE, msgspec.json.encode(fence))


def lift(directory: Path) -> None:
    """It was given back to this host. Raises OSError."""
    remove_private(directory / FILE)
