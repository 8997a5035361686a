"""Tickets for the console of a port."""

from __future__ import annotations

import msgspec

from outofband.access.authorizer import Authorizer
from outofband.consoles.rights import CONNECT, OBSERVE, TYPE
from outofband.consoles.sessions import Sessions
from outofband.core.errors import Fault
from outofband.providers.serial_console.diagnostics import Diagnostics
from outofband.providers.serial_console.readiness import Readiness, Target, name_of
from outofband.providers.serial_console.services import PORT
from outofband.resources.declaration import Act, Item
from outofband.resources.exchange import Answer, Call
from outofband.store.agents import Agent
from outofband.store.resources import Resource
from outofband.store.store import Store
from outofband.wire.console import SUBPROTOCOL
from outofband.wire.grant import Mode


class ConnectRequest(msgspec.Struct, frozen=True, kw_only=True):
    """`session` goes on with a session that lost its socket."""

    session: str | None = None


class Ticket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """The way to one console. `ticket` opens one socket at `url`, once, within `expiresIn` seconds."""

    url: str
    ticket: str
    session: str
    expires_in: int
    subprotocol: str = SUBPROTOCOL
    """What lets the first message go with the request for the socket."""


class Connected(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`connectionString` is for clients of Azure's, `outofband` for those of our own protocol; either is used
    once.
    """

    connection_string: str
    outofband: Ticket


class Connecting:
    """The action `connect` of a port."""

    def __init__(
        self,
        store: Store,
        authorizer: Authorizer,
        sessions: Sessions,
        readiness: Readiness,
        diagnostics: Diagnostics,
    ) -> None:
        self._store = store
        self._authorizer = authorizer
        self._sessions = sessions
        self._readiness = readiness
        self._diagnostics = diagnostics

    def actions(self) -> dict[str, Act]:
        return {
            "connect": Act(
                run=self._connect,
                about="Get a ticket for the console of the VM",
                body=ConnectRequest,
                answer=Connected,
                also=(TYPE, OBSERVE),
            ),
        }

    async def _connect(self, call: Call, item: Item, body: ConnectRequest) -> Answer:
        row: Target = item.row
        rights = await self._authorizer.rights(call.principal)
        types = any(rights.allow(each, item.rid) for each in (CONNECT, TYPE))
        allowed = frozenset({Mode.WRITE, Mode.OBSERVE} if types else {Mode.OBSERVE})
        warning: Fault | None = None
        agent = await self._readiness.agent_of(row)
        if isinstance(row, Agent):
            rid, uid = row.resource_id, row.id
        else:
            rid, uid = row.id, row.uid
            warning = await self._diagnostics.trouble(call.principal, row, types=types)
            if warning is not None and not await self._warns(row):
                raise warning
        connection = await self._sessions.connect(
            call.principal,
            vm_id=rid,
            vm=uid,
            vm_name=name_of(row),
            agent=agent,
            subscription=row.subscription_id,
            port=PORT,
            rights=allowed,
            address=call.request.address,
            base=call.request.base,
            resume_session=body.session,
            warning=warning,
        )
        ticket = Ticket(
            url=connection.url,
            ticket=connection.ticket,
            session=connection.session,
            expires_in=connection.expires_in,
        )
        return Answer(
            body=Connected(connection_string=connection.text_url, outofband=ticket),
            headers={"Cache-Control": "no-store"},
        )

    async def _warns(self, row: Resource) -> bool:
        """Whether trouble with the diagnostics' storage account is told and keeps nobody out."""
        async with self._store.read() as tx:
            return await self._store.console_settings.storage_warns(tx, row.subscription_id)
