"""ARM's error envelope, and in it the catalogue's cause and remedy for those who know where to look.

    {"error": {"code", "message", "target"?, "additionalInfo": [{"type": "OutofbandRemedy", "info": {...}}]}}

Clients that know only Azure show code and message; ours read the info item too.
"""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.catalogue import Explained

REMEDY_TYPE = "OutofbandRemedy"
MAX_ENVELOPE = 256 * 1024
"""Bytes of an answer a client reads in search of an envelope."""


_DETAILED = frozenset({"MissingSubscriptionRegistration"})


class RemoteError(msgspec.Struct, frozen=True, kw_only=True):
    """An envelope as its reader sees it. The fields after `message` are empty when the server is not ours."""

    code: str
    message: str
    target: str | None = None
    title: str = ""
    cause: str = ""
    remedy: list[str] = []
    action: str | None = None
    retryable: bool = False
    fields: dict[str, Any] = {}


def inner(explained: Explained, fields: dict[str, Any], target: str | None = None) -> dict[str, Any]:
    """The object under `error`; an operation's poll body carries the same one."""
    body: dict[str, Any] = {"code": explained.code, "message": explained.message}
    if target:
        body["target"] = target
    info = {
        "title": explained.title,
        "cause": explained.cause,
        "remedy": explained.remedy,
        "action": explained.action,
        "retryable": explained.retry,
        "fields": fields,
    }
    if explained.code in _DETAILED:
        # Azure's SDK for Go looks for the namespace here before it registers it.
        body["details"] = [{"code": explained.code, "target": target, "message": explained.message}]
    body["additionalInfo"] = [{"type": REMEDY_TYPE, "info": info}]
    return body


def envelope(explained: Explained, fields: dict[str, Any], target: str | None = None) -> dict[str, Any]:
    """A whole error body for an explained fault; `fields` are the fault's own, plain JSON values."""
    return {"error": inner(explained, fields, target)}


def read(body: bytes) -> RemoteError | None:
    """The error in an answer's body; None when there is no envelope in it. Also takes the flat form."""
    if len(body) > MAX_ENVELOPE:
        return None
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return from_value(raw.get("error", raw)) if isinstance(raw, dict) else None


def from_value(error: Any) -> RemoteError | None:
    """The same from a decoded `error` object, as a poll body has it."""
    if not isinstance(error, dict) or not isinstance(error.get("code"), str):
        return None
    found = _info(error.get("additionalInfo"))
    try:
        return msgspec.convert(
            {**found, "code": error["code"], "message": error.get("message") or error["code"]}, RemoteError
        )
    except msgspec.ValidationError:
        return RemoteError(code=error["code"], message=str(error.get("message") or error["code"]))


def _info(items: Any) -> dict[str, Any]:
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict) and item.get("type") == REMEDY_TYPE and isinstance(item.get("info"), dict):
            return dict(item["info"])
    return {}
