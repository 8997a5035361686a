"""What the host's administrator asks of a running agent over its local socket, and how each is done.

Whatever changes the agent's identity is done one after another, and in an order in which a kill between any
two steps leaves either the state before or one that says what is halfway (agent.halfway).
"""

from __future__ import annotations

import asyncio
from typing import Protocol

import msgspec
import structlog

import outofband
from outofband.agent import certificate, enroll, exchange, halfway, hardware, local, settings
from outofband.agent import state as states
from outofband.agent.halfway import Halfway, Operation
from outofband.agent.local import AgentStatus, KeyFacts
from outofband.agent.membership import Membership
from outofband.agent.settings import Settings
from outofband.agent.state import (
    HostKey,
    Identity,
    find_identity,
    key_path,
    load_identity,
    next_key_path,
    save_identity,
)
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.fetch import trusting
from outofband.net.trust import fingerprints
from outofband.wire.connecting import (
    CONNECT_PATH,
    REKEY_PATH,
    ConnectAnswer,
    ConnectRequest,
    RekeyRequest,
    connect_text,
    rekey_text,
)

log = structlog.get_logger(__name__)


class Agent(Protocol):
    """The service, as its desk needs it."""

    @property
    def membership(self) -> Membership | None: ...
    @property
    def expired(self) -> bool:
        """Whether the certificate's end keeps the link from opening."""
        ...

    def status(self) -> AgentStatus: ...
    def hardware(self, public_key: str) -> hardware.Fingerprints: ...
    def join(self) -> None:
        """Begin what there is only with an identity; what keeps it from that is told in the status."""
        ...

    async def leave(self) -> None: ...
    def reload(self, changed: Settings) -> None: ...


