"""agent.toml: what this host's administrator offers to a control plane, and what is forbidden it (D4).

A control plane only ever names an image, a program or a socket; the paths and commands behind the names are
in this file, which nothing on the network can change.
"""

from __future__ import annotations

import json
import re
import termios
import tomllib
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import msgspec

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.wire.machine import Verb

MAX_SIZE = 1024 * 1024
"""Bytes of agent.toml that are read; a larger file is a mistake."""
BAUDS = frozenset(
    int(name[1:]) for name in vars(termios) if name[0] == "B" and name[1:].isdigit() and name != "B0"
)
"""Speeds that termios has a constant for, and so what a device can be asked for."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")

T = TypeVar("T")
OwnSignal = Literal["SIGUSR1", "SIGUSR2"]
"""Signals that mean what a program says they do."""
Mib = Annotated[int, msgspec.Meta(ge=1, le=1024 * 1024)]


class Image(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a QEMU machine boots: a kernel (with initrd and command line), a disk image, or both.

    Every machine writes to an overlay of its own; the disk image itself is never changed.
    """

    kernel: str | None = None
    initrd: str | None = None
    cmdline: str = ""
    disk: str | None = None
    format: Literal["raw", "qcow2"] | None = None
    """Format of `disk`; when absent, qcow2 for a name that ends so, else raw."""


