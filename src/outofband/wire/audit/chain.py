"""How the records of the activity log are linked: one chain for each node and day (ADR 31).

    digest(n) = SHA-256(record n as JSON)
    link(0)   = SHA-256("outofband-audit-day/1\\0" + JSON of [node, day, day before, last link of that day])
    link(n)   = SHA-256("outofband-audit-link/1\\0" + link(n-1) + n as 8 bytes, big endian + digest(n))

JSON means: UTF-8, keys in order, no blanks. Links and digests are written in hex, signatures in base64url. A
record whose digest alone is known links as well as one that is known whole: so a tenant can verify a chain
that other tenants' records are in, without reading those.
"""

from __future__ import annotations

import base64
import hashlib
import struct
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

_DAY = b"outofband-audit-day/1\0"
_LINK = b"outofband-audit-link/1\0"
_NUMBER = struct.Struct(">Q")
FIELDS = (
    "id",
    "at",
    "tenant_id",
    "subscription_id",
    "group_key",
    "resource_id",
    "resource_key",
    "resource_type",
    "action",
    "scope",
    "status",
    "sub_status",
    "level",
    "caller",
    "object_id",
    "app_id",
    "client_address",
    "method",
    "correlation_id",
    "operation_id",
    "properties",
    "role",
)
"""What a record has: every column of the row but its place in the log. `at` is microseconds since 1970."""


def canonical(value: Any) -> bytes:
    return msgspec.json.encode(value, order="deterministic")


def digest(record: Mapping[str, Any]) -> str:
    return hashlib.sha256(canonical(record)).hexdigest()


def seed(node: str, day: str, previous_day: str | None, previous_link: str | None) -> str:
    """What the first record of a day is linked to; `day` is `2026-03-04`."""
    before = canonical([node, day, previous_day, previous_link])
    return hashlib.sha256(_DAY + before).hexdigest()


def link(before: str, number: int, digest: str) -> str:
    """Raises ValueError when a link is no hex."""
    told = bytes.fromhex(before) + _NUMBER.pack(number) + bytes.fromhex(digest)
    return hashlib.sha256(_LINK + told).hexdigest()


class Signed(msgspec.Struct, frozen=True, kw_only=True, rename="camel", tag_field="kind"):
    """A signed word on the chain of one node and day: that it had `count` records, the last with `link`."""

    node: str
    day: str
    count: int
    link: str
    at: str
    """When it was signed, ISO 8601."""
    kid: str = ""
    signature: str = ""

    @property
    def payload(self) -> bytes:
        """What is signed: the line without its signature, its `kind` included."""
        told: dict[str, Any] = msgspec.to_builtins(self)
        del told["signature"]
        return b"outofband-audit-signed/1\0" + canonical(told)


class Checkpoint(Signed, frozen=True, kw_only=True, tag="checkpoint"):
    closed: bool = False
    """The node stopped in good order after it."""


class Pruned(Signed, frozen=True, kw_only=True, tag="pruned"):
    """The day's records were removed, for they were older than the log is kept."""

    keep_days: int


def sign(word: Any, key: Ed25519PrivateKey) -> Any:
    """The same word with the signature of `key`, whose id it has to name already."""
    signature = base64.urlsafe_b64encode(key.sign(word.payload)).rstrip(b"=").decode()
    return msgspec.structs.replace(word, signature=signature)


def is_signed(word: Signed, key: Ed25519PublicKey) -> bool:
    try:
        key.verify(decode64(word.signature), word.payload)
    except (InvalidSignature, ValueError):
        return False
    return True


def public_key(jwk: Mapping[str, Any]) -> Ed25519PublicKey:
    """Raises ValueError when it is no public Ed25519 key."""
    if jwk.get("kty") != "OKP" or jwk.get("crv") != "Ed25519":
        raise ValueError("it is no Ed25519 key")
    return Ed25519PublicKey.from_public_bytes(decode64(str(jwk.get("x", ""))))


def decode64(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
