"""Steps himds and configuration: what can be wrong on this server before any network is asked."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

from outofband.agent import local, settings
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.doctor.timing import timed
from outofband.net.proxies import LOOPBACK, NONE, Choice
from outofband.wire.check import AZCM, Evidence, Name, State, Step, failed, ok


async def himds(state: StateDir) -> Step:
    """Whether the service answers, and what it says of itself."""
    began = clock.monotonic()
    try:
        # Bounded by the socket's own time-out.
        found = await asyncio.to_thread(local.status, state)
    except Fault as fault:
        return timed(_of_fault(Name.HIMDS, fault), began)
    seen: Evidence = {
        "version": found.version,
        "since": found.since or "",
        "connected": found.connected,
        "link": found.link,
        "heartbeat": found.heartbeat,
    }
    if found.problem:
        seen["problem"] = found.problem
    if found.identity is not None and not found.web:
        seen["detail"] = found.identity
        return timed(failed(Name.HIMDS, "AgentEndpointDown", seen, state=State.WARNING), began)
    return timed(ok(Name.HIMDS, **seen), began)


def configuration(state: StateDir, proxies: list[Choice]) -> Step:
    """The settings that were made, and whether the proxy in effect can be one."""
    began = clock.monotonic()
    try:
        made = settings.load(state)
    except Fault as fault:
        return timed(_of_fault(Name.CONFIGURATION, fault), began)
    shown = made.shown()
    seen: Evidence = {"file": str(settings.path(state))}
    seen["settings"] = [f"{name}={shown[name]}" for name in sorted(made.changed)]
    for choice in proxies:
        if choice.source not in (NONE, LOOPBACK):
            seen["proxy"], seen["source"] = choice.shown or "", choice.source
        if choice.url is not None and not _is_proxy(choice.url):
            return timed(failed(Name.CONFIGURATION, "ProxySettingInvalid", seen), began)
    return timed(ok(Name.CONFIGURATION, **seen), began)


def _of_fault(step: Name, fault: Fault) -> Step:
    seen: Evidence = {key: each for key, each in fault.fields.items() if isinstance(each, str | int | float)}
    code = fault.code if fault.code in AZCM else "AgentServiceGarbled"
    return failed(step, code, seen if code == fault.code else {**seen, "path": "", "detail": str(fault)})


def _is_proxy(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:
        return False
