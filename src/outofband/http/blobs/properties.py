"""Headers and elements that tell what a container or a blob is."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.store.blobs import APPEND, BLOCK, PAGE, Blob
from outofband.store.blobs_containers import Container
from outofband.wire.storage import documents, leases
from outofband.wire.storage.asked import META, Asked, written_date
from outofband.wire.storage.documents import Entry
from outofband.wire.storage.leases import Lease

TYPE = "application/octet-stream"
OWN = {
    "x-ms-blob-content-type": "Content-Type",
    "x-ms-blob-content-encoding": "Content-Encoding",
    "x-ms-blob-content-language": "Content-Language",
    "x-ms-blob-content-md5": "Content-MD5",
    "x-ms-blob-cache-control": "Cache-Control",
    "x-ms-blob-content-disposition": "Content-Disposition",
}
"""Headers of a request that set what is answered with a blob."""
TIERS = ("Hot", "Cool", "Cold", "Archive")


def lease_of(kept: dict[str, Any] | None) -> Lease | None:
    return msgspec.convert(kept, Lease) if kept is not None else None


def own_headers(asked: Asked, *, plain: bool = False) -> dict[str, str]:
    """What the request sets. `plain`: the usual names count as well, as with Put Blob."""
    found: dict[str, str] = {}
    for name, answered in OWN.items():
        usual = "content-type" if answered == "Content-Type" else answered.lower()
        value = asked.header(name) or (asked.header(usual) if plain and answered != "Content-MD5" else None)
        if value is not None:
            if any(ord(each) < 32 or ord(each) > 255 for each in value):
                raise Fault("InvalidHeaderValue", name=name, value=value[:80])
            found[answered] = value
    return found


def md5_text(digest: bytes) -> str:
    return base64.b64encode(digest).decode()


def lease_headers(kept: dict[str, Any] | None, now: datetime) -> dict[str, str]:
    shown = leases.shown(lease_of(kept), now)
    return {f"x-ms-lease-{name}": value for name, value in shown.items()}


def meta_headers(metadata: Mapping[str, str]) -> dict[str, str]:
    return {f"{META}{name}": value for name, value in metadata.items()}


def tags(row: Container | Blob) -> dict[str, str]:
    """Entity tag and time: what every change answers."""
    return {"ETag": row.etag, "Last-Modified": written_date(row.modified)}


def container_headers(row: Container, now: datetime) -> dict[str, str]:
    found = {
        **tags(row),
        **meta_headers(row.metadata),
        **lease_headers(row.lease, now),
        "x-ms-has-immutability-policy": "false",
        "x-ms-has-legal-hold": "false",
    }
    return found | ({"x-ms-blob-public-access": row.public} if row.public else {})


def blob_headers(row: Blob, now: datetime) -> dict[str, str]:
    """All but the length, which depends on the range."""
    found = {
        **{"Content-Type": TYPE},
        **row.headers,
        **tags(row),
        **meta_headers(row.metadata),
        **lease_headers(row.lease, now),
        "Accept-Ranges": "bytes",
        "x-ms-blob-type": row.kind,
        "x-ms-creation-time": written_date(row.created),
        "x-ms-server-encrypted": "false",
    }
    if row.kind == APPEND:
        found["x-ms-blob-committed-block-count"] = str(row.sequence)
    if row.kind == PAGE:
        found["x-ms-blob-sequence-number"] = str(row.sequence)
    if row.kind == BLOCK:
        found["x-ms-access-tier"] = row.tier or TIERS[0]
        if row.tier is None:
            found["x-ms-access-tier-inferred"] = "true"
    if row.copy is not None:
        found |= {
            "x-ms-copy-id": row.copy["id"],
            "x-ms-copy-source": row.copy["source"],
            "x-ms-copy-status": "success",
            "x-ms-copy-progress": f"{row.length}/{row.length}",
            "x-ms-copy-completion-time": row.copy["at"],
        }
    return found


def container_entry(row: Container, now: datetime, *, metadata: bool) -> Entry:
    shown = leases.shown(lease_of(row.lease), now)
    more = {
        "LeaseStatus": shown["status"],
        "LeaseState": shown["state"],
        "LeaseDuration": shown.get("duration"),
        "PublicAccess": row.public or None,
        "HasImmutabilityPolicy": "false",
        "HasLegalHold": "false",
    }
    return Entry(
        name=row.name,
        properties=documents.properties(row.modified, row.etag, more),
        metadata=row.metadata if metadata else None,
    )


def blob_entry(row: Blob, now: datetime, *, metadata: bool, copy: bool) -> Entry:
    shown = leases.shown(lease_of(row.lease), now)
    more: dict[str, str | None] = {
        "Creation-Time": written_date(row.created),
        "Content-Length": str(row.length),
        "Content-Type": TYPE,
        **row.headers,
        "BlobType": row.kind,
        "x-ms-blob-sequence-number": str(row.sequence) if row.kind == PAGE else None,
        "AccessTier": (row.tier or TIERS[0]) if row.kind == BLOCK else None,
        "AccessTierInferred": "true" if row.kind == BLOCK and row.tier is None else None,
        "LeaseStatus": shown["status"],
        "LeaseState": shown["state"],
        "LeaseDuration": shown.get("duration"),
        "ServerEncrypted": "false",
    }
    if copy and row.copy is not None:
        more |= {
            "CopyId": row.copy["id"],
            "CopySource": row.copy["source"],
            "CopyStatus": "success",
            "CopyProgress": f"{row.length}/{row.length}",
            "CopyCompletionTime": row.copy["at"],
        }
    return Entry(
        name=row.name,
        properties=documents.properties(row.modified, row.etag, more),
        metadata=row.metadata if metadata else None,
    )
