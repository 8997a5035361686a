"""What is kept of sessions: a row for each, and in the activity log who came and how it ended (row S9)."""

from __future__ import annotations

from collections.abc import Callable, Container
from datetime import datetime
from typing import Any

import msgspec
import structlog

from outofband.consoles.session import Ending
from outofband.consoles.witness import Deed
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.core.principal import Principal
from outofband.store.activity import Doer
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

KEYBOARD = "Microsoft.SerialConsole/serialPorts/keyboard/action"
"""What it calls a deed at the keyboard, with the same correlation id; `properties.keyboard` says which."""
UNKNOWN = "unknown"
"""The name of who came with nothing that says who it is."""


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
                await self._ended(tx, row, reason, now, Ending(seen=True), later=True)
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

    async def ended(self, session: str, reason: str, ending: Ending | None = None) -> None:
        """Note an end. A store that is away keeps nobody there."""
        ending = ending or Ending()
        try:
            async with self._store.write() as tx:
                if session in self._live:
                    return  # it came back while this waited for its turn
                now = clock.now()
                row = await self._store.sessions.get(tx, session)
                noted = await self._store.sessions.end(
                    tx, session, reason, now, bytes_in=ending.bytes_in, bytes_out=ending.bytes_out
                )
                if noted and row is not None:
                    await self._ended(tx, row, reason, now, ending)
        except Fault as fault:
            log.error("session.end_not_noted", session=session, reason=reason, code=fault.code)

    async def keyboard(self, session: str, deed: Deed) -> None:
        """Note a deed at the keyboard. Raises Fault."""
        async with self._store.write() as tx:
            row = await self._store.sessions.get(tx, session)
            if row is None:
                return
            more = {"with": deed.other} if deed.other is not None else {}
            await self._note(
                tx, row, deed.status, clock.now(), deed.what, action=KEYBOARD, keyboard=deed.what, **more
            )

    async def refused(
        self, session: str, fault: Fault, address: str, client: str, principal: Principal | None
    ) -> None:
        """Note that somebody was not let in at a session's socket: a ticket proves nothing when it is not
        good, so who it was is told only where a token said so. Of a session that never was there is no VM to
        tell it of.
        """
        try:
            async with self._store.read() as snapshot:
                row = await self._store.sessions.get(snapshot, session)
            if row is None:
                # Anybody may come with a name of his own making: that costs no write.
                log.info("session.refused", session=session, address=address, code=fault.code)
                return
            async with self._store.write() as tx:
                # A stranger of another tenant stands in the log of whose console it is, by id.
                nobody = _Person(row.tenant_id, "", "", UNKNOWN)
                who = (
                    nobody
                    if principal is None
                    else _Person(row.tenant_id, principal.object_id, principal.app_id, principal.name)
                )
                await self._add(
                    tx,
                    row,
                    "Failed",
                    clock.now(),
                    fault.code,
                    who=who,
                    address=address,
                    properties={"session": row.id, "client": client[:MAX_CLIENT], "reason": fault.code},
                )
        except Fault as error:
            log.error("session.refusal_not_noted", session=session, address=address, code=error.code)

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

    async def _ended(
        self,
        tx: Tx,
        row: ConsoleSession,
        reason: str,
        now: datetime,
        ending: Ending,
        *,
        later: bool = False,
    ) -> None:
        """`later`: it ended some time before `now`, when nobody was there to note it."""
        if row.attached is None:
            return  # a ticket nobody used; that it was given is in the log
        seconds = round((now - row.attached).total_seconds())
        more: dict[str, Any] = {"secondsAtMost" if later else "seconds": seconds}
        if not later:
            more |= {"bytesIn": max(row.bytes_in, ending.bytes_in)}
            more |= {"bytesOut": row.bytes_out + ending.bytes_out}
        for name, value in (("by", ending.by), ("detail", ending.detail), ("omitted", ending.omitted)):
            if value:
                more[name] = value
        status = "Succeeded" if ending.seen else "Failed"
        await self._note(tx, row, status, now, reason, reason=reason, **more)

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
        await self._add(
            tx,
            row,
            status,
            now,
            sub_status,
            action=action,
            who=_Person(row.tenant_id, row.object_id, row.app_id, row.principal_name),
            address=row.client_address,
            properties={"session": row.id, "mode": row.mode, "client": row.client or "", **more},
        )

    async def _add(
        self,
        tx: Tx,
        row: ConsoleSession,
        status: str,
        now: datetime,
        sub_status: str,
        *,
        who: Doer,
        address: str | None,
        properties: dict[str, Any],
        action: str = SESSION,
    ) -> None:
        await self._store.activity.add(
            tx,
            now=now,
            principal=who,
            resource=parse_id(row.vm_id).extension("Microsoft.SerialConsole", "serialPorts", row.port),
            action=action,
            status=status,
            sub_status=sub_status,
            correlation_id=row.id,
            client_address=address,
            properties=properties,
        )
