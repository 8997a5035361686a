"""How a VM is reached from outside, and a look at it from its own host."""

from __future__ import annotations

import msgspec

from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.network.attached import Attached
from outofband.core.errors import Fault
from outofband.net.remote import tries
from outofband.net.remote.look import look
from outofband.wire.machine import Power, Verb
from outofband.wire.network.plan import Plan
from outofband.wire.network.reach import ReachArgs
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import PORTS, Protocol, Where


class Secret(msgspec.Struct, frozen=True, kw_only=True):
    """What no log shows and nobody keeps."""

    password: str = ""

    def __repr__(self) -> str:
        return "Secret()"


class ProbeArgs(msgspec.Struct, frozen=True, kw_only=True):
    """`protected` holds the password of `user`, where one is to be tried. `session`: as `look` has it."""

    protocol: Protocol
    port: int | None = None
    user: str = ""
    locale: str = "en"
    session: bool = False
    protected: Secret = Secret()


async def change(machine: Machine, plan: Plan) -> Outcome:
    """Have the VM reached as the plan says from now on; what is no longer allowed is cut.

    Raises Fault ActionNotSupported, VmWithoutCard, HostPolicyRefused, DefinitionInvalid.
    """
    network = _network(machine, Verb.NETWORK)
    await network.change(plan)
    data = {"listening": network.listening, "problems": network.problems}
    if machine.power is not Power.RUNNING:
        return Outcome("The plan is kept for the VM's next start.", data)
    if network.problems:
        words = "; ".join(f"{place}: {why}" for place, why in network.problems.items())
        return Outcome(f"The VM is not reached everywhere: {words}.", data)
    return Outcome(f"The VM is reached at {len(network.listening)} ports.", data)


async def probe(machine: Machine, wish: ProbeArgs) -> Outcome:
    """Look at the VM's Remote Desktop or SSH from this host, past every rule: what it says itself."""
    machine.expect(Verb.PROBE, Power.RUNNING)
    wanted = wish.port or PORTS[wish.protocol]
    network = _network(machine, Verb.PROBE)
    user = User(wish.user, wish.protected.password) if wish.user else None
    async with network.way_to(wanted) as way:
        await network.again()
        report = await look(
            machine.name,
            wish.protocol,
            port=wanted,
            user=user,
            where=Where.HOST,
            locale=wish.locale,
            through=way,
            session=wish.session,
        )
    forwarder = {"listening": network.listening, "problems": network.problems}
    shown = msgspec.structs.replace(report, evidence=report.evidence | {"forwarder": forwarder})
    said = (
        "It answers" if shown.works else f"It does not answer: {shown.problem.title if shown.problem else ''}"
    )
    return Outcome(f"{said}.", msgspec.to_builtins(shown))


async def reach(machine: Machine, wish: ReachArgs) -> Outcome:
    """Try a port elsewhere from this host, which is where a guest's own connections leave from.

    Raises Fault VmNotRunning, ActionNotSupported, VmWithoutCard or InvalidParameter.
    """
    machine.expect(Verb.REACH, Power.RUNNING)
    _network(machine, Verb.REACH)
    found = await tries.reach(wish)
    said = f"{len(found.times)} of {len(found.tries)} connections came through"
    return Outcome(f"{said}.", msgspec.to_builtins(found))


def _network(machine: Machine, verb: Verb) -> Attached:
    if machine.network is None and verb in machine.driver.verbs:
        raise Fault("VmWithoutCard", vm=machine.name)
    if machine.network is None:
        raise Fault("ActionNotSupported", driver=machine.definition.driver, verb=str(verb))
    return machine.network
