"""The local socket of a running agent, and its client side: what the host's administrator asks of it.

A connection is one question: a line of JSON, an object with its kind in `ask`. The answer is one object,
`{"value": ...}` or `{"fault": {"code", "fields"}}`, then the end. Only the agent's own user and root are
answered. The functions here block, and each raises Fault

    AgentServiceDown      nothing listens: the agent does not run
    AgentServiceDenied    another user asks
    AgentServiceSilent    no answer in time: it hangs, or is stopped
    AgentServiceGarbled   an answer that cannot be read: another version, or not the agent

besides what they say themselves.
"""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from outofband.agent import halfway
from outofband.agent.halfway import Halfway, Operation
from outofband.agent.instance import run_path
from outofband.agent.state import load_identity
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.wire.machine import VmReport

SOCKET = "admin.sock"
ANSWER_SECONDS = 5.0
WORK_SECONDS = 90.0
"""For what the agent has to ask its control plane for."""
MAX_QUESTION = 256 * 1024
MAX_ANSWER = 64 * 1024 * 1024

T = TypeVar("T")


class Status(msgspec.Struct, frozen=True, tag_field="ask", tag="status"):
    pass


class Key(msgspec.Struct, frozen=True, tag_field="ask", tag="key"):
    pass


class Begin(msgspec.Struct, frozen=True, tag_field="ask", tag="begin"):
    operation: Operation
    machine: str
    correlation: str = ""


class Withdraw(msgspec.Struct, frozen=True, tag_field="ask", tag="withdraw"):
    former: Halfway | None = None


class Claim(msgspec.Struct, frozen=True, tag_field="ask", tag="claim"):
    """`trust` is a PEM bundle; empty: the system's authorities. `cloud` is the cloud's name."""

    machine: str
    arm: str
    trust: str = ""
    cloud: str = ""


class Enrol(msgspec.Struct, frozen=True, tag_field="ask", tag="enrol"):
    server: str
    token: str
    name: str = ""

    def __repr__(self) -> str:
        return f"Enrol(server={self.server!r})"


class Release(msgspec.Struct, frozen=True, tag_field="ask", tag="release"):
    pass


class Renew(msgspec.Struct, frozen=True, tag_field="ask", tag="renew"):
    pass


class Rekey(msgspec.Struct, frozen=True, tag_field="ask", tag="rekey"):
    pass


class Reload(msgspec.Struct, frozen=True, tag_field="ask", tag="reload"):
    pass


Question = Status | Key | Begin | Withdraw | Claim | Enrol | Release | Renew | Rekey | Reload


class Refused(msgspec.Struct, frozen=True):
    code: str
    fields: dict[str, Any] = {}


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    value: msgspec.Raw = msgspec.Raw(b"null")
    fault: Refused | None = None


