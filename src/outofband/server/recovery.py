"""`oob identity recover`: works on the store itself, whether or not a control plane runs on it (ADR 17)."""

from __future__ import annotations

import asyncio
import os
import pwd
import socket
import uuid

from outofband.access.roles import OWNER
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.identity.directory import Directory
from outofband.identity.owners import Owners
from outofband.identity.passwords import Passwords
from outofband.identity.recovery import Recovered, Recovery
from outofband.server import settings as configured
from outofband.store.store import Store

VERBS_NODE = f"{socket.gethostname()} verbs"
"""Names the audit chain of what verbs on this host do on the store itself."""


def recover(state: StateDir, name: str | None, *, clear_factors: bool = False) -> Recovered:
    """Let a person in again; blocks for about a second. Raises NotTheOwner and those of `identity.recovery`.

    The file with the first password goes: what it holds may not be true any more.
    """
    require_owner(state)
    done = asyncio.run(_recover(configured.load(state).store(state), name, clear_factors))
    state.first_password.unlink(missing_ok=True)
    return done


def require_owner(state: StateDir) -> None:
    """Raises Fault StateNotFound, or NotTheOwner: files that another user makes here, root's above all, would
    be in the way of the control plane at its next start.
    """
    try:
        owner = state.root.stat().st_uid
    except OSError as error:
        raise Fault("StateNotFound", path=str(state.root)) from error
    if owner != os.geteuid():
        raise Fault("NotTheOwner", path=str(state.root), owner=_user(owner), user=_user(os.geteuid()))


async def _recover(url: str, name: str | None, clear_factors: bool) -> Recovered:
    store = await Store.beside(url, node=VERBS_NODE)
    try:
        owners = Owners(store, OWNER)
        recovery = Recovery(store, Directory(store, Passwords(), owners), owners)
        by = f"{user_name()} on {socket.gethostname()}"
        return await recovery.recover(
            name,
            by=by,
            correlation_id=str(uuid.uuid4()),
            now=clock.now(),
            clear_factors=clear_factors,
        )
    finally:
        await store.close()


def user_name() -> str:
    """Who runs this."""
    return _user(os.getuid())


def _user(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"user {number}"