class Program(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A program that runs on a terminal of its own.

    `reset` and `nmi` are for one that plays a machine: the signals it takes for these two, if it does.
    """

    command: Annotated[list[str], msgspec.Meta(min_length=1)]
    env: dict[str, str] = {}
    reset: OwnSignal | None = None
    nmi: OwnSignal | None = None


class Socket(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The serial port of a machine that another VMM runs, on a unix socket."""

    path: str


class Uart(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The serial port of a machine at the other end of a cable, on a terminal device of this host."""

    path: str
    baud: int = 115200


class Console(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A console of this server itself: none, a terminal device, or a program on a terminal."""

    kind: Literal["off", "shell", "uart"] = "off"
    device: str = "/dev/ttyS0"
    baud: int = 115200
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("/bin/login",)
    """Started when somebody comes. It asks who they are, or it runs as the agent's user: the console's right
    is then the only door.
    """
    read_only: bool = False
    idle_seconds: Annotated[int, msgspec.Meta(ge=1, le=86400)] = 900
    """Nothing typed for so long ends the program."""


class Qemu(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    program: str = "qemu-system-x86_64"
    accelerator: Literal["auto", "kvm", "tcg"] = "auto"


class Policy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`monitor`: consoles may be watched, never written to. `allow`: commands a control plane may give."""

    monitor: bool = False
    allow: tuple[Verb, ...] = tuple(Verb)


class Limits(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    streams: Annotated[int, msgspec.Meta(ge=1, le=65536)] = 256
    """Console sessions served at the same time."""
    ring_mib: Mib = 16
    """Console history kept per port."""
    reserve_mib: Mib = 4
    """Disk space held ready per port, so that a full disk does not swallow output."""


class Network(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    public: tuple[str, ...] = ()
    """Blocks of this host's addresses under which a control plane may let VMs be reached."""


class ManagedIdentity(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Tokens of this host's own identity, for the programs on it."""

    enabled: bool = False
    port: Annotated[int, msgspec.Meta(ge=1, le=65535)] = 40342
    """On 127.0.0.1; the one that Azure's clients expect."""
    tokens: str = "/var/opt/azcmagent/tokens"
    """Azure's clients look nowhere else."""
    group: str = ""
    """Whose members may have tokens; empty: the agent's own user and root."""


class HostConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """agent.toml as values. Paths are absolute after `load`."""

    qemu: Qemu = Qemu()
    policy: Policy = Policy()
    limits: Limits = Limits()
    network: Network = Network()
    identity: ManagedIdentity = ManagedIdentity()
    images: dict[str, Image] = {}
    programs: dict[str, Program] = {}
    sockets: dict[str, Socket] = {}
    uarts: dict[str, Uart] = {}
    console: Console = Console()

    def allows(self, verb: Verb) -> bool:
        """Whether the host's administrator lets a control plane do this at all."""
        if self.policy.monitor and verb in REFUSED_WHEN_MONITORING:
            return False
        return verb in self.policy.allow

    def image(self, name: str | None, host: str) -> Image:
        """Raises Fault ImageNotFound, as do `program`, `socket` and `uart`."""
        return _find("image", self.images, name, host)

    def program(self, name: str | None, host: str) -> Program:
        return _find("program", self.programs, name, host)

    def socket(self, name: str | None, host: str) -> Socket:
        return _find("socket", self.sockets, name, host)

    def uart(self, name: str | None, host: str) -> Uart:
        return _find("uart", self.uarts, name, host)


REFUSED_WHEN_MONITORING = frozenset(
    {Verb.NMI, Verb.SYSRQ, Verb.CTRL_ALT_DEL, Verb.RUN, Verb.RUN_CANCEL, Verb.SET_PASSWORD}
)
"""They reach into the guest through its console, its processor or its agent, as typing does."""

DEFAULT = """\
# What this host offers to its control plane, and what it forbids. Read when the agent starts.
# No control plane can read or change this file; it can only use the names given here.
# Relative paths start in the folder of this file. An unknown word is an error, never ignored.

[qemu]
# program = "qemu-system-x86_64"
# "auto" tries KVM with a tiny guest and takes TCG when that guest hangs; "kvm" and "tcg" do as they say.
# accelerator = "auto"

[policy]
# true: consoles may be watched; nobody may type, run a script, or send an NMI, SysRq or Ctrl-Alt-Del.
# monitor = false
# The commands a control plane may give to this host:
# allow = [ALLOW]

[limits]
# Console sessions at the same time:
# streams = 256
# Console history kept per serial port, and disk space held ready for what comes next (MiB):
# ring_mib = 16
# reserve_mib = 4

[network]
# Addresses of this host under which a control plane may let VMs be reached from outside; none: no VM is.
# public = ["203.0.113.16/28"]

[identity]
# true: programs on this host get tokens of the host's own identity, as on Azure (az login --identity).
# enabled = false
# port = 40342
# The folder that proves a program: who may read it may have a token. The agent makes it.
# tokens = "/var/opt/azcmagent/tokens"
# Its group; empty for the agent's own user and root only:
# group = ""

# What machines of the driver "qemu" boot:
# [images.rescue]
# kernel = "/srv/images/vmlinuz"
# initrd = "/srv/images/initrd"
# cmdline = "console=ttyS0"
#
# [images.debian]
# disk = "/srv/images/debian-12.qcow2"

# Programs that machines of the driver "pty" run on a terminal:
# [programs.shell]
# command = ["/bin/login"]
# A program that plays a machine may take signals, SIGUSR1 or SIGUSR2, for a hard reset and an NMI:
# reset = "SIGUSR1"
# nmi = "SIGUSR2"

# Serial ports of machines that something else runs, for the driver "unix":
# [sockets.router]
# path = "/run/router/console.sock"

# Serial devices of this host, each with a machine at the other end of the cable, for the driver "uart":
# [uarts.switch]
# path = "/dev/serial/by-id/usb-FTDI_FT232R-if00-port0"
# baud = 115200

# A console of this server itself, for who has the right to its serial port (`oob console --machine NAME`):
[console]
# "off": none. "shell": a program on a terminal. "uart": a serial device that leads to this server's own port.
# kind = "off"
# Started when somebody comes, hung up when the last one has left. /bin/login asks for a name and a password;
# a shell in its place runs as the agent's user, and then the right to the console is the only door.
# command = ["/bin/login"]
# device = "/dev/ttyS0"
# baud = 115200
# true: it may be watched; nobody may type.
# read_only = false
# Nothing typed for so long ends the program:
# idle_seconds = 900
""".replace("ALLOW", ", ".join(f'"{verb}"' for verb in Verb))


def config_path(state: StateDir) -> Path:
    return state.agent / "agent.toml"


def load(path: Path) -> HostConfig:
    """Read agent.toml, writing a commented default first when there is none. Raises AgentConfigInvalid."""
    if not path.exists():
        write_private(path, DEFAULT)
    try:
        text = path.read_bytes()
    except OSError as error:
        raise Fault("AgentConfigInvalid", path=str(path), detail=error.strerror) from error
    return _parse(text, path)


def add_image(path: Path, name: str, image: Image) -> bool:
    """Append `[images.NAME]` to agent.toml unless the host has an image of that name; True when added.

    An image that is there already is the administrator's business and stays. Raises AgentConfigInvalid.
    """
    return name not in load(path).images and _append(path, "images", name, image)


def add_program(path: Path, name: str, program: Program) -> bool:
    """The same for `[programs.NAME]`, whose environment has to be empty."""
    return name not in load(path).programs and _append(path, "programs", name, program)


def _append(path: Path, kind: str, name: str, value: msgspec.Struct) -> bool:
    if not NAME.fullmatch(name):
        raise Fault("AgentConfigInvalid", path=str(path), detail=f"{name!r} is no name for one of the {kind}")
    # A JSON string, or a list of them, is TOML as long as nothing but \\uXXXX is used for other planes.
    words = {key: each for key, each in msgspec.structs.asdict(value).items() if each}
    lines = [f"{key} = {json.dumps(each, ensure_ascii=False)}" for key, each in words.items()]
    table = "\n".join([f'[{kind}."{name}"]', *lines, ""])
    text = path.read_text("utf-8").rstrip("\n") + "\n\n" + table
    _parse(text.encode(), path)
    write_private(path, text)
    return True


def _parse(text: bytes, path: Path) -> HostConfig:
    try:
        if len(text) > MAX_SIZE:
            raise ValueError(f"it is larger than {MAX_SIZE} bytes")
        config = msgspec.convert(tomllib.loads(text.decode("utf-8")), HostConfig)
        for name in (*config.images, *config.programs, *config.sockets, *config.uarts):
            if not NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no usable name: letters, digits, '.', '_' and '-', at most 64")
        for block in config.network.public:
            ip_network(block)
        for name, image in config.images.items():
            if image.kernel is None and image.disk is None:
                raise ValueError(f"image {name!r} has neither a kernel nor a disk")
            if image.kernel is None and (image.initrd or image.cmdline):
                raise ValueError(f"image {name!r} has an initrd or a cmdline but no kernel")
        for baud in (config.console.baud, *(uart.baud for uart in config.uarts.values())):
            if baud not in BAUDS:
                raise ValueError(f"{baud} is no speed of a serial line, as 9600 or 115200")
    except (ValueError, msgspec.ValidationError) as error:
        raise Fault("AgentConfigInvalid", path=str(path), detail=str(error)) from error
    return _absolute(config, path.parent.absolute())


def _absolute(config: HostConfig, base: Path) -> HostConfig:
    def resolve(text: str | None) -> str | None:
        return str(base / Path(text).expanduser()) if text else None

    images = {
        name: msgspec.structs.replace(
            image, kernel=resolve(image.kernel), initrd=resolve(image.initrd), disk=resolve(image.disk)
        )
        for name, image in config.images.items()
    }
    sockets = {name: Socket(path=resolve(socket.path) or "") for name, socket in config.sockets.items()}
    uarts = {
        name: msgspec.structs.replace(uart, path=resolve(uart.path) or "")
        for name, uart in config.uarts.items()
    }
    console = msgspec.structs.replace(config.console, device=resolve(config.console.device) or "")
    identity = msgspec.structs.replace(config.identity, tokens=resolve(config.identity.tokens) or "")
    return msgspec.structs.replace(
        config, images=images, sockets=sockets, uarts=uarts, console=console, identity=identity
    )


def _find(kind: str, known: dict[str, T], name: str | None, host: str) -> T:
    if name is None or name not in known:
        listed = ", ".join(sorted(known)) or "none"
        raise Fault("ImageNotFound", host=host, kind=kind, name=name or "", known=listed)
    return known[name]