class KeyFacts(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The public half of this server's key, raw 32 bytes in base64url without padding; the fingerprint of
    the machine; and what its resource calls it.
    """

    public_key: str
    hardware: str
    vm_id: str


class GapStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Output that is missing from a port's log: `[start, end)`, or at `start` an amount nobody knows."""

    vm: str
    port: str
    start: int
    end: int


class Problem(msgspec.Struct, frozen=True):
    """What is wrong now, in the catalogue's English words; with the `fields`, any language's can be had."""

    code: str
    message: str
    remedy: list[str] = []
    fields: dict[str, Any] = {}


class AgentStatus(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`link` is the control link's state, `link_since` when it began, `problem` why it is not up.

    Without a running agent `running` is False, and only the identity is known. `connected` says whether there
    is an identity, which is not whether the link is up; `halfway` what was begun and not ended. Times
    are ISO, UTC; empty where there are none.
    """

    running: bool
    agent: str = ""
    name: str = ""
    arm: str = ""
    connected: bool = True
    halfway: Halfway | None = None
    pid: int | None = None
    since: str | None = None
    version: str = ""
    link: str = "down"
    link_since: str | None = None
    node: str | None = None
    problem: str | None = None
    expired: bool = False
    """Whether the certificate ended: then the same machine may be connected once more (`begin`, `claim`)."""
    errors: list[Problem] = []
    resource: str = ""
    tenant: str = ""
    subscription: str = ""
    group: str = ""
    location: str = ""
    cloud: str = ""
    correlation: str = ""
    vm_id: str = ""
    vm_uuid: str = ""
    expires: str = ""
    """End of the certificate."""
    heartbeat: str = ""
    """When the last one was sent."""
    configuration: dict[str, Any] = {}
    """Settings of `azcmagent config`, as they are in force."""
    manufacturer: str = ""
    model: str = ""
    cloud_provider: str = ""
    accelerator: str | None = None
    probe: str | None = None
    monitor: bool = False
    identity: str | None = None
    """Where local programs get tokens of this host, or why they do not; None when that is off."""
    web: bool = False
    """Whether that address answers."""
    clock_ahead: float | None = None
    """Seconds by which this host's clock is ahead of the control plane's, by its last answer."""
    streams: int = 0
    commands: int = 0
    machines: list[VmReport] = []
    gaps: list[GapStatus] = []


def status(state: StateDir) -> AgentStatus:
    """What the running agent says of itself."""
    return _ask(state, Status(), AgentStatus)


def look(state: StateDir) -> AgentStatus:
    """The same, and what is known without it when it does not run.

    Raises Fault AgentNotEnrolled when it does not run and this server is not connected either.
    """
    if process.running(run_path(state)) is not None:
        return status(state)
    return kept(state)


def kept(state: StateDir) -> AgentStatus:
    """What is on disk, without the agent. Raises Fault AgentNotEnrolled when this server is not connected."""
    identity = load_identity(state)
    return AgentStatus(
        running=False,
        agent=identity.agent,
        name=identity.name,
        arm=identity.arm,
        halfway=halfway.load(state),
        resource=identity.resource,
        tenant=identity.tenant,
        subscription=identity.subscription,
        group=identity.group,
        location=identity.location,
        cloud=identity.cloud,
        correlation=identity.correlation,
        vm_id=identity.vm_id,
    )


def key(state: StateDir) -> KeyFacts:
    """This server's key, made now where there is none. Raises Fault AgentKeyLost."""
    return _ask(state, Key(), KeyFacts)


def begin(state: StateDir, operation: Operation | str, machine: str, correlation: str = "") -> Halfway | None:
    """Note on disk what is begun, before the control plane is asked for it; what was begun before, if
    anything.

    Raises Fault AgentConnected (connect, of a server that is connected; but the machine that it is, whose
    certificate has ended, may be connected once more), AgentNotEnrolled (disconnect of what is not connected
    and was not begun).
    """
    return _ask(state, Begin(Operation(operation), machine, correlation), Halfway | None)


def withdraw(state: StateDir, former: Halfway | None) -> None:
    """Take a `begin` back whose request the control plane refused, so that nothing is halfway by it; `former`
    is what `begin` found.
    """
    _ask(state, Withdraw(former), None)


def claim(state: StateDir, machine: str, arm: str, trust: str = "", cloud: str = "") -> AgentStatus:
    """Prove the key to the control plane at `arm` and become the machine resource `machine`; its link comes
    up by itself afterwards. May be repeated.

    Raises Fault AgentConnected, AgentKeyLost, ControlPlaneUnreachable, CertificateNotTrusted,
    ControlPlaneNotTrusted, UnexpectedAnswer, or what the control plane said.
    """
    return _ask(state, Claim(machine, arm, trust, cloud), AgentStatus, WORK_SECONDS)


def enrol(state: StateDir, *, server: str, token: str, name: str = "") -> AgentStatus:
    """Enrol through the running agent (agent.enroll)."""
    return _ask(state, Enrol(server, token, name), AgentStatus, WORK_SECONDS)


def release(state: StateDir) -> None:
    """End the link and forget key, certificate and identity. Nothing to do where there are none."""
    _ask(state, Release(), None, WORK_SECONDS)


def renew(state: StateDir) -> str:
    """Ask for a new certificate now; its end. Raises Fault AgentNotEnrolled, CertificateNotRenewed."""
    return _ask(state, Renew(), str, WORK_SECONDS)


def rekey(state: StateDir) -> str:
    """Replace the key by a new one while the old one is intact; the end of its certificate.

    Raises Fault AgentNotEnrolled, AgentKeyLost, or as `claim`. Interrupted anywhere it goes on by itself.
    """
    return _ask(state, Rekey(), str, WORK_SECONDS)


def reload(state: StateDir) -> None:
    """The settings (agent.settings) were changed. Raises Fault AgentSettingsInvalid."""
    _ask(state, Reload(), None)


def web(state: StateDir) -> str | None:
    """The address of the agent's endpoint for local programs; None where it is off.

    Raises Fault AgentEndpointDown when it should answer and does not.
    """
    found = status(state)
    if found.identity is not None and not found.web:
        raise Fault("AgentEndpointDown", detail=found.identity)
    return found.identity


@contextlib.contextmanager
def reachable(directory: Path) -> Iterator[str]:
    """A path of the socket that fits into a socket address, however deep the state directory lies."""
    handle = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{handle}/{SOCKET}"
    finally:
        os.close(handle)


def _ask(state: StateDir, question: Question, kind: type[T] | Any, seconds: float = ANSWER_SECONDS) -> T:
    path = str(state.agent / SOCKET)
    try:
        text = _converse(state.agent, msgspec.json.encode(question) + b"\n", seconds)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        raise Fault("AgentServiceDown", path=path) from error
    except PermissionError as error:
        raise Fault("AgentServiceDenied", path=path) from error
    except (TimeoutError, BlockingIOError) as error:
        raise Fault("AgentServiceSilent", path=path, seconds=int(seconds)) from error
    except OSError as error:
        raise Fault("AgentServiceGarbled", path=path, detail=error.strerror or str(error)) from error
    try:
        answer = msgspec.json.decode(text, type=Answer)
        if answer.fault is not None:
            raise Fault(answer.fault.code, **answer.fault.fields)
        return msgspec.json.decode(answer.value, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        detail = "it ended without an answer" if not text else str(error)
        raise Fault("AgentServiceGarbled", path=path, detail=detail) from error


def _converse(directory: Path, question: bytes, seconds: float) -> bytes:
    ends = clock.monotonic() + seconds
    with socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(seconds)
        with reachable(directory) as path:
            asking.connect(path)
        with contextlib.suppress(BrokenPipeError):
            # One that answers without listening may have said why.
            asking.sendall(question)
        answer = bytearray()
        while True:
            left = ends - clock.monotonic()
            if left <= 0:
                raise TimeoutError
            asking.settimeout(left)
            if not (piece := asking.recv(65536)):
                return bytes(answer)
            answer += piece
            if len(answer) > MAX_ANSWER:
                raise OSError("the answer is too long")