class Desk:
    def __init__(self, state: StateDir, agent: Agent) -> None:
        self._state, self._agent = state, agent
        self._changing = asyncio.Lock()

    async def answer(self, question: local.Question) -> object:
        """The value that the question asks for. Raises Fault as the functions of agent.local say."""
        match question:
            case local.Status():
                return self._agent.status()
            case local.Key():
                return self._key()
            case local.Renew():
                return await self._renew()
        async with self._changing:
            match question:
                case local.Begin(operation, machine, correlation):
                    return self._begin(operation, machine, correlation)
                case local.Withdraw(former):
                    self._withdraw(former)
                case local.Claim():
                    return await self._claim(question)
                case local.Enrol(server, token, name):
                    return await self._enrol(server, token, name)
                case local.Release():
                    await self._release()
                case local.Rekey():
                    return await self._rekey()
                case local.Reload():
                    self._agent.reload(settings.load(self._state))
        return None

    async def resume(self) -> None:
        """Go on with what a kill interrupted and nobody but the agent has to do: the end of a connect, whose
        identity is here already, and a new key that the control plane may have.
        """
        async with self._changing:
            begun, identity = halfway.load(self._state), find_identity(self._state)
            connecting = begun is not None and begun.operation is Operation.CONNECT
            if begun is not None and connecting and identity is not None and begun.since <= identity.enrolled:
                halfway.remove(self._state)
            if identity is None or not next_key_path(self._state).exists():
                return
        wait = 1.0
        while next_key_path(self._state).exists():
            try:
                async with self._changing:
                    await self._rekey()
                return
            except Fault as fault:
                log.warning("rekey.interrupted", code=fault.code, again_in=wait)
                if fault.code not in ("ControlPlaneUnreachable", "UnexpectedAnswer", "CertificateNotTrusted"):
                    # It knows neither: the next `rekey` begins with the same key.
                    return
            await asyncio.sleep(wait)
            wait = min(wait * 2, 300.0)

    def _key(self) -> KeyFacts:
        key = HostKey.of(self._state)
        identity = find_identity(self._state)
        return KeyFacts(
            public_key=key.public,
            hardware=self._agent.hardware(key.public).whole,
            vm_id=(identity.vm_id if identity else "") or states.vm_id(key.public),
        )

    def _begin(self, operation: Operation, machine: str, correlation: str) -> Halfway | None:
        identity, before = find_identity(self._state), halfway.load(self._state)
        if operation is Operation.CONNECT and identity is not None and not self._comes_back(machine):
            raise _connected(identity)
        if operation is Operation.DISCONNECT and identity is None and before is None:
            raise Fault("AgentNotEnrolled", path=str(states.identity_path(self._state)))
        begun = Halfway(operation=operation, machine=machine, since=clock.iso(), correlation=correlation)
        halfway.save(self._state, begun)
        log.info("halfway.begun", operation=str(operation), machine=machine, correlation=correlation)
        return before

    def _withdraw(self, former: Halfway | None) -> None:
        if former is not None:
            halfway.save(self._state, former)
        else:
            halfway.remove(self._state)
        log.info("halfway.withdrawn", former=str(former.operation) if former else "")

    def _comes_back(self, machine: str) -> bool:
        """Whether this server is that machine, away until its certificate had ended: its key is as good as it
        was, once somebody with the right has made the machine anew for it.
        """
        identity = find_identity(self._state)
        return identity is not None and self._agent.expired and identity.resource.lower() == machine.lower()

    async def _claim(self, ask: local.Claim) -> AgentStatus:
        if (identity := find_identity(self._state)) is not None:
            if identity.resource.lower() != ask.machine.lower():
                raise _connected(identity)
            if not self._agent.expired:
                halfway.remove(self._state)
                return self._agent.status()
        key = HostKey.of(self._state)
        marks = self._agent.hardware(key.public)
        request = ConnectRequest(
            machine=ask.machine,
            public_key=key.public,
            proof=key.sign(connect_text(ask.machine, key.public, marks.whole)),
            hardware=marks.whole,
            version=outofband.__version__,
        )
        base = exchange.base_url(ask.arm)
        answer = await _post(base + CONNECT_PATH, ask.trust or None, request)
        _check_trust(base, ask.trust, answer.trust)
        begun = halfway.load(self._state)
        identity = Identity(
            agent=answer.agent,
            name=answer.name,
            arm=answer.arm,
            link=answer.link,
            trust=answer.trust,
            token="",
            enrolled=clock.iso(),
            tenant=answer.tenant,
            subscription=answer.subscription,
            group=answer.group,
            location=answer.location,
            cloud=ask.cloud,
            correlation=begun.correlation if begun else "",
            vm_id=states.vm_id(key.public),
            hardware=marks,
        )
        certificate.keep(self._state, answer.certificate, key.raw)
        save_identity(self._state, identity)
        halfway.remove(self._state)
        log.info("agent.connected", agent=identity.agent, machine=identity.resource)
        await self._agent.leave()
        self._agent.join()
        return self._agent.status()

    async def _enrol(self, server: str, token: str, name: str) -> AgentStatus:
        if (identity := find_identity(self._state)) is not None:
            raise _connected(identity)
        base = exchange.base_url(server)
        marks = self._agent.hardware
        await asyncio.to_thread(enroll.redeem, self._state, base, token, name or None, marks)
        halfway.remove(self._state)
        self._agent.join()
        return self._agent.status()

    async def _release(self) -> None:
        identity, begun = find_identity(self._state), halfway.load(self._state)
        if begun is None or begun.operation is not Operation.DISCONNECT:
            machine = identity.resource if identity else begun.machine if begun else ""
            halfway.save(
                self._state, Halfway(operation=Operation.DISCONNECT, machine=machine, since=clock.iso())
            )
        await self._agent.leave()
        states.forget(self._state)
        halfway.remove(self._state)
        log.info("agent.disconnected", machine=identity.resource if identity else "")
        self._agent.join()

    async def _renew(self) -> str:
        member = self._agent.membership
        if member is None:
            _ = load_identity(self._state), HostKey.of(self._state)
            raise Fault("CertificateNotRenewed", detail="the control link is not open")
        if not member.link.linked:
            raise Fault("CertificateNotRenewed", detail="the control link is not open")
        made = member.upkeep.ask()
        member.link.nudge()
        try:
            return clock.iso((await asyncio.wait_for(made, local.WORK_SECONDS / 2)).ends)
        except TimeoutError as error:
            raise Fault("CertificateNotRenewed", detail="the control plane did not answer") from error

    async def _rekey(self) -> str:
        """The new key lies beside the old one from before the control plane hears of it until after it has
        answered: whoever is killed between finds both and asks again.
        """
        identity, old = load_identity(self._state), HostKey.load(key_path(self._state))
        path = next_key_path(self._state)
        if path.exists():
            new = HostKey.load(path)
        else:
            new = HostKey.make()
            new.save(path)
        text = rekey_text(identity.agent, new.public)
        request = RekeyRequest(
            agent=identity.agent, public_key=new.public, proof=new.sign(text), consent=old.sign(text)
        )
        answer = await _post(identity.arm + REKEY_PATH, identity.trust, request)
        marks = self._agent.hardware(new.public)
        changed = msgspec.structs.replace(identity, hardware=marks)
        made = certificate.keep(self._state, answer.certificate, new.raw)
        save_identity(self._state, changed)
        path.replace(key_path(self._state))
        log.info("agent.rekeyed", agent=identity.agent)
        if self._agent.membership is not None:
            self._agent.membership.rekeyed(changed, new, marks.whole)
        else:
            self._agent.join()
        return clock.iso(made.ends) if made else ""


def _connected(identity: Identity) -> Fault:
    return Fault("AgentConnected", name=identity.name, machine=identity.resource or identity.arm)


async def _post(url: str, trust: str | None, request: msgspec.Struct) -> ConnectAnswer:
    """Raises Fault as agent.exchange does."""
    try:
        context = trusting(trust)
    except ValueError as error:
        raise Fault("InvalidParameter", target="trust", detail=str(error)) from error
    return await asyncio.to_thread(exchange.admission, url, context, request, ConnectAnswer)


def _check_trust(base: str, pinned: str, offered: str) -> None:
    """Whoever answered may add an authority, not replace those that vouched for it."""
    if not pinned:
        return
    known = fingerprints(pinned)
    try:
        theirs = fingerprints(offered)
    except ValueError:
        theirs = {}
    if not known.keys() & theirs.keys():
        seen, expected = ", ".join(theirs) or "none", ", ".join(known)
        raise Fault("ControlPlaneNotTrusted", url=base, seen=seen, expected=expected)
