"""A webhook's request: a CloudEvents 1.0 event, signed as the Standard Webhooks specification has it.

    webhook-id         of the event; a repeat has the same one
    webhook-timestamp  seconds since the epoch, of this attempt
    webhook-signature  v1,base64(HMAC-SHA256(key, id "." timestamp "." body))

A secret is `whsec_` and base64 of 24 to 64 bytes, which are the key.
https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping
from typing import Any

import msgspec

PREFIX = "whsec_"
SHORTEST_KEY, LONGEST_KEY = 24, 64
TOLERANCE_SECONDS = 300
"""How old a request may be that a receiver takes."""
CONTENT_TYPE = "application/cloudevents+json; charset=utf-8"


def secret_of(key: bytes) -> str:
    return PREFIX + base64.b64encode(key).decode()


def key_of(secret: str) -> bytes:
    """Raises ValueError for what is no secret."""
    if not secret.startswith(PREFIX):
        raise ValueError(f"it does not begin with {PREFIX}")
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except binascii.Error as error:
        raise ValueError(f"what follows {PREFIX} is no base64") from error
    if not SHORTEST_KEY <= len(key) <= LONGEST_KEY:
        raise ValueError(f"it has {len(key)} bytes, not {SHORTEST_KEY} to {LONGEST_KEY}")
    return key


def headers(key: bytes, event: str, at: int, body: bytes) -> dict[str, str]:
    """Of a request that sends `body`, the event with the id `event`, at `at` seconds since the epoch."""
    return {
        "Content-Type": CONTENT_TYPE,
        "webhook-id": event,
        "webhook-timestamp": str(at),
        "webhook-signature": _signature(key, event, str(at), body),
    }


def is_authentic(key: bytes, given: Mapping[str, str], body: bytes, now: float) -> bool:
    """What a receiver asks: `given` are the request's headers, names in lower case."""
    event, at = given.get("webhook-id", ""), given.get("webhook-timestamp", "")
    if not at.isdecimal() or len(at) > 12 or abs(now - int(at)) > TOLERANCE_SECONDS:
        return False
    wanted = _signature(key, event, at, body)
    # There may be several, of an old and a new secret.
    return any(
        hmac.compare_digest(wanted.encode(), each.encode("utf-8", "replace"))
        for each in given.get("webhook-signature", "").split(" ")
    )


def event(*, id: str, kind: str, source: str, subject: str, time: str, data: Any) -> bytes:
    """A CloudEvents 1.0 event in its JSON form."""
    return msgspec.json.encode(
        {
            "specversion": "1.0",
            "id": id,
            "type": kind,
            "source": source,
            "subject": subject,
            "time": time,
            "datacontenttype": "application/json",
            "data": data,
        }
    )


def _signature(key: bytes, event: str, at: str, body: bytes) -> str:
    digest = hmac.digest(key, f"{event}.{at}.".encode() + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()
