"""The first person: `admin`, an Owner of everything, made at the first start with a password shown once.

The password waits in a 0600 file for whoever started the control plane. The file comes first and the row
follows it: a kill in between is put right by the next start. It goes when it is of no more use.
"""

from __future__ import annotations

import re
import uuid
from datetime import datetime
from pathlib import Path

from outofband.core.secrets import write_private
from outofband.identity import names, passwords
from outofband.identity.owners import Owners
from outofband.identity.passwords import Passwords
from outofband.store.directory import Tenant
from outofband.store.people import User
from outofband.store.store import Store
from outofband.store.tx import Tx

NAME = "admin"
DISPLAY_NAME = "Administrator"
_READABLE = re.compile(r"[a-z2-9]{5}(?:-[a-z2-9]{5}){3}")


async def ensure(
    store: Store, hasher: Passwords, file: Path, *, tenant_id: str, owner_role: str, by: str, now: datetime
) -> None:
    """Make `admin` when the tenant has nobody; remove `file` when its password is not the one any more."""
    async with store.read() as tx:
        tenant = await store.directory.tenant(tx, tenant_id)
        empty = not await store.people.of_tenant(tx, tenant_id, limit=1)
    assert tenant is not None
    if empty:
        await _make(store, hasher, file, tenant, owner_role, by, now)
    await _tidy(store, hasher, file, tenant)


async def _make(
    store: Store, hasher: Passwords, file: Path, tenant: Tenant, owner_role: str, by: str, now: datetime
) -> None:
    hashed = await hasher.hash(_password(file))
    user = User(
        object_id=str(uuid.uuid4()),
        tenant_id=tenant.id,
        name=names.complete(NAME, tenant),
        display_name=DISPLAY_NAME,
        disabled=False,
        password_hash=hashed,
        password_changed=now,
        must_change=True,
        created=now,
    )

    async def add(tx: Tx) -> None:
        # Another node may have been quicker; its password is the one that counts.
        if not await store.people.of_tenant(tx, tenant.id, limit=1):
            await store.people.add(tx, user)
            await Owners(store, owner_role).give(tx, user, by=by, now=now)

    await store.transact(add)


async def _tidy(store: Store, hasher: Passwords, file: Path, tenant: Tenant) -> None:
    kept = _read(file)
    if kept is None:
        return
    async with store.read() as tx:
        user = await store.people.by_name(tx, names.complete(NAME, tenant))
    if user is None or not user.must_change or not await hasher.matches(kept, user.password_hash):
        file.unlink(missing_ok=True)


def _password(file: Path) -> str:
    """The one in the file, or a new one."""
    kept = _read(file)
    # Whatever is not one of ours may be weak, and would become a way in.
    if kept is not None and _READABLE.fullmatch(kept):
        return kept
    made = passwords.readable()
    write_private(file, made + "\n")
    return made


def _read(file: Path) -> str | None:
    try:
        return file.read_text("utf-8", "replace").strip()
    except FileNotFoundError:
        return None
