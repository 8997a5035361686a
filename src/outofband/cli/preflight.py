"""Before anything is started: can it work on this machine? Each no is a fault with its remedy."""

from __future__ import annotations

import errno
import os
import shutil
import sys

from outofband.core.errors import Fault
from outofband.core.paths import StateDir

MIN_FREE_MIB = 512
"""Room for the demo guest, the spools and the store."""
QEMU = "qemu-system-x86_64"
_MIB = 1024 * 1024


def check(state: StateDir) -> None:
    """Everything below, in the order in which a person would mend it."""
    system()
    private_state(state)
    qemu()
    disk(state)


def system() -> None:
    """Raises Fault SystemUnsupported where the host's side cannot run; a client can run elsewhere."""
    if sys.platform != "linux":
        raise Fault("SystemUnsupported", system=sys.platform)


def private_state(state: StateDir) -> None:
    """Make the state directory ours alone. Raises Fault StateUnsafe or StateNotWritable."""
    try:
        state.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        found = state.root.stat()
        if found.st_uid != os.geteuid():
            raise Fault("StateUnsafe", path=str(state.root), mode=f"it belongs to user {found.st_uid}")
        if found.st_mode & 0o077:
            raise Fault("StateUnsafe", path=str(state.root), mode=oct(found.st_mode & 0o777))
        for folder in (state.log, state.run, state.guests):
            folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Fault("StateNotWritable", path=str(state.root), detail=error.strerror or str(error)) from error


def qemu() -> None:
    """Raises Fault QemuNotFound."""
    if shutil.which(QEMU) is None:
        raise Fault("QemuNotFound", program=QEMU)


def disk(state: StateDir) -> None:
    """Raises Fault HolePunchUnsupported, NoSpace or StateNotWritable."""
    from outofband.net.fs import file_system, supports_hole_punching

    try:
        if not supports_hole_punching(state.root):
            raise Fault("HolePunchUnsupported", path=str(state.root), fs=file_system(state.root))
        if (free := _free_mib(state)) < MIN_FREE_MIB:
            raise Fault("NoSpace", path=str(state.root), free=free, needed=MIN_FREE_MIB)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise Fault(
                "NoSpace", path=str(state.root), free=_free_mib(state), needed=MIN_FREE_MIB
            ) from error
        raise Fault("StateNotWritable", path=str(state.root), detail=error.strerror or str(error)) from error


def _free_mib(state: StateDir) -> int:
    return shutil.disk_usage(state.root).free // _MIB
