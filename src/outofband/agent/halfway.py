"""What an administrator began and has not ended: connecting this server, or disconnecting it.

`agent/halfway.json` is written before the control plane is asked for anything and removed when the last step
is done, so whatever is killed in between, `azcmagent show` says so and the same command goes on.
"""

from __future__ import annotations

import enum
from pathlib import Path

import msgspec

from outofband.core.paths import StateDir
from outofband.core.secrets import remove_private, write_private


class Operation(enum.StrEnum):
    CONNECT = "connect"
    DISCONNECT = "disconnect"


class Halfway(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`machine` is the id of the machine resource, `correlation` what the person gave for the requests."""

    operation: Operation
    machine: str
    since: str
    correlation: str = ""


def path(state: StateDir) -> Path:
    return state.agent / "halfway.json"


def load(state: StateDir) -> Halfway | None:
    try:
        return msgspec.json.decode(path(state).read_bytes(), type=Halfway)
    except (OSError, msgspec.MsgspecError):
        return None


def save(state: StateDir, halfway: Halfway) -> None:
    write_private(path(state), msgspec.json.format(msgspec.json.encode(halfway)))


def remove(state: StateDir) -> None:
    remove_private(path(state))
