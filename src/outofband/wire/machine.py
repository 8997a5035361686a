"""What an agent says of its host and machines, and how a machine is defined: plain values on the link."""

from __future__ import annotations

import enum
from typing import Any

import msgspec


class Power(enum.StrEnum):
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    UNKNOWN = "unknown"


class Verb(enum.StrEnum):
    """Everything a control plane may ask of an agent about one machine (args in docs/protocol/link.md)."""

    CREATE = "vm.create"
    START = "vm.start"
    STOP = "vm.stop"
    RESTART = "vm.restart"
    DELETE = "vm.delete"
    RESET = "vm.reset"
    NMI = "vm.nmi"
    SYSRQ = "vm.sysrq"
    CTRL_ALT_DEL = "vm.ctrl-alt-del"
    SCREENSHOT = "vm.screenshot"
    TAIL = "vm.tail"
    LOG = "vm.log"
    RUN = "vm.run"
    RUN_STATUS = "vm.run-status"
    RUN_CANCEL = "vm.run-cancel"
    SET_PASSWORD = "vm.set-password"  # noqa: S105 - the name of a verb


READING = frozenset({Verb.SCREENSHOT, Verb.TAIL, Verb.LOG, Verb.RUN_STATUS})
"""They change nothing: neither side keeps them, and a repeat looks anew."""
PROTECTED = "protected"
"""The argument of a command that is nobody's but the guest's: no journal keeps it, no log shows it."""


class PortDefinition(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "0"


class MachineDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine as its host keeps it.

    `image`, `program` and `socket` are names the host's own configuration resolves to paths and commands:
    a control plane can choose among them, never bring its own (D4).
    """

    vm: str
    name: str
    driver: str
    epoch: int = 1
    memory_mib: int = 256
    cpus: int = 1
    image: str | None = None
    program: str | None = None
    socket: str | None = None
    ports: tuple[PortDefinition, ...] = (PortDefinition(),)


class PortReport(msgspec.Struct, frozen=True, kw_only=True):
    """`[start, end)` is the part of the port's log that can still be read, in absolute byte offsets."""

    name: str
    start: int
    end: int
    writer: str | None = None
    viewers: int = 0
    alarm: str | None = None
    writer_session: str | None = None
    """Session of who may type now; an older agent does not tell it."""
    shows: str = ""
    """What it shows now (`wire.portstate`); empty of an older agent, and where none is taken."""


class VmReport(msgspec.Struct, frozen=True, kw_only=True):
    """State of one machine now. `since` is ISO time of the last change of power; `fault` the last failure.

    `memory_mib` and what follows are of its definition, from which a resource that was lost is made again; an
    older agent says 0 for the first two.
    """

    vm: str
    name: str
    driver: str
    epoch: int
    power: Power
    since: str
    ports: list[PortReport]
    fault: str | None = None
    fault_fields: dict[str, Any] = {}
    memory_mib: int = 0
    cpus: int = 0
    image: str | None = None
    program: str | None = None
    socket: str | None = None


class HostReport(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of the host. `accelerator` is what guests really run under, `probe` how that was found out."""

    hostname: str
    os: str
    version: str
    cpus: int
    memory_mib: int
    accelerator: str
    probe: str
    drivers: list[str]
    images: list[str]
    programs: list[str]
    sockets: list[str]
    monitor: bool = False
