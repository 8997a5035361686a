"""Whose login in the guest may stand open on a port, and its end where the console's policy wants it.

Nobody sees a login on a serial line. So whoever typed last is taken to be logged in until the guest is
restarted or an end was seen. Typing in another's stead by his consent takes the login over; going away, or
being taken over, leaves it behind. While it is being ended nobody types: a new writer's keys would go there.

A note beside the log says whose login it is, so that an agent that was killed meanwhile ends it still.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Protocol

import msgspec
import structlog

from outofband.core import clock
from outofband.core.secrets import write_private
from outofband.net.tasks import Tasks
from outofband.wire.arbiter import RESERVE_SECONDS
from outofband.wire.grant import Grant
from outofband.wire.login import How, LoginReport
from outofband.wire.stream import Notice

END_SECONDS = 90.0
"""For all that may be tried."""

EndLogin = Callable[[], Awaitable[LoginReport]]

log = structlog.get_logger(__name__)


class Owner(msgspec.Struct):
    """Who is taken to be logged in. `end`: the policy wants the login ended when he is gone."""

    session: str
    name: str
    end: bool


class Room(Protocol):
    """The broker, as this sees it."""

    vm: str
    end_login: EndLogin | None
    on_login: Callable[[str, LoginReport], None] | None

    def send_notice_all(self, notice: Notice) -> None:
        """Tell every session."""
        ...


class Logins:
    """`changed` is called when an end begins and when it is over; `note` is the file of the note."""

    def __init__(self, room: Room, note: Path, changed: Callable[[], None]) -> None:
        self.owner: Owner | None = None
        self._room = room
        self._note = note
        self._changed = changed
        self._due: float | None = None
        self._tasks = Tasks()
        self._ending: asyncio.Task[None] | None = None

    @property
    def ending(self) -> bool:
        """A login is being ended: nobody types."""
        return self._ending is not None

    @property
    def ends_with_owner(self) -> bool:
        """There is a login that the policy wants ended once its owner is gone."""
        return self.owner is not None and self.owner.end

    @property
    def waits(self) -> bool:
        """There is something that `tick` will have to do."""
        return self._due is not None

    def open(self) -> None:
        """Take up what an earlier life of the agent left."""
        with contextlib.suppress(OSError, msgspec.MsgspecError):
            self.owner = msgspec.json.decode(self._note.read_bytes(), type=Owner)
            self._due = clock.monotonic() + RESERVE_SECONDS

    async def close(self) -> None:
        """The note stays for the next life, also of an end that was not reached."""
        await self._tasks.close()

    # --- what happens at the keyboard ---

    def typed(self, grant: Grant) -> None:
        """A session typed: from here on the login is its own."""
        owner = self.owner
        if owner is None or owner.session != grant.session or owner.end != grant.end_login:
            self._belongs(Owner(grant.session, grant.name, grant.end_login))

    def regranted(self, grant: Grant) -> None:
        """The policy may be another now."""
        owner = self.owner
        if owner is not None and owner.session == grant.session and owner.end != grant.end_login:
            self._belongs(Owner(grant.session, grant.name, grant.end_login))

    def handed(self, grant: Grant) -> None:
        """The owner gave the keyboard to this session, and his login with it."""
        if self.owner is not None:
            self._belongs(Owner(grant.session, grant.name, grant.end_login))

    def taken(self) -> None:
        """Somebody has the keyboard without the owner's consent."""
        if self.ends_with_owner:
            self.end()

    def abandoned(self, *, dropped: bool) -> None:
        """The owner is gone and nobody has the keyboard in his stead."""
        if not self.ends_with_owner:
            return
        if dropped:
            self._due = clock.monotonic() + RESERVE_SECONDS
        else:
            self.end()

    def returned(self, session: str) -> None:
        """A session came back in time."""
        if self.owner is not None and self.owner.session == session:
            self._due = None

    def reset(self) -> None:
        """The guest starts anew: with it ended whatever ran in it."""
        self._forget()

    def tick(self, now: float) -> None:
        if self._due is not None and now >= self._due:
            self.end()

    # --- the end ---

    def end(self) -> None:
        """End the owner's login, if it is not being ended already."""
        self._due = None
        if self._ending is None and self.owner is not None:
            self._ending = self._tasks.spawn("login.end", self._end(self.owner))
            # Before the seat: who has it from now on knows why he cannot type yet.
            self._room.send_notice_all(Notice("login", {"state": "ending", **_told(self.owner)}))
            self._changed()

    async def _end(self, owner: Owner) -> None:
        try:
            report = await self._outcome()
        finally:
            self._ending = None
        if self.owner is owner:
            # Also where it could not be verified: that was told, and whoever types next answers for himself.
            self._forget()
        log.info("login.ended", vm=self._room.vm, session=owner.session, how=str(report.how))
        more = {"how": report.how, "observed": report.observed}
        self._room.send_notice_all(Notice("login", {"state": "ended", **_told(owner), **more}))
        if self._room.on_login is not None:
            self._room.on_login(owner.session, report)
        self._changed()

    async def _outcome(self) -> LoginReport:
        if self._room.end_login is None:
            return LoginReport(how=How.UNVERIFIED, detail="this kind of machine has no way to it")
        try:
            async with asyncio.timeout(END_SECONDS):
                return await self._room.end_login()
        except TimeoutError:
            return LoginReport(how=How.UNVERIFIED, detail=f"it took over {END_SECONDS:.0f} s")
        except Exception:
            log.exception("login.defect", vm=self._room.vm)
            return LoginReport(how=How.UNVERIFIED, detail="something unexpected went wrong on the host")

    # --- the note ---

    def _belongs(self, owner: Owner) -> None:
        self.owner = owner
        if not owner.end:
            with contextlib.suppress(OSError):
                self._note.unlink(missing_ok=True)
            return
        try:
            write_private(self._note, msgspec.json.encode(owner))
        except OSError as error:
            # Typing must not fail for it; only a kill of the agent would leave the login open.
            log.warning("login.not_noted", vm=self._room.vm, error=str(error))

    def _forget(self) -> None:
        self.owner, self._due = None, None
        with contextlib.suppress(OSError):
            self._note.unlink(missing_ok=True)


def _told(owner: Owner) -> dict[str, str]:
    return {"who": owner.name, "session": owner.session}
