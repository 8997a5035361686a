"""How a machine that was made by PUT is claimed: its agent proves the key that stands in the resource."""

from __future__ import annotations

import hmac
from collections.abc import Callable

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId, parse_id
from outofband.fleet import identities, keys, trail
from outofband.fleet.credentials import Credentials
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.connecting import ConnectAnswer, ConnectRequest, RekeyRequest, connect_text, rekey_text

log = structlog.get_logger(__name__)

MAX_HARDWARE = 128
"""Characters of a fingerprint."""
_KIND = "microsoft.hybridcompute/machines"


class Connecting:
    """Claims and re-keys. `trust` gives the PEM bundle to pin; `location` what a resource without one has."""

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        *,
        arm: str,
        link: str,
        trust: Callable[[], str],
        location: str,
    ) -> None:
        self._store, self._credentials = store, credentials
        self._arm, self._link, self._trust = arm, link, trust
        self._location = location

    async def claim(self, request: ConnectRequest, address: str) -> tuple[Agent, ConnectAnswer]:
        """Give a machine to who holds its key. A repeat has the same answer.

        Raises Fault InvalidParameter for what is malformed, MachineNotClaimed for everything that only the
        key would have opened, without saying which; and to the key alone AgentExpired, AgentRevoked,
        AgentCloned.
        """
        _check_key(request.public_key)
        if len(request.hardware) > MAX_HARDWARE:
            raise Fault("InvalidParameter", target="hardware", detail=f"at most {MAX_HARDWARE} characters")
        # Before anything is looked up: how long that takes depends on what was sent alone.
        text = connect_text(request.machine, request.public_key, request.hardware)
        proven = keys.verify(request.public_key, request.proof, text)
        try:
            rid = parse_id(request.machine)
        except Fault as fault:
            raise Fault("InvalidParameter", target="machine", detail="it is no resource id") from fault
        if rid.type.lower() != _KIND or not rid.group:
            raise Fault("InvalidParameter", target="machine", detail="it is no machine's id")

        async def settle(tx: Tx) -> Agent:
            return await self._claim(tx, rid, request, proven, address)

        agent = await self._store.transact(settle)
        log.info("agent.connected", agent=agent.id, name=agent.name, address=address)
        return agent, self._answer(agent)

    async def _claim(
        self, tx: Tx, rid: ResourceId, request: ConnectRequest, proven: bool, address: str
    ) -> Agent:
        now = clock.now()
        there = await self._store.agents.at(tx, rid.subscription or "", rid.group or "", rid.name)
        theirs = there.public_key if there is not None else ""
        if (
            not hmac.compare_digest(theirs.encode(), request.public_key.encode())
            or not proven
            or there is None
        ):
            raise Fault("MachineNotClaimed")
        if there.revoked is not None:
            raise Fault("AgentRevoked", agent=there.name)
        if not there.awaiting:
            require_unexpired(there)
            require_original(there, request.hardware)
            return await self._credentials.current(tx, there, now)
        claimed = await self._store.agents.update(
            tx,
            there.id,
            awaiting=False,
            renews=True,
            hardware=request.hardware or None,
            version=request.version[:64] or None,
            trouble=None,
        )
        assert claimed is not None
        await identities.give(self._store, tx, claimed)
        await trail.note(self._store, tx, claimed, trail.CONNECT, now, address=address)
        return await self._credentials.current(tx, claimed, now)

    async def rekey(self, request: RekeyRequest, address: str) -> tuple[Agent, ConnectAnswer]:
        """Replace a key by a new one while the old one is intact. A repeat has the same answer.

        Raises Fault InvalidParameter, AgentUnknown for an agent without that old key, AgentExpired,
        AgentKeyTaken.
        """
        _check_key(request.public_key)
        text = rekey_text(request.agent, request.public_key)
        if not keys.verify(request.public_key, request.proof, text):
            raise Fault("InvalidParameter", target="proof", detail="the key did not make this signature")

        async def settle(tx: Tx) -> Agent:
            return await self._rekey(tx, request, text, address)

        agent = await self._store.transact(settle)
        log.info("agent.rekeyed", agent=agent.id, name=agent.name, address=address)
        return agent, self._answer(agent)

    async def _rekey(self, tx: Tx, request: RekeyRequest, text: bytes, address: str) -> Agent:
        now = clock.now()
        there = await self._store.agents.get(tx, request.agent)
        if there is None or there.revoked is not None or there.awaiting:
            raise Fault("AgentUnknown", agent=request.agent[:80])
        repeated = there.public_key == request.public_key
        old = (there.former_key or "") if repeated else there.public_key
        if not keys.verify(old, request.consent, text):
            raise Fault("AgentUnknown", agent=request.agent[:80])
        require_unexpired(there)
        if repeated:
            return await self._credentials.current(tx, there, now)
        # The fingerprint is bound to the key: the next link says the new one, of whatever machine it is.
        changed = await self._store.agents.update(
            tx,
            there.id,
            public_key=request.public_key,
            former_key=there.public_key,
            hardware=None,
            trouble=None,
        )
        assert changed is not None
        await trail.note(self._store, tx, changed, trail.REKEY, now, address=address)
        return await self._credentials.renew(tx, changed, now)

    def _answer(self, agent: Agent) -> ConnectAnswer:
        return ConnectAnswer(
            agent=agent.id,
            name=agent.name,
            tenant=agent.tenant_id,
            subscription=agent.subscription_id,
            group=agent.resource_group,
            location=agent.location or self._location,
            trust=self._trust(),
            arm=self._arm,
            link=self._link,
            certificate=agent.certificate or "",
        )


def require_unexpired(agent: Agent) -> None:
    """Raises Fault AgentExpired."""
    if agent.expired(clock.now()):
        raise Fault("AgentExpired", agent=agent.name, expired=clock.iso(agent.certificate_expires))


def require_original(agent: Agent, hardware: str) -> None:
    """Raises Fault AgentCloned when the key is used on another machine than it was made on."""
    if agent.hardware and hardware and agent.hardware != hardware:
        raise Fault("AgentCloned", agent=agent.name)


def _check_key(public_key: str) -> None:
    if not keys.well_formed(public_key):
        raise Fault("InvalidParameter", target="publicKey", detail="expected 32 bytes in base64url")
