"""Console sessions: who was on which port, from where, from when to when, and how it ended (row S9)."""

from __future__ import annotations

from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.store import tables
from outofband.store.tx import Tx, columns

MAX_LISTED = 1000


class ConsoleSession(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    vm_id: str
    """Resource id of the VM."""
    port: str
    tenant_id: str
    object_id: str
    app_id: str
    principal_name: str
    client_address: str | None
    client: str | None
    """What the viewer says it is, for people to read."""
    node: str
    mode: str
    """`write` or `observe`, as last attached."""
    started: datetime
    attached: datetime | None
    """When its socket was opened first; None when the ticket was never used."""
    ended: datetime | None
    reason: str | None
    """Code of the end."""
    login: str | None = None
    """What became of the guest login, where the console's policy had it ended."""
    bytes_in: int = 0
    """Typed bytes that the port took, as of its last end."""
    bytes_out: int = 0
    """Bytes of output that were sent, as of its last end."""


class Sessions:
    async def start(
        self,
        tx: Tx,
        *,
        session: str,
        vm: ResourceId | str,
        port: str,
        principal: Principal,
        node: str,
        now: datetime,
        mode: str = "write",
        client_address: str | None = None,
        client: str | None = None,
    ) -> ConsoleSession:
        """Note a session that was given a ticket."""
        row = ConsoleSession(
            id=session,
            vm_id=str(vm),
            port=port,
            tenant_id=principal.tenant,
            object_id=principal.object_id,
            app_id=principal.app_id,
            principal_name=principal.name,
            client_address=client_address,
            client=client,
            node=node,
            mode=mode,
            started=now,
            attached=None,
            ended=None,
            reason=None,
        )
        values = msgspec.structs.asdict(row) | {"vm_key": row.vm_id.lower()}
        await tx.change(sa.insert(tables.console_sessions).values(values))
        return row

    async def get(self, tx: Tx, session: str) -> ConsoleSession | None:
        table = tables.console_sessions
        return await tx.row(ConsoleSession, columns(table, ConsoleSession).where(table.c.id == session))

    async def attach(
        self,
        tx: Tx,
        session: str,
        *,
        mode: str,
        client_address: str | None,
        client: str | None,
        now: datetime,
    ) -> bool:
        """A socket was opened for it, perhaps again. False when the session has ended or never was."""
        table = tables.console_sessions
        values = {
            "mode": mode,
            "client_address": client_address,
            "client": client,
            "attached": sa.func.coalesce(
                table.c.attached, sa.bindparam("first", now, type_=table.c.attached.type)
            ),
        }
        change = sa.update(table).where(table.c.id == session, table.c.ended.is_(None)).values(values)
        return await tx.change(change) > 0

    async def end(
        self, tx: Tx, session: str, reason: str, now: datetime, *, bytes_in: int = 0, bytes_out: int = 0
    ) -> bool:
        """Note the end, once; False when it had ended before. `bytes_in` counts from the session's first key,
        `bytes_out` since it went on last.
        """
        table = tables.console_sessions
        mine = sa.and_(table.c.id == session, table.c.ended.is_(None))
        values = {"ended": now, "reason": reason, "bytes_out": table.c.bytes_out + bytes_out}
        if bytes_in:
            values["bytes_in"] = bytes_in
        return await tx.change(sa.update(table).where(mine).values(values)) > 0

    async def note_login(self, tx: Tx, session: str, observed: str) -> bool:
        """Note what became of a session's guest login; False when there is no such session."""
        table = tables.console_sessions
        change = sa.update(table).where(table.c.id == session).values(login=observed)
        return await tx.change(change) > 0

    async def reopen(self, tx: Tx, session: str, *, node: str) -> bool:
        """The same person goes on with a session that had ended, perhaps at another node."""
        table = tables.console_sessions
        change = sa.update(table).where(table.c.id == session, table.c.ended.is_not(None))
        return await tx.change(change.values(ended=None, reason=None, node=node)) > 0

    async def end_node(self, tx: Tx, node: str, reason: str, now: datetime) -> int:
        """End what a node had open before it started anew."""
        table = tables.console_sessions
        theirs = sa.and_(table.c.node == node, table.c.ended.is_(None))
        return await tx.change(sa.update(table).where(theirs).values(ended=now, reason=reason))

    async def live(
        self, tx: Tx, *, vm: ResourceId | str | None = None, node: str | None = None
    ) -> list[ConsoleSession]:
        """Sessions that have not ended, oldest first."""
        table = tables.console_sessions
        query = columns(table, ConsoleSession).where(table.c.ended.is_(None))
        if vm is not None:
            query = query.where(table.c.vm_key == str(vm).lower())
        if node is not None:
            query = query.where(table.c.node == node)
        return await tx.rows(ConsoleSession, query.order_by(table.c.started, table.c.id).limit(MAX_LISTED))

    async def history(self, tx: Tx, vm: ResourceId | str, *, limit: int = 100) -> list[ConsoleSession]:
        """Sessions of a VM, newest first."""
        table = tables.console_sessions
        query = columns(table, ConsoleSession).where(table.c.vm_key == str(vm).lower())
        query = query.order_by(table.c.started.desc(), table.c.id)
        return await tx.rows(ConsoleSession, query.limit(max(1, min(limit, MAX_LISTED))))
