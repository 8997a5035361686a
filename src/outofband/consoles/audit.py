"""What is kept of sessions: a row for each, and in the activity log who came and how it ended (row S9)."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime
from typing import Any

import msgspec
import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.store.sessions import ConsoleSession
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.console import MAX_CLIENT, Open
from outofband.wire.login import How, LoginReport

log = structlog.get_logger(__name__)

SESSION = "Microsoft.SerialConsole/serialPorts/session/action"
"""What the activity log calls a person's time at a console. Its correlation id is the session's id."""
LOGIN = "Microsoft.SerialConsole/serialPorts/endLogin/action"
"""What it calls the end of a guest login that the console's policy wants, with the same correlation id."""


class _Person(msgspec.Struct, frozen=True):
    """What the row of a session remembers of who opened it."""

    tenant: str
    object_id: str
    app_id: str
    name: str


class Audit:
    """`live` are the sessions that go on at this node, `resumable` the reasons of an end after which the same
    person may go on with the same session.
    """

    def __init__(self, store: Store, node: str, *, live: Container[str], resumable: frozenset[str]) -> None:
        self._store = store
        self._node = node
        self._live = live
        self._resumable = resumable

    async def restarted(self, reason: str) -> None:
        """Note the end of what an earlier life of this node had open."""
        async with self._store.write() as tx:
            now = clock.now()
            for row in await self._store.sessions.live(tx, node=self._node):
                await self._ended(tx, row, reason, now, seen=True)
            await self._store.sessions.end_node(tx, self._node, reason, now)

    async def began(self, session: str, first: Open, address: str) -> None:
        """Raises Fault SessionEnded when it was ended for good before its ticket was used."""
        sessions = self._store.sessions
        async with self._store.write() as tx:
            now = clock.now()
            row = await sessions.get(tx, session)
            if row is not None and row.ended is not None and row.reason in self._resumable:
                # Its drop was noted after `connect` had found it alive.
                await sessions.reopen(tx, session, node=self._node)
            known = await sessions.attach(
                tx,
                session,
                mode=first.mode.value,
                client_address=address,
                client=first.client[:MAX_CLIENT],
                now=now,
            )
            row = await sessions.get(tx, session)
            if not known or row is None:
                raise Fault("SessionEnded", detail="it was ended before its ticket was used")
            await self._note(tx, row, "Started", now, resumed=row.attached != now)

    async def ended(self, session: str, reason: str, *, seen: bool = False) -> None:
        """Note an end. `seen`: the person got to see the console. A store that is away keeps nobody there."""
        try:
            async with self._store.write() as tx:
                if session in self._live:
                    return  # it came back while this waited for its turn
                now = clock.now()
                row = await self._store.sessions.get(tx, session)
                if await self._store.sessions.end(tx, session, reason, now) and row is not None:
                    await self._ended(tx, row, reason, now, seen=seen)
        except Fault as fault:
            log.error("session.end_not_noted", session=session, reason=reason, code=fault.code)

    async def login_ended(self, session: str, report: LoginReport, hosted: Callable[[str], bool]) -> None:
        """Note what became of a guest login that the console's policy had ended. Raises Fault.

        `hosted` says whether the one who tells it is the host of a VM (uuid).
        """
        async with self._store.write() as tx:
            row = await self._store.sessions.get(tx, session)
            vm = await self._store.resources.get(tx, row.vm_id) if row is not None else None
            if row is None or vm is None or not hosted(vm.uid):
                log.warning("session.login_of_nobody", session=session)
                return
            await self._store.sessions.note_login(tx, session, report.observed)
            status = "Failed" if report.how is How.UNVERIFIED else "Succeeded"
            await self._note(
                tx, row, status, clock.now(), f"login {report.how}", action=LOGIN, login=report.observed
            )

    async def _ended(self, tx: Tx, row: ConsoleSession, reason: str, now: datetime, *, seen: bool) -> None:
        if row.attached is None:
            return  # a ticket nobody used; that it was given is in the log
        seconds = round((now - row.attached).total_seconds())
        status = "Succeeded" if seen else "Failed"
        await self._note(tx, row, status, now, reason, reason=reason, seconds=seconds)

    async def _note(
        self,
        tx: Tx,
        row: ConsoleSession,
        status: str,
        now: datetime,
        sub_status: str = "",
        *,
        action: str = SESSION,
        **more: Any,
    ) -> None:
        await self._store.activity.add(
            tx,
            now=now,
            principal=_Person(row.tenant_id, row.object_id, row.app_id, row.principal_name),
            resource=parse_id(row.vm_id).extension("Microsoft.SerialConsole", "serialPorts", row.port),
            action=action,
            status=status,
            sub_status=sub_status,
            correlation_id=row.id,
            client_address=row.client_address,
            properties={"session": row.id, "mode": row.mode, "client": row.client or "", **more},
        )
