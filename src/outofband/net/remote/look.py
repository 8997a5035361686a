"""One look at a machine's Remote Desktop or SSH, from its name to as deep as is wanted, as a report."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.net.remote import rdp, ssh, way
from outofband.wire import ssh as ssh_words
from outofband.wire.rdp.credssp import User
from outofband.wire.rdp.probe import OFFERED, Depth, Probe
from outofband.wire.rdp.verdict import judge
from outofband.wire.rdp.x224 import Security
from outofband.wire.remote import PORTS, Protocol, Report, Where, word


async def look(
    host: str,
    protocol: Protocol,
    *,
    port: int | None = None,
    user: User | None = None,
    where: Where = Where.CLIENT,
    locale: str = DEFAULT,
    through: tuple[str, int] | None = None,
    session: bool = False,
    nla: bool = True,
) -> Report:
    """With a user the password is tried, once. Never raises for what is in the way.

    `nla`: offer network level authentication, as clients of today do; a server may want nothing less.
    `session`: begin one of Remote Desktop, up to the server's word on licences; else none is begun.
    `through`: an address and port that a hypervisor forwards to it, which the report's words are not about.
    """
    number = port or PORTS[protocol]
    began, started = clock.iso(), clock.monotonic()
    found = await way.to(*(through or (host, number)))
    evidence: dict[str, Any] = {str(step.step): _plain(step) for step in found.steps}
    fault, warnings = found.fault, list[Fault]()
    if found.socket is not None:
        at = through[1] if through is not None else None
        fault, warnings, evidence[protocol.value] = (
            await _rdp(found, host, number, user, session, at, OFFERED if nla else Security.TLS)
            if protocol is Protocol.RDP
            else await _ssh(found, host, number, user, at)
        )
    return Report(
        where=where,
        protocol=protocol,
        host=host,
        port=number,
        address=found.address if through is None else "",
        works=fault is None,
        began=began,
        seconds=round(clock.monotonic() - started, 3),
        problem=word(fault, locale) if fault is not None else None,
        warnings=[word(each, locale) for each in warnings],
        evidence=evidence,
    )


async def _rdp(
    found: way.Way,
    host: str,
    port: int,
    user: User | None,
    session: bool,
    at: int | None,
    wanted: Security,
) -> tuple[Fault | None, list[Fault], dict[str, Any]]:
    assert found.socket is not None
    depth = Depth.SESSION if session else Depth.SIGN_IN if user is not None else Depth.SECURITY
    probe = Probe(host, depth, user=user, wanted=wanted)
    seen = await rdp.talk(found.socket, probe, host)
    name = user.name if user is not None else ""
    verdict = judge(seen, host=host, port=port, user=name, forwarded=at is not None)
    return verdict.fault, verdict.warnings, _plain(seen)


async def _ssh(
    found: way.Way, host: str, port: int, user: User | None, at: int | None
) -> tuple[Fault | None, list[Fault], dict[str, Any]]:
    assert found.socket is not None
    seen = await ssh.talk(found.socket)
    fault = ssh_words.judge(seen, host=host, port=port, forwarded=at is not None)
    if fault is None and user is not None:
        fault = await ssh.log_in(found.address, at or port, user.name, user.password, host=host, shown=port)
        tried: dict[str, Any] = {"signedIn": fault is None}
        if fault is not None and "methods" in fault.fields:
            tried["methods"] = fault.fields["methods"]
        return fault, [], _plain(seen) | tried
    return fault, [], _plain(seen)


def _plain(seen: msgspec.Struct) -> dict[str, Any]:
    """What is known of it, as JSON has it; bytes in hex."""
    plain = {
        name: value.hex(" ") if isinstance(value, bytes) else value
        for name, value in msgspec.structs.asdict(seen).items()
    }
    found: dict[str, Any] = msgspec.to_builtins(
        {k: v for k, v in plain.items() if v not in (None, "", (), [], {})}
    )
    return found
