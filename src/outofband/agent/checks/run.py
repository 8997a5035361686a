"""The whole of a check: everything that does not wait for something else goes on at the same time."""

from __future__ import annotations

import asyncio

import httpx
import msgspec

import outofband
from outofband.agent import clouds, settings
from outofband.agent.checks import endpoints, identity, server
from outofband.agent.checks.endpoints import Cloud
from outofband.agent.state import Identity, find_identity
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.core.paths import StateDir
from outofband.net.doctor.walk import Target, walk
from outofband.net.fetch import FetchFailed, fetch, trusting
from outofband.wire.check import (
    NETWORK,
    Because,
    Endpoint,
    Name,
    Report,
    State,
    Step,
    number,
    skipped,
    told,
    worst,
)

DONE = "AZCM0000"
PUBLIC = ("login", "arm")
"""Addresses that private link leaves as they are."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What to look at. `mine`: the cloud is the one that this server belongs to, so its identity counts.
    `private`: the addresses of its services have to be private ones.
    """

    cloud: Cloud
    mine: bool = True
    location: str = ""
    extensions: str = ""
    include_all: bool = False
    private: bool = False


class _Place(msgspec.Struct):
    """Of the portal's description: where consoles open."""

    gateways: list[str] = []


def run(state: StateDir, asked: Asked, locale: str = DEFAULT) -> Report:
    """Look at everything; blocks, for well under a minute whatever is wrong."""
    return asyncio.run(look(state, asked, locale))


def own(state: StateDir) -> Cloud | None:
    """The cloud that this server is connected to, else the one it was installed for; None for neither.

    Raises Fault CloudUnreadable.
    """
    installed, mine = clouds.load(state), find_identity(state)
    if mine is not None:
        name = mine.cloud or (installed.name if installed is not None else clouds.DEFAULT_NAME)
        same = installed is not None and installed.arm == mine.arm
        login = installed.login if installed is not None and same else mine.arm
        return Cloud(name=name, arm=mine.arm, login=login, trust=mine.trust or None, link=mine.link)
    if installed is None:
        return None
    return Cloud(name=installed.name, arm=installed.arm, login=installed.login, trust=installed.trust or None)


async def look(state: StateDir, asked: Asked, locale: str = DEFAULT) -> Report:
    began, when = clock.monotonic(), clock.iso()
    mine = find_identity(state) if asked.mine else None
    try:
        settings.load(state).use_proxy()
    except Fault:
        # The step configuration tells of it.
        pass
    aims = endpoints.targets(
        asked.cloud, location=asked.location, extensions=asked.extensions, include_all=asked.include_all
    )
    if asked.private:
        aims = [each if each.name in PUBLIC else msgspec.structs.replace(each, private=True) for each in aims]
    himds, walked, who = await asyncio.gather(
        server.himds(state), _walk_all(aims, asked), _who(state, asked, mine)
    )
    first = [himds, server.configuration(state, [aim.proxy for aim in aims])]
    return _report(asked, when, clock.monotonic() - began, first, walked, who, locale)


def ways(cloud: Cloud, locale: str = DEFAULT) -> list[Endpoint]:
    """Only the ways to the addresses that a connect needs, in words. Blocks."""

    async def walk_them() -> list[Endpoint]:
        return await asyncio.gather(*(walk(aim) for aim in endpoints.targets(cloud)))

    return [_told(each, locale) for each in asyncio.run(walk_them())]


async def _walk_all(aims: list[Target], asked: Asked) -> list[Endpoint]:
    found = list(await asyncio.gather(*(walk(aim) for aim in aims)))
    arm = next((each for each in found if each.name == "arm"), None)
    if asked.cloud.ours and arm is not None and arm.state is not State.FAILED:
        url = await _console(asked.cloud)
        if url:
            found.append(await walk(endpoints.console(url, asked.cloud.trust)))
    return found


async def _console(cloud: Cloud) -> str:
    """Where this control plane's consoles open; empty where it does not say."""
    try:
        answer = await fetch(f"{cloud.arm.rstrip('/')}/portal/config.json", trusting(cloud.trust))
        place = msgspec.json.decode(answer.body, type=_Place)
    except (FetchFailed, ValueError, httpx.HTTPError):
        return ""
    return place.gateways[0] if place.gateways else ""


async def _who(state: StateDir, asked: Asked, mine: Identity | None) -> list[Step]:
    names = (Name.IDENTITY, Name.RBAC, Name.PROVIDER)
    if not asked.mine:
        return [skipped(name, Because.NOT_LOCAL) for name in names]
    if mine is None:
        return [skipped(name, Because.NOT_CONNECTED) for name in names]
    first = identity.certificate_of(state, mine)
    if first.cause == "AgentKeyLost":
        return [first, *(skipped(name, Because.EARLIER) for name in names[1:])]
    return [first, *await identity.rights(state, mine)]


def _report(
    asked: Asked,
    when: str,
    seconds: float,
    first: list[Step],
    walked: list[Endpoint],
    who: list[Step],
    locale: str,
) -> Report:
    """A way that is broken is what people look for: its code goes before those of the server itself."""
    needed = [each for each in walked if each.required]
    broken = [step for each in needed if (step := each.broken) is not None]
    others = [step for step in (*first, *who) if step.state is State.FAILED]
    every = [*first, *who, *(step for each in needed for step in each.steps)]
    code = (
        NETWORK
        if any(step.code == NETWORK for step in broken)
        else next((step.code for step in (*broken, *others)), DONE)
    )
    return Report(
        version=outofband.__version__,
        began=when,
        seconds=round(seconds, 3),
        cloud=asked.cloud.name,
        location=asked.location or None,
        state=worst(every),
        code=code,
        exit=number(code),
        local=[told(step, locale) for step in first],
        endpoints=[_told(each, locale) for each in walked],
        identity=[told(step, locale) for step in who],
    )


def _told(endpoint: Endpoint, locale: str) -> Endpoint:
    return msgspec.structs.replace(endpoint, steps=[told(step, locale) for step in endpoint.steps])
