"""Looks at a VM for a run: at its port from here and from its host, and at what each step is about."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import msgspec

from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.net.remote.look import look as look_at
from outofband.providers.compute import instance_view
from outofband.providers.compute import shape as vm
from outofband.providers.network.house import House
from outofband.providers.rescues.scene import door, evaluated, public_address, reads_log, scene
from outofband.providers.rescues.within import ask_guest, take_picture
from outofband.rescue import judging, rules, sign_in, way
from outofband.rescue.doing import Errand
from outofband.rescue.run import Found, Look, Probed, Run, found
from outofband.rescue.runbook import Deed, Step
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.machine import PROTECTED, Verb
from outofband.wire.network import prefixes
from outofband.wire.network.flows import Flow, Group
from outofband.wire.network.prefixes import Address
from outofband.wire.network.rules import Direction
from outofband.wire.network.rules import Protocol as Transport
from outofband.wire.network.tags import internet
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import Protocol as Remote
from outofband.wire.remote import Report, Where

HOST_SECONDS = 75.0
"""How long a host may take over a look: a server that says nothing is waited for."""
SOMEBODY = prefixes.address("198.51.100.1")
"""Stands for whoever comes from the internet, where the caller does not (RFC 5737)."""
PASSWORD = "password"  # noqa: S105 - a key of the errand's secret

Looking = Callable[..., Awaitable[Report]]
Lacking = Callable[[Errand, Run, Resource, Tx], Awaitable[dict[Deed, Fault]]]


class Sight:
    """`lacking` tells what the caller cannot have done here; `looking` is how a port is looked at."""

    def __init__(self, house: House, fleet: Fleet, lacking: Lacking, looking: Looking = look_at) -> None:
        self._house = house
        self._fleet = fleet
        self._lacking = lacking
        self._looking = looking

    async def address(self, errand: Errand) -> str:
        async with self._house.store.read() as tx:
            return await public_address(self._house, tx, await self._row(tx, errand))

    async def probe(self, errand: Errand, run: Run) -> Probed:
        """Both looks at once; neither raises for what is in its way. A password that was refused is not tried
        again while nothing was done about it.
        """
        nothing_done = run.current is not None and run.current.done is None
        if nothing_done and judging.refused_password(run.probed):
            return run.probed
        async with self._house.store.read() as tx:
            row = await self._row(tx, errand)
            address = await public_address(self._house, tx, row)
            at = await door(self._house, tx, row, run.wanted.port)
        user = run.wanted.user if errand.secret.get(PASSWORD) else ""
        outside, (host, trouble) = await asyncio.gather(
            self._outside(address, at, errand, run, user), self._at_host(row, errand, run, user)
        )
        lacks = judging.no_address(run) if outside is None else ()
        if at is None:
            lacks = (*lacks, self._no_endpoint(row, run))
        outside, held = way.seen_past(outside, host, run.wanted.locale)
        signed: tuple[Found, ...] = ()
        if user and sign_in.is_open(outside, host):
            by_ssh, _ = await self._at_host(row, errand, run, user, Remote.SSH)
            outside, host, signed = sign_in.judged(outside, host, by_ssh, run)
        return Probed(outside=outside, host=host, findings=(*lacks, *held, *trouble, *signed))

    async def look(self, errand: Errand, run: Run, step: Step) -> Look:
        async with self._house.store.read() as tx:
            row = await self._row(tx, errand)
            lacking = await self._lacking(errand, run, row, tx)
            if step is Step.RULES:
                at = await scene(self._house, self._fleet, tx, row, run, lacking)
                return judging.within(await self._rules(errand, run, row, tx), run, at)
            rights = await self._house.authorizer.rights(errand.caller, tx)
        inside = None
        if (
            step is Step.CONFIGURATION
            and Deed.RESET_CONFIGURATION not in lacking
            and judging.wants_inside(run)
        ):
            if instance_view.power(self._fleet, row) == "running":
                inside = await ask_guest(self._fleet, row, errand, run)
        elif step is Step.DIAGNOSTICS and vm.boot_diagnostics_on(row) and reads_log(row, rights):
            inside = await take_picture(self._fleet, row)
        async with self._house.store.read() as tx:
            at = await scene(self._house, self._fleet, tx, row, run, lacking, inside)
        return judging.look(step, run, at)

    async def _rules(self, errand: Errand, run: Run, row: Resource, tx: Tx) -> Look:
        card = await evaluated(self._house, tx, row)
        if card is None:
            fault = Fault("RescueNoInterface", vm=vm.command_name(row))
            return Look(findings=(found(fault, run.wanted.locale),))
        local = next(iter(card.subnets))
        subnet = card.subnet_of(local)
        groups: list[Group] = [each for each in (subnet.group, card.group) if each is not None]
        flow = Flow(
            direction=Direction.INBOUND,
            protocol=Transport.TCP,
            local=local,
            remote=_remote(errand, card.around.space, local),
            local_port=run.wanted.port,
            remote_port=None,
        )
        seen = rules.look(
            groups,
            flow,
            card.around,
            shut=local in card.closed,
            protocol=run.wanted.protocol,
            locale=run.wanted.locale,
        )
        left = way.between(run) if seen.lets_in else ()
        if await door(self._house, tx, row, run.wanted.port) is None:
            left = (self._no_endpoint(row, run),)
        return msgspec.structs.replace(seen, findings=(*judging.no_address(run), *seen.findings, *left))

    def _no_endpoint(self, row: Resource, run: Run) -> Found:
        fault = Fault("RescueNoEndpoint", vm=vm.command_name(row), port=run.wanted.port)
        return found(fault, run.wanted.locale)

    async def _outside(
        self, address: str, port: int | None, errand: Errand, run: Run, user: str
    ) -> Report | None:
        if not address or port is None:
            return None
        wanted = run.wanted
        tried = User(user, errand.secret[PASSWORD]) if user else None
        return await self._looking(
            address,
            wanted.protocol,
            port=port,
            user=tried,
            where=Where.CONTROL_PLANE,
            locale=wanted.locale,
            session=wanted.session,
        )

    async def _at_host(
        self, row: Resource, errand: Errand, run: Run, user: str, protocol: Remote | None = None
    ) -> tuple[Report | None, tuple[Found, ...]]:
        """`protocol`: another one than the run's."""
        wanted = run.wanted
        args: dict[str, object] = {"protocol": (protocol or wanted.protocol).value, "locale": wanted.locale}
        if wanted.session:
            args["session"] = True
        secret = {"user": user, PROTECTED: {"password": errand.secret[PASSWORD]}} if user else {}
        try:
            seen = await self._fleet.ask(
                vm.private_of(row).agent,
                Verb.PROBE,
                row.uid,
                {**args, **secret},
                epoch=row.epoch,
                timeout=HOST_SECONDS,
            )
            return msgspec.convert(seen.data, Report), ()
        except Fault as fault:
            if fault.code in PASSING:
                raise
            return None, (found(fault, run.wanted.locale),)
        except msgspec.ValidationError as error:
            odd = Fault("HypervisorRefused", verb=Verb.PROBE.value, detail=str(error))
            return None, (found(odd, run.wanted.locale),)

    async def _row(self, tx: Tx, errand: Errand) -> Resource:
        return await self._house.store.resources.require(tx, errand.vm)


def _remote(errand: Errand, space: tuple[prefixes.Block, ...], local: Address) -> Address:
    """Who is to get in: the caller, where they come from the internet."""
    caller = prefixes.address(errand.address or "")
    if caller is not None and caller.version == local.version and prefixes.holds(internet(space), caller):
        return caller
    assert SOMEBODY is not None
    return SOMEBODY
