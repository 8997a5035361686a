"""The folder in which a machine arrives: not yet one of this host, and gone again when it is called off.

It lies beside the machines on the same file system, so that it becomes one by a rename.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from pathlib import Path

import msgspec

from outofband.core import clock
from outofband.core.secrets import write_private

PREFIX = ".incoming-"
ASIDE = ".unreadable-"
FORGOTTEN_SECONDS = 7 * 86400.0
"""After which what arrived and was never taken is removed."""
_FILE = ".arrival.json"
MOVED = "moved.json"
FOLLOWED = "followed"
"""In place of the manifest of what arrives while its source still sends: it has none yet."""


class Arrival(msgspec.Struct, frozen=True, kw_only=True):
    """What is arriving, to be a machine under `epoch`; `whole` once every byte was read back and is on
    disk.
    """

    move: str
    manifest: str
    whole: bool = False
    boots: int = 0
    epoch: int = 0


class Moved(msgspec.Struct, frozen=True, kw_only=True):
    """Beside a machine that came by this move: so a repeat is known as one."""

    move: str
    manifest: str | None
    epoch: int


def folder(machines: Path, vm: str) -> Path:
    return machines / f"{PREFIX}{vm}"


def arrival(directory: Path) -> Arrival | None:
    try:
        return msgspec.json.decode((directory / _FILE).read_bytes(), type=Arrival)
    except (OSError, msgspec.MsgspecError):
        return None


def keep(directory: Path, about: Arrival) -> None:
    write_private(directory / _FILE, msgspec.json.encode(about))
    sync_folder(directory)


def moved(directory: Path) -> Moved | None:
    try:
        return msgspec.json.decode((directory / MOVED).read_bytes(), type=Moved)
    except (OSError, msgspec.MsgspecError):
        return None


def begin(directory: Path, move: str, manifest: str, epoch: int) -> Arrival:
    """The folder for this move, emptied of any other one's. Raises OSError.

    What was followed becomes what is received, and not the other way round.
    """
    found = arrival(directory)
    if found is not None and found.move == move:
        if manifest == FOLLOWED:
            return found
        if found.manifest == FOLLOWED and manifest:
            found = Arrival(move=move, manifest=manifest, epoch=epoch)
            keep(directory, found)
            return found
    if found is None or (found.move, found.manifest) != (move, manifest):
        discard(directory)
        directory.mkdir(mode=0o700, parents=True)
        found = Arrival(move=move, manifest=manifest, epoch=epoch)
        keep(directory, found)
    return found


def become(directory: Path, home: Path, about: Moved) -> None:
    """What arrived is a machine from here on. Raises OSError.

    That it arrived whole is forgotten after the rename only: killed in between, it is taken once more.
    """
    write_private(directory / MOVED, msgspec.json.encode(about))
    sync_folder(directory)
    directory.rename(home)
    sync_folder(home.parent)
    (home / _FILE).unlink(missing_ok=True)


def abandon(directory: Path, move: str) -> None:
    """What was followed and never received. Raises OSError."""
    found = arrival(directory)
    if found is not None and (found.move, found.manifest) == (move, FOLLOWED):
        discard(directory)


def discard(directory: Path) -> None:
    if directory.exists():
        shutil.rmtree(directory)


def make_way(home: Path) -> None:
    """A folder that bears a machine's name and is none that the agent could read stands in the way of what
    was taken; it is put aside under a name that tells of whom it was. Raises OSError.
    """
    if home.exists():
        home.rename(home.with_name(f"{ASIDE}{home.name}-{secrets.token_hex(4)}"))


def sweep(machines: Path) -> None:
    """Remove what nobody has taken for a long time. Blocks."""
    now = clock.wall()
    for each in machines.glob(f"{PREFIX}*"):
        with contextlib.suppress(OSError):
            if now - each.stat().st_mtime > FORGOTTEN_SECONDS:
                discard(each)


def sync_folder(directory: Path) -> None:
    handle = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
