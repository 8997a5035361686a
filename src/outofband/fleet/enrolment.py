"""How a host becomes an agent: a one-time token, bound to the first key that shows it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.fleet import identities, keys
from outofband.fleet.connecting import require_unexpired
from outofband.fleet.credentials import Credentials
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.enrolment import NAME, EnrolAnswer, EnrolmentToken, EnrolRequest, parse_token, proof_text

log = structlog.get_logger(__name__)

LIFE_DEFAULT = timedelta(hours=1)
LIFE_MAX = timedelta(days=7)


class Enrolment:
    """Makes tokens and redeems them.

    `fingerprint` and `trust` give the current authority's SHA-256 (hex) and the PEM bundle to pin; both may
    change while the process runs.
    """

    def __init__(
        self,
        store: Store,
        credentials: Credentials,
        *,
        arm: str,
        link: str,
        fingerprint: Callable[[], str],
        trust: Callable[[], str],
    ) -> None:
        self._store, self._credentials = store, credentials
        self._arm, self._link = arm, link
        self._fingerprint, self._trust = fingerprint, trust

    async def create_token(
        self,
        principal: Principal,
        subscription: str,
        group: str,
        *,
        name: str | None = None,
        life: timedelta = LIFE_DEFAULT,
    ) -> str:
        """A token in its text form. The store keeps a digest only. `name` fixes the machine's name.

        Raises Fault InvalidParameter when `life` is not within (0, LIFE_MAX] or `name` is no name.
        """
        if not timedelta(0) < life <= LIFE_MAX:
            raise Fault("InvalidParameter", target="life", detail=f"at most {LIFE_MAX.days} days")
        if name is not None:
            _check_name(name)
        async with self._store.write() as tx:
            row, secret = await self._store.enrolment.make(
                tx,
                tenant_id=principal.tenant,
                subscription_id=subscription,
                resource_group=group,
                by=principal.object_id,
                now=clock.now(),
                agent_name=name,
                life=life,
            )
        return str(EnrolmentToken(row.id, secret, self._fingerprint()))

    async def enrol(self, request: EnrolRequest, address: str) -> tuple[Agent, EnrolAnswer]:
        """Redeem a token. The same token and key give the same answer again: one may get lost.

        Raises Fault EnrollmentTokenInvalid, AgentNameTaken, AgentKeyTaken, AgentRevoked, AgentExpired or
        InvalidParameter.
        """
        token = parse_token(request.token)
        _check_name(request.name)
        if not keys.well_formed(request.public_key):
            raise Fault("InvalidParameter", target="publicKey", detail="expected 32 bytes in base64url")
        text = proof_text(token.id, request.name, request.public_key)
        if not keys.verify(request.public_key, request.proof, text):
            raise Fault("InvalidParameter", target="proof", detail="the key did not make this signature")

        async def redeem(tx: Tx) -> Agent:
            return await self._redeem(tx, token, request)

        agent = await self._store.transact(redeem)
        log.info("agent.enrolled", agent=agent.id, name=agent.name, address=address)
        return agent, EnrolAnswer(
            agent=agent.id,
            name=agent.name,
            tenant=agent.tenant_id,
            subscription=agent.subscription_id,
            group=agent.resource_group,
            trust=self._trust(),
            arm=self._arm,
            link=self._link,
            certificate=agent.certificate or "",
        )

    async def _redeem(self, tx: Tx, token: EnrolmentToken, request: EnrolRequest) -> Agent:
        now = clock.now()
        row = await self._store.enrolment.redeem(tx, token.id, token.secret, request.public_key, now)
        # A used token whose agent was removed since must not bring it back.
        if row.used != now and row.agent_id is None:
            raise Fault("EnrollmentTokenInvalid")
        if row.agent_name is not None and row.agent_name.lower() != request.name.lower():
            raise Fault("InvalidParameter", target="name", detail=f"the token is for '{row.agent_name}'")
        agent = await self._store.agents.enrol(
            tx,
            name=row.agent_name or request.name,
            tenant_id=row.tenant_id,
            subscription_id=row.subscription_id,
            resource_group=row.resource_group,
            public_key=request.public_key,
            now=now,
        )
        require_unexpired(agent)
        await identities.give(self._store, tx, agent)
        await self._store.enrolment.settle(tx, row.id, agent.id)
        return await self._credentials.current(tx, agent, now)


def _check_name(name: str) -> None:
    if not NAME.fullmatch(name):
        raise Fault(
            "InvalidParameter",
            target="name",
            detail="letters, digits, '-', '_' and '.', 54 characters at most",
        )
