"""Making and replacing the rows of blobs, the same for whoever writes one."""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from outofband.store.blobs import Blob
from outofband.store.blobs_objects import Extent
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage.leases import Lease


def new_etag() -> str:
    """An entity tag in the Blob service's form, quoted; no two are the same."""
    return f'"0x{secrets.token_hex(8).upper()}"'


class Fresh(msgspec.Struct, frozen=True, kw_only=True):
    """What a blob is to be, whatever it was before."""

    kind: str
    length: int
    headers: dict[str, str]
    metadata: dict[str, str]
    tier: str | None = None
    sequence: int = 0
    copy: dict[str, str] | None = None


async def write(
    store: Store,
    tx: Tx,
    *,
    container: str,
    name: str,
    there: Blob | None,
    fresh: Fresh,
    extents: Sequence[Extent],
    now: datetime,
) -> Blob:
    """Make the blob, or put it in the place of `there`, which keeps its lease while that holds, and loses
    everything else.
    """
    values: dict[str, Any] = {
        **msgspec.structs.asdict(fresh),
        "etag": new_etag(),
        "created": now,
        "modified": now,
    }
    if there is None:
        blob = Blob(id=uuid.uuid4().hex, container_id=container, name=name, lease=None, **values)
        await store.blobs.add(tx, blob)
        await store.blob_objects.add_extents(tx, blob.id, extents)
        return blob
    values["lease"] = _lease(there, now)
    await store.blobs.update(tx, there.id, **values)
    await store.blob_objects.replace(tx, there.id, extents, now)
    return msgspec.structs.replace(there, **values)


async def change(store: Store, tx: Tx, blob: Blob, now: datetime, **values: Any) -> Blob:
    """Change some of what it is; it gets a new entity tag."""
    values |= {"etag": new_etag(), "modified": now, "lease": _lease(blob, now)}
    await store.blobs.update(tx, blob.id, **values)
    return msgspec.structs.replace(blob, **values)


def _lease(blob: Blob, now: datetime) -> dict[str, Any] | None:
    """A lease that ran out or was broken ends with the first change: who had it must not renew it as if
    nothing had happened.
    """
    held = blob.lease is not None and msgspec.convert(blob.lease, Lease).locked(now)
    return blob.lease if held else None


async def remove(store: Store, tx: Tx, blob: Blob, now: datetime) -> None:
    await store.blob_objects.clear(tx, blob.id, now)
    await store.blobs.remove(tx, [blob.id])
