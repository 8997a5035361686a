"""What an agent says of its host and machines, and how a machine is defined: plain values on the link."""

from __future__ import annotations

import enum
from typing import Any

import msgspec

from outofband.wire.network.plan import Nic


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
    NETWORK = "vm.network"
    PROBE = "vm.probe"
    REACH = "vm.reach"
    SET_PASSWORD = "vm.set-password"  # noqa: S105 - the name of a verb
    DISK_LOOK = "vm.disk-look"
    DISK_SEND = "vm.disk-send"
    DISK_FOLLOW = "vm.disk-follow"
    DISK_RECEIVE = "vm.disk-receive"
    DISK_TAKE = "vm.disk-take"
    DISK_DROP = "vm.disk-drop"
    DISK_PROGRESS = "vm.disk-progress"
    FENCE = "vm.fence"


READING = frozenset(
    {
        Verb.SCREENSHOT,
        Verb.TAIL,
        Verb.LOG,
        Verb.RUN_STATUS,
        Verb.PROBE,
        Verb.REACH,
        Verb.DISK_LOOK,
        Verb.DISK_PROGRESS,
        Verb.DISK_FOLLOW,
    }
)
"""They change nothing that counts: neither side keeps them, and a repeat looks anew."""
MOVING = frozenset({Verb.DISK_LOOK, Verb.DISK_SEND, Verb.DISK_RECEIVE, Verb.DISK_TAKE, Verb.DISK_DROP})
"""All of them are needed where a VM is to leave its host, or to come to it."""
PROTECTED = "protected"
"""The argument of a command that is nobody's but the guest's: no journal keeps it, no log shows it."""


class PortDefinition(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "0"


class MachineDefinition(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A machine as its host keeps it.

    `image`, `program` and `socket` are names the host's own configuration resolves to paths and commands:
    a control plane can choose among them, never bring its own (D4). With the driver `uart`, `socket` is the
    name of a serial device.
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
    nic: Nic | None = None
    """Its card, of QEMU's VMs; to agents that take networks."""


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


class MachineFacts(msgspec.Struct, frozen=True, kw_only=True):
    """What is known of the machine an agent runs on, as the machine resource shows it. Empty: not known.

    `uuid` is the firmware's (SMBIOS); `networks`: per interface {id, macAddress, ipAddresses: [{address,
    version, prefix: that of its network}]}; `disks`: {name, sizeBytes, type}; `cloud` the provider whose
    firmware was recognised.
    """

    os_name: str = ""
    os_version: str = ""
    os_sku: str = ""
    fqdn: str = ""
    domain: str = ""
    uuid: str = ""
    manufacturer: str = ""
    model: str = ""
    serial: str = ""
    processor: str = ""
    cloud: str = ""
    networks: list[dict[str, Any]] = []
    disks: list[dict[str, Any]] = []


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
    simulated: bool = False
    """Of an agent that plays a host (`oob sim`): there is nothing behind it, and whoever shows it says so."""
    networks: bool = False
    """It gives VMs a card, and listens for them."""
    public: list[str] = []
    """Blocks of its addresses under which its administrator lets VMs be reached."""
    facts: MachineFacts = MachineFacts()
    """What an older agent does not tell is empty."""
    uarts: list[str] = []
    """Names of serial devices, for the driver `uart`."""
    console: str = ""
    """Of the server itself: `shell` or `uart`; empty where its administrator allows none."""
    moves: bool = False
    """It sends the disks of its VMs to other hosts, and takes theirs."""


class AgentReport(msgspec.Struct, frozen=True, kw_only=True):
    """How an agent is, for the machine resource.

    `services`: state by name (`himds`: running); `configuration`: the properties of `azcmagent config` that
    differ between servers, by their documented names; `errors`: what is wrong now, as {code, message}, in the
    agent's language; `expires`: end of its certificate (ISO, UTC), empty when it has none.
    """

    services: dict[str, str] = {}
    configuration: dict[str, Any] = {}
    errors: list[dict[str, str]] = []
    expires: str = ""
