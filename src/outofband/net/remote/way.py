"""From a name to an open socket: the steps of the doctor, and what stands in the way when there is none."""

from __future__ import annotations

import socket

import msgspec

from outofband.core.errors import Fault
from outofband.net.doctor import names, routes, sockets
from outofband.wire.check import State, Step


class Way(msgspec.Struct, frozen=True, kw_only=True):
    """`socket` is open, and the caller's to close, when `fault` is None."""

    steps: list[Step]
    address: str = ""
    socket: socket.socket | None = None
    fault: Fault | None = None


async def to(host: str, port: int) -> Way:
    """Look the name up, ask the kernel for a route, connect. Never raises for what is in the way."""
    found = await names.find(host, port)
    steps = [found.step]
    if not found.addresses:
        return Way(steps=steps, fault=_fault(found.step, host, port))
    step, reachable = routes.find(found.addresses)
    steps.append(step)
    if not reachable:
        return Way(steps=steps, fault=_fault(step, host, port))
    step, connected = await sockets.connect(host, port, reachable)
    steps.append(step)
    if connected is None:
        return Way(steps=steps, fault=_fault(step, host, port))
    return Way(steps=steps, address=str(step.evidence.get("address", "")), socket=connected)


def _fault(step: Step, host: str, port: int) -> Fault:
    assert step.state is State.FAILED
    fields = {
        name: ", ".join(value) if isinstance(value, list) else value for name, value in step.evidence.items()
    }
    return Fault(step.cause, **({"host": host, "port": port} | fields))
