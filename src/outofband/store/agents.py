"""Host agents: who they are (a key made on the host), where they belong, and which link they are on."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_LISTED = 10_000
GONE = "agents:gone"
"""The bell topic that rings when an agent was revoked or removed, or has another key: every node ends what it
has of it.
"""


class Agent(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    name: str
    tenant_id: str
    subscription_id: str
    resource_group: str
    public_key: str
    """Ed25519, 32 bytes, base64url; the private half never leaves the host."""
    version: str | None
    enrolled: datetime
    revoked: datetime | None
    last_seen: datetime | None
    inventory: Any
    """The last inventory as the agent sent it, None before the first."""
    inventory_at: datetime | None
    link_id: str | None
    """The control link it is on; None when it is not connected."""
    link_node: str | None
    link_since: datetime | None
    awaiting: bool = False
    """Made as a resource, and not claimed yet by the key it was made with."""
    location: str | None = None
    tags: Any = None
    """Object of texts; None for none."""
    properties: Any = None
    """What its creator said of it, as an object; None of a host that enrolled with a token."""
    created_by: str | None = None
    """Object id of who made the resource."""
    changed: datetime | None = None
    changed_by: str | None = None
    hardware: str | None = None
    """Fingerprint of the machine the key was made on (`wire.connecting.fingerprint`)."""
    former_key: str | None = None
    """The key before the last re-key, for a repeat of that request."""
    certificate: str | None = None
    """PEM; None when none was issued yet."""
    certificate_issued: datetime | None = None
    certificate_expires: datetime | None = None
    renews: bool = False
    """Its agent takes new certificates. Only then does the end of one count: an older agent has none."""
    beat: Any = None
    """The last `wire.machine.AgentReport`, as an object."""
    beat_at: datetime | None = None
    trouble: Any = None
    """Why its last link was refused: {code, fields, at}; None after a good one."""

    def expired(self, now: datetime) -> bool:
        """Whether the certificate has ended, of an agent that would have renewed it."""
        return self.renews and self.certificate_expires is not None and self.certificate_expires <= now

    def trusted(self, now: datetime) -> bool:
        """Whether its key proves anything now."""
        return self.revoked is None and not self.awaiting and not self.expired(now)

    def linked_beside(self, node: str) -> bool:
        """Whether a node other than `node` holds the agent's link."""
        return self.link_id is not None and self.link_node != node

    @property
    def resource_id(self) -> str:
        """Id of the machine resource this agent stands for."""
        group = f"/subscriptions/{self.subscription_id}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.HybridCompute/machines/{self.name}"


_BY_ID = Query(Agent, columns(tables.agents, Agent).where(tables.agents.c.id == sa.bindparam("id")))


