"""Commands for agents. A row stays until the agent answers; a link that comes back sends what is open again.

Commands are idempotent by key: the agent's journal answers a repeat with the first result.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.tx import Tx, columns

MAX_OPEN = 1000
"""Commands one agent may have open; more means it does not take them, and the caller is told so."""


class Command(msgspec.Struct, frozen=True, kw_only=True):
    sequence: int
    key: str
    agent_id: str
    vm: str | None
    """vmId, None for a command to the host itself."""
    verb: str
    args: dict[str, Any]
    created: datetime
    deadline: datetime
    """After it nobody waits for the answer any more."""
    sent: datetime | None
    sends: int
    result: Any
    answered: datetime | None


class Outbox:
    async def put(
        self,
        tx: Tx,
        *,
        key: str,
        agent_id: str,
        verb: str,
        now: datetime,
        deadline: datetime,
        vm: str | None = None,
        args: dict[str, Any] | None = None,
    ) -> Command:
        """Queue a command, or give back the one `key` queued before, perhaps answered already.

        Raises Fault AgentQueueFull.
        """
        table = tables.commands
        found = await self.get(tx, key)
        if found is not None:
            return found
        waiting = sa.select(sa.func.count()).select_from(table)
        waiting = waiting.where(table.c.agent_id == agent_id, table.c.answered.is_(None))
        if int(await tx.value(waiting)) >= MAX_OPEN:
            raise Fault("AgentQueueFull", limit=MAX_OPEN)
        values = {
            "key": key,
            "agent_id": agent_id,
            "vm": vm,
            "verb": verb,
            "args": args or {},
            "created": now,
            "deadline": deadline,
            "sends": 0,
        }
        await tx.change(sa.insert(table).values(values))
        tx.ring(outbox_topic(agent_id))
        made = await self.get(tx, key)
        assert made is not None
        return made

    async def extend(self, tx: Tx, key: str, deadline: datetime) -> None:
        """Somebody waits for the answer until `deadline` at least; never makes it earlier."""
        table = tables.commands
        later = sa.and_(table.c.key == key, table.c.answered.is_(None), table.c.deadline < deadline)
        await tx.change(sa.update(table).where(later).values(deadline=deadline))

    async def get(self, tx: Tx, key: str) -> Command | None:
        table = tables.commands
        return await tx.row(Command, columns(table, Command).where(table.c.key == key))

    async def open(self, tx: Tx, agent_id: str, now: datetime, *, after: int = 0) -> list[Command]:
        """Unanswered commands of an agent that somebody still waits for, oldest first, with `sequence` >
        `after`.
        """
        table = tables.commands
        query = columns(table, Command).where(
            table.c.agent_id == agent_id,
            table.c.sequence > after,
            table.c.answered.is_(None),
            table.c.deadline > now,
        )
        return await tx.rows(Command, query.order_by(table.c.sequence).limit(MAX_OPEN))

    async def waiting(self, tx: Tx, now: datetime) -> dict[str, int]:
        """Of each agent with commands as `open` gives them, the last one's sequence."""
        table = tables.commands
        last = sa.func.max(table.c.sequence).label("last")
        query = sa.select(table.c.agent_id, last).where(table.c.answered.is_(None), table.c.deadline > now)
        return {row.agent_id: row.last for row in await tx.fetch(query.group_by(table.c.agent_id))}

    async def sent(self, tx: Tx, keys: list[str], now: datetime) -> None:
        table = tables.commands
        change = sa.update(table).where(table.c.key.in_(keys)).values(sent=now, sends=table.c.sends + 1)
        await tx.change(change)

    async def answer(self, tx: Tx, key: str, agent_id: str, result: Any, now: datetime) -> bool:
        """Keep the result. The first one counts: False when one was there, or it is not this agent's.

        What was asked goes with that, and what was withheld of it: nobody sends it again.
        """
        table = tables.commands
        mine = sa.and_(table.c.key == key, table.c.agent_id == agent_id, table.c.answered.is_(None))
        changed = await tx.change(sa.update(table).where(mine).values(result=result, answered=now, args={}))
        if changed:
            await tx.change(sa.delete(tables.withheld).where(tables.withheld.c.id == key))
            tx.ring(command_topic(key))
        return changed > 0

    async def withdraw(self, tx: Tx, prefix: str) -> int:
        """Take back the commands with keys that begin so, as far as they were not sent yet."""
        table = tables.commands
        own = table.c.key.startswith(prefix, autoescape=True)
        mine = sa.and_(own, table.c.answered.is_(None), table.c.sent.is_(None))
        kept = tables.withheld
        await tx.change(sa.delete(kept).where(kept.c.id.in_(sa.select(table.c.key).where(mine))))
        return await tx.change(sa.delete(table).where(mine))

    async def give_up(self, tx: Tx, key: str, now: datetime) -> None:
        """Nobody waits for the answer any more: it is not sent again, and what was asked goes, with what was
        withheld of it. An answer that comes nevertheless is kept.
        """
        table = tables.commands
        mine = sa.and_(table.c.key == key, table.c.answered.is_(None))
        await tx.change(sa.update(table).where(mine).values(args={}, deadline=now))
        await tx.change(sa.delete(tables.withheld).where(tables.withheld.c.id == key))

    async def give_up_all(self, tx: Tx, agent_id: str, vm: str, now: datetime) -> None:
        """As `give_up`, of whatever was asked of an agent for a VM: it is another agent's from now on."""
        table, kept = tables.commands, tables.withheld
        mine = sa.and_(table.c.agent_id == agent_id, table.c.vm == vm, table.c.answered.is_(None))
        await tx.change(sa.delete(kept).where(kept.c.id.in_(sa.select(table.c.key).where(mine))))
        await tx.change(sa.update(table).where(mine).values(args={}, deadline=now))

    async def empty(self, tx: Tx, key: str, now: datetime) -> None:
        """Keep nothing of an answer, nor of one that still comes. The row stays: its number is not to be that
        of another command, which a link that has passed it would not send.
        """
        nothing = {"key": key, "succeeded": False, "code": "AgentTimeout"}
        change = sa.update(tables.commands).where(tables.commands.c.key == key)
        await tx.change(change.values(args={}, result=nothing, answered=now))

    async def prune(self, tx: Tx, before: datetime) -> int:
        """Forget commands, answered or not, whose deadline was before `before`."""
        table = tables.commands
        return await tx.change(sa.delete(table).where(table.c.deadline < before))


def outbox_topic(agent_id: str) -> str:
    """Rings when the agent has a new command."""
    return f"outbox:{agent_id}"


def command_topic(key: str) -> str:
    """Rings when the command was answered."""
    return f"command:{key}"
