"""Tickets and grants: what is signed, with which key, and that a ticket opens one socket once."""

from __future__ import annotations

import uuid
from collections.abc import Iterator

import msgspec

from outofband.consoles.limits import Limits
from outofband.consoles.rights import Extra, Subject
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.identity.keys import Keys, KeyUse
from outofband.wire import grant as signed
from outofband.wire.console import Open
from outofband.wire.grant import TICKET_SECONDS, Grant, Mode, Ticket


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A ticket that was given and not used yet."""

    subject: Subject
    rights: frozenset[Mode]
    expires: float
    """Monotonic seconds."""


class Tickets:
    """Signs, remembers and redeems tickets; signs grants. The memory is bounded by `Limits.pending`."""

    def __init__(self, keys: Keys, limits: Limits) -> None:
        self._keys = keys
        self._limits = limits
        self._pending: dict[str, Pending] = {}

    def require_room(self, principal: Principal) -> None:
        """Raises Fault TooManyRequests when too many tickets wait to be used: of all, of the caller's tenant,
        or his own. Nobody may use up what is there for the others.
        """
        now, limits = clock.monotonic(), self._limits
        waiting = [each.subject.principal for each in self._pending.values() if each.expires > now]
        tenants = [each for each in waiting if each.tenant == principal.tenant]
        own = [each for each in tenants if each.object_id == principal.object_id]
        if (
            len(waiting) >= limits.pending
            or len(tenants) >= limits.pending_tenant
            or len(own) >= limits.pending_person
        ):
            raise Fault("TooManyRequests", seconds=TICKET_SECONDS)

    async def issue(self, subject: Subject, rights: frozenset[Mode]) -> str:
        """A ticket for one socket. Raises what `require_room` raises."""
        self.require_room(subject.principal)
        ticket = Ticket(
            jti=uuid.uuid4().hex,
            session=subject.session,
            vm=subject.vm,
            port=subject.port,
            principal=subject.principal.object_id,
            name=subject.principal.name,
            exp=clock.wall() + TICKET_SECONDS,
            rights=tuple(sorted(rights)),
        )
        text = signed.sign(ticket, await self._keys.ticket_key(clock.now()))
        expires = clock.monotonic() + TICKET_SECONDS
        self._pending[ticket.jti] = Pending(subject=subject, rights=rights, expires=expires)
        return text

    async def redeem(self, first: Open, session: str) -> Pending:
        """Use a ticket up. Raises Fault TicketInvalid."""
        keys = await self._keys.trusted(KeyUse.TICKET, clock.now())
        ticket = signed.verify(first.ticket, keys, Ticket, clock.wall())
        pending = self._pending.get(ticket.jti)
        if pending is None:
            raise _invalid("it was used before, or its session has ended")
        if pending.expires <= clock.monotonic():
            # `expire` has it noted.
            raise _invalid("it has expired")
        del self._pending[ticket.jti]
        if session != ticket.session:
            raise _invalid("it is for another session")
        return pending

    def claim(self, session: str, principal: Principal) -> Pending:
        """Use the ticket of a session up by being whom it was given to. Raises Fault TicketInvalid.

        A stranger's attempt uses nothing up.
        """
        jti, pending = next(self._of(session), (None, None))
        if jti is None or pending is None or not pending.subject.is_of(principal):
            raise _invalid("it was used before, has expired, or is somebody else's")
        if pending.expires <= clock.monotonic():
            raise _invalid("it has expired")
        del self._pending[jti]
        return pending

    def find(self, session: str) -> Subject | None:
        """Whose ticket for a session waits to be used."""
        return next((pending.subject for _, pending in self._of(session)), None)

    def _of(self, session: str) -> Iterator[tuple[str, Pending]]:
        return ((jti, each) for jti, each in self._pending.items() if each.subject.session == session)

    def expire(self) -> list[Subject]:
        """Forget tickets nobody came with; their subjects."""
        now = clock.monotonic()
        late = [jti for jti, pending in self._pending.items() if pending.expires <= now]
        return [self._pending.pop(jti).subject for jti in late]

    def withdraw(self, matching: Subject) -> None:
        """Make the tickets of a session void."""
        void = [jti for jti, each in self._pending.items() if each.subject.session == matching.session]
        for jti in void:
            del self._pending[jti]

    def waiting(self) -> list[Subject]:
        return [pending.subject for pending in self._pending.values()]

    async def grant(
        self,
        subject: Subject,
        *,
        rights: frozenset[Mode | Extra],
        mode: Mode,
        resume: int | None,
        replay: int,
        address: str,
        client: str,
        takes: tuple[str, ...] = (),
    ) -> tuple[str, float]:
        """A signed grant for the agent, and its end in seconds since the epoch."""
        may_write = Mode.WRITE in rights
        expires = clock.wall() + self._limits.grant_seconds
        claims = Grant(
            agent=subject.agent,
            session=subject.session,
            vm=subject.vm,
            port=subject.port,
            principal=subject.principal.object_id,
            name=subject.principal.name,
            exp=expires,
            mode=mode if may_write else Mode.OBSERVE,
            may_write=may_write,
            may_take=may_write and Extra.TAKE_OVER in rights,
            end_login=Extra.END_LOGIN in rights,
            resume=resume,
            replay=replay,
            address=address,
            client=client,
            takes=takes,
        )
        return signed.sign(claims, await self._keys.grant_key(clock.now())), expires


def _invalid(detail: str) -> Fault:
    return Fault("TicketInvalid", detail=detail, seconds=TICKET_SECONDS)