class Agents:
    async def enrol(
        self,
        tx: Tx,
        *,
        name: str,
        tenant_id: str,
        subscription_id: str,
        resource_group: str,
        public_key: str,
        now: datetime,
    ) -> Agent:
        """Add an agent, or give back the one this key enrolled before: an answer lost on the way is asked for
        again.

        Raises Fault AgentNameTaken when another key holds the name in that group, AgentRevoked when this key
        was revoked.
        """
        there = await self.of_key(tx, public_key)
        if there is not None and there.revoked is None and not there.awaiting:
            return there
        if there is not None and there.revoked is not None:
            raise Fault("AgentRevoked", agent=there.name)
        if there is not None:
            # Made as a resource: that way round it has to be claimed.
            raise Fault("AgentKeyTaken", machine=there.resource_id)
        if await self.at(tx, subscription_id, resource_group, name) is not None:
            raise Fault("AgentNameTaken", name=name, group=resource_group)
        return await self._add(
            tx,
            name=name,
            tenant_id=tenant_id,
            subscription_id=subscription_id,
            resource_group=resource_group,
            public_key=public_key,
            now=now,
        )

    async def make(
        self,
        tx: Tx,
        *,
        name: str,
        tenant_id: str,
        subscription_id: str,
        resource_group: str,
        public_key: str,
        now: datetime,
        **said: Any,
    ) -> Agent:
        """Add a machine that awaits its claim. `said`: further columns of it.

        Raises Fault AgentNameTaken or AgentKeyTaken.
        """
        await self._require_free(tx, public_key)
        if await self.at(tx, subscription_id, resource_group, name) is not None:
            raise Fault("AgentNameTaken", name=name, group=resource_group)
        return await self._add(
            tx,
            name=name,
            tenant_id=tenant_id,
            subscription_id=subscription_id,
            resource_group=resource_group,
            public_key=public_key,
            now=now,
            awaiting=True,
            **said,
        )

    async def _require_free(self, tx: Tx, public_key: str) -> None:
        """Raises Fault AgentKeyTaken."""
        if (there := await self.of_key(tx, public_key)) is not None:
            raise Fault("AgentKeyTaken", machine=there.resource_id)

    async def update(self, tx: Tx, agent_id: str, **said: Any) -> Agent | None:
        """Change what is said of a machine; `said` are columns. None when it is gone.

        Raises Fault AgentKeyTaken for a new `public_key` that another has.
        """
        if "public_key" in said:
            await self._require_free(tx, said["public_key"])
            tx.ring(GONE)
        await self._change(tx, tables.agents.c.id == agent_id.lower(), said)
        tx.ring(topic(agent_id))
        return await self.get(tx, agent_id)

    async def of_key(self, tx: Tx, public_key: str) -> Agent | None:
        table = tables.agents
        return await tx.row(Agent, columns(table, Agent).where(table.c.public_key == public_key))

    async def _add(
        self,
        tx: Tx,
        *,
        name: str,
        tenant_id: str,
        subscription_id: str,
        resource_group: str,
        public_key: str,
        now: datetime,
        **said: Any,
    ) -> Agent:
        values = {
            **said,
            "id": str(uuid.uuid4()),
            "name": name,
            "name_key": name.lower(),
            "tenant_id": tenant_id.lower(),
            "subscription_id": subscription_id.lower(),
            "resource_group": resource_group,
            "group_key": resource_group.lower(),
            "public_key": public_key,
            "enrolled": now,
        }
        # Another node may have added one since it was looked for.
        if not await tx.change(tx.insert(tables.agents).values(values).on_conflict_do_nothing()):
            await self._require_free(tx, public_key)
            raise Fault("AgentNameTaken", name=name, group=resource_group)
        made = await self.get(tx, str(values["id"]))
        assert made is not None
        return made

    async def get(self, tx: Tx, agent_id: str) -> Agent | None:
        return await tx.first(_BY_ID, id=agent_id.lower())

    async def unaware(self, tx: Tx, since: datetime) -> list[str]:
        """Names of agents that have had no link since `since`, and have none now."""
        table = tables.agents
        away = sa.and_(
            table.c.revoked.is_(None),
            table.c.awaiting.is_(False),
            table.c.link_id.is_(None),
            sa.or_(table.c.last_seen.is_(None), table.c.last_seen < since),
        )
        return [row[0] for row in await tx.fetch(sa.select(table.c.name).where(away).order_by(table.c.name))]

    async def at(self, tx: Tx, subscription_id: str, resource_group: str, name: str) -> Agent | None:
        """By place and name, as the id of the machine resource says it."""
        table = tables.agents
        where = sa.and_(
            table.c.subscription_id == subscription_id.lower(),
            table.c.group_key == resource_group.lower(),
            table.c.name_key == name.lower(),
        )
        return await tx.row(Agent, columns(table, Agent).where(where))

    async def find(
        self, tx: Tx, *, subscription_id: str | None = None, connected: bool | None = None
    ) -> list[Agent]:
        """Agents that are not revoked, oldest first."""
        table = tables.agents
        query = columns(table, Agent).where(table.c.revoked.is_(None)).order_by(table.c.enrolled, table.c.id)
        if subscription_id is not None:
            query = query.where(table.c.subscription_id == subscription_id.lower())
        if connected is not None:
            query = query.where(table.c.link_id.is_not(None) if connected else table.c.link_id.is_(None))
        return await tx.rows(Agent, query.limit(MAX_LISTED))

    async def attach(
        self,
        tx: Tx,
        agent_id: str,
        *,
        link: str,
        node: str,
        now: datetime,
        version: str | None = None,
        **said: Any,
    ) -> bool:
        """The agent is on `link` now; a link it had before counts no more. `said`: further columns that it
        brings up to date. False, and no change, when the agent was revoked or removed meanwhile.
        """
        values: dict[str, Any] = {"link_id": link, "link_node": node, "link_since": now, "last_seen": now}
        if version is not None:
            values["version"] = version
        where = sa.and_(tables.agents.c.id == agent_id.lower(), tables.agents.c.revoked.is_(None))
        changed = await self._change(tx, where, values | said)
        tx.ring(topic(agent_id))
        return changed > 0

    async def detach(self, tx: Tx, agent_id: str, *, link: str, now: datetime) -> bool:
        """The link ended. False, and no change, when the agent has a newer one already."""
        where = sa.and_(tables.agents.c.id == agent_id.lower(), tables.agents.c.link_id == link)
        gone = {"link_id": None, "link_node": None, "link_since": None, "last_seen": now}
        changed = await self._change(tx, where, gone)
        if changed:
            tx.ring(topic(agent_id))
        return changed > 0

    async def detach_node(self, tx: Tx, node: str) -> int:
        """Forget every link of a node that starts anew: none of them can be alive."""
        gone = {"link_id": None, "link_node": None, "link_since": None}
        return await self._change(tx, tables.agents.c.link_node == node, gone)

    async def alive(self, tx: Tx) -> dict[str, str]:
        """The key of each agent that is not revoked, by its id."""
        table = tables.agents
        query = sa.select(table.c.id, table.c.public_key).where(table.c.revoked.is_(None))
        return {row.id: row.public_key for row in await tx.fetch(query)}

    async def touch(self, tx: Tx, agent_ids: list[str], now: datetime) -> int:
        """Agents heard of just now; many at once, so that heartbeats cost one write, not one each."""
        return await self._change(tx, tables.agents.c.id.in_(agent_ids), {"last_seen": now})

    async def save_inventory(self, tx: Tx, agent_id: str, inventory: Any, now: datetime) -> bool:
        """Keep the newest inventory, any JSON value."""
        values = {"inventory": inventory, "inventory_at": now, "last_seen": now}
        changed = await self._change(tx, tables.agents.c.id == agent_id.lower(), values)
        tx.ring(topic(agent_id))
        return changed > 0

    async def save_beat(self, tx: Tx, agent_id: str, beat: Any, now: datetime) -> bool:
        """Keep the newest word of an agent on itself, any JSON value."""
        values = {"beat": beat, "beat_at": now, "last_seen": now}
        changed = await self._change(tx, tables.agents.c.id == agent_id.lower(), values)
        tx.ring(topic(agent_id))
        return changed > 0

    async def revoke(self, tx: Tx, agent_id: str, now: datetime) -> bool:
        """Refuse the agent's key from now on. Its name stays taken until it is removed."""
        changed = await self._change(tx, tables.agents.c.id == agent_id.lower(), {"revoked": now})
        tx.ring(topic(agent_id))
        tx.ring(GONE)
        return changed > 0

    async def remove(self, tx: Tx, agent_id: str) -> bool:
        """Forget the agent and its commands."""
        gone = await tx.change(sa.delete(tables.agents).where(tables.agents.c.id == agent_id.lower()))
        tx.ring(topic(agent_id))
        tx.ring(GONE)
        return gone > 0

    async def _change(self, tx: Tx, where: sa.ColumnElement[bool], values: dict[str, Any]) -> int:
        return await tx.change(sa.update(tables.agents).where(where).values(values))


def topic(agent_id: str) -> str:
    """The bell topic that rings when the agent connects, leaves, reports or is revoked."""
    return f"agent:{agent_id.lower()}"
