"""Which simulated agents are enrolled where: beside the keys, so that the next run begins with its links."""

from __future__ import annotations

from pathlib import Path

import msgspec

from outofband.core.paths import StateDir
from outofband.core.secrets import write_private

PREFIX = "sim-"
"""Of the names of simulated hosts."""


class Known(msgspec.Struct, frozen=True):
    """One agent that is enrolled: its id and its name."""

    agent: str
    name: str


class Book(msgspec.Struct, frozen=True, kw_only=True):
    """The agents enrolled at one control plane, by their public key."""

    arm: str
    link: str = ""
    trust: str = ""
    agents: dict[str, Known] = {}


def path_beside(keys: Path) -> Path:
    return keys.with_name(f"{keys.name}.enrolled")


def state_of(folder: Path, name: str) -> StateDir:
    """Where one agent has its certificate; the folder is beside the keys too."""
    return StateDir(folder / name)


def folder_beside(keys: Path) -> Path:
    return keys.with_name(f"{keys.name}.state")


def load(path: Path, arm: str) -> Book:
    """What is known of this control plane; nothing when the file is of another one, or none."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=Book)
    except (OSError, msgspec.MsgspecError):
        return Book(arm=arm)
    return found if found.arm == arm else Book(arm=arm)


def save(path: Path, book: Book) -> None:
    write_private(path, msgspec.json.encode(book))


def name_of(number: int) -> str:
    """The name of the host with this number, from 1 on."""
    return f"{PREFIX}{number:04d}"
