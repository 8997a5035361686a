"""The certificate of a machine: issued for its agent's key, good for `LIFE`, renewed by its agent."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from outofband.core.errors import Fault
from outofband.store.agents import Agent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.connecting import LIFE, RENEW_AFTER

Certify = Callable[[str, str, str, datetime, timedelta], tuple[str, datetime]]
"""Makes a certificate of a public key (base64url), an agent's id and the URI of its resource, from now on and
for so long: the PEM, and when it really ends.
"""


class Credentials:
    """`arm` is the base of the URIs that certificates name resources by."""

    def __init__(self, store: Store, certify: Certify, arm: str) -> None:
        self._store = store
        self._certify = certify
        self._arm = arm.rstrip("/")

    async def current(self, tx: Tx, agent: Agent, now: datetime) -> Agent:
        """The row with a certificate that will do: the one it has while no agent would renew it, so that a
        repeated request has the same answer.
        """
        return agent if not due(agent, now) else await self.renew(tx, agent, now)

    async def renew(self, tx: Tx, agent: Agent, now: datetime) -> Agent:
        """The row with a new certificate. Raises Fault AgentUnknown when it is gone."""
        uri = f"{self._arm}{agent.resource_id}"
        certificate, end = self._certify(agent.public_key, agent.id, uri, now, LIFE)
        changed = await self._store.agents.update(
            tx, agent.id, certificate=certificate, certificate_issued=now, certificate_expires=end
        )
        if changed is None:
            raise Fault("AgentUnknown", agent=agent.id)
        return changed


def due(agent: Agent, now: datetime) -> bool:
    """Whether its agent should have a new certificate by now."""
    issued, end = agent.certificate_issued, agent.certificate_expires
    return issued is None or end is None or now >= issued + RENEW_AFTER or end <= now
