"""What happened to somebody's account, for its owner to see: a change that was not theirs is noticed there.

Nobody is sent mail here, so that this takes the place of the notice that other services send.
"""

from __future__ import annotations

from datetime import datetime, timedelta

import msgspec

from outofband.core.ids import ResourceId
from outofband.identity.trail import KIND, NAMESPACE, Act
from outofband.store.people import User
from outofband.store.store import Store

SHOWN = 10
LOOKED = timedelta(days=90)
"""As long as the activity log is kept."""
_ADMINISTERED = f"{NAMESPACE}/{KIND}/write"
"""Somebody who manages people changed the account, or made it."""
_OWN = (
    Act.CHANGE_PASSWORD,
    Act.ADD_FACTOR,
    Act.REMOVE_FACTOR,
    Act.NEW_CODES,
    Act.LOCK,
    Act.ALLOW_DEVICE,
    Act.END_SESSION,
    Act.LINK,
    Act.UNLINK,
)
_ACTIONS = {each.action: each.value for each in _OWN} | {_ADMINISTERED: "administered"}


class Event(msgspec.Struct, frozen=True, kw_only=True):
    at: datetime
    what: str
    """A word of `Act`, or `administered`."""
    by: str
    """Who did it, when it was somebody else; else empty."""
    address: str
    failed: bool


async def lately(store: Store, user: User, now: datetime) -> list[Event]:
    """The newest changes of what protects the account, newest first."""
    about = ResourceId(namespace=NAMESPACE, chain=((KIND, user.object_id),))
    async with store.read() as tx:
        page = await store.activity.page(
            tx,
            tenant=user.tenant_id,
            resource=about,
            since=now - LOOKED,
            equal={"action": tuple(_ACTIONS)},
            limit=SHOWN,
        )
    known = {action.lower(): what for action, what in _ACTIONS.items()}
    return [
        Event(
            at=each.at,
            what=known[each.action.lower()],
            by=each.caller if each.object_id != user.object_id else "",
            address=each.client_address or "",
            failed=each.status == "Failed",
        )
        for each in page.items
    ]
