"""The identity of a machine: a service principal that comes with the host, is proven by its key, and goes
with it.

Roles are given to it like to any other. Its object id and client id are the agent's id, which the machine
resource shows as `identity.principalId`.
"""

from __future__ import annotations

from outofband.store.agents import Agent
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx


async def give(store: Store, tx: Tx, agent: Agent) -> None:
    """In the unit that enrols the agent, or enrols it again."""
    if await store.principals.get(tx, agent.id) is not None:
        return
    principal = ServicePrincipal(
        object_id=agent.id,
        app_id=agent.id,
        tenant_id=agent.tenant_id,
        name=agent.name,
        disabled=False,
        created=agent.enrolled,
    )
    # Of no application: no secret and no certificate can ever prove it.
    await store.principals.add(tx, principal, application=False)


async def switch_off(store: Store, tx: Tx, agent_id: str) -> None:
    """The agent is refused from now on, and with it what it could do."""
    await store.principals.set_disabled(tx, agent_id, True)


async def take(store: Store, tx: Tx, agent_id: str) -> None:
    """With its roles and memberships, in the unit that removes the agent."""
    await store.assignments.remove_of(tx, agent_id)
    await store.groups.forget(tx, agent_id)
    await store.custodians.forget(tx, agent_id)
    await store.principals.remove(tx, agent_id)
