"""Takes a request body apart and refuses what no type could want."""

from __future__ import annotations

import re
from typing import Any, TypeVar

import msgspec

from outofband.core.errors import Fault
from outofband.resources.declaration import Draft

MAX_TAGS = 50
MAX_TAG_NAME = 512
MAX_TAG_VALUE = 256
MAX_DEPTH = 64
"""Objects and arrays within each other: what is kept goes through functions that call themselves."""
_LOCATION = re.compile(r"^[a-z0-9][a-z0-9-]{0,49}$")

T = TypeVar("T", bound=msgspec.Struct)


def body(content: bytes, kind: type[T]) -> T:
    """An action's body; none at all is an empty object. Raises Fault InvalidRequestContent."""
    return _shaped(_object(content), kind)


def draft(content: bytes, properties: type[msgspec.Struct] | None) -> Draft:
    """A resource's body. Raises Fault InvalidRequestContent or InvalidParameter."""
    raw = _object(content)
    inner = raw.get("properties")
    if inner is None:
        inner = {}
    if not isinstance(inner, dict):
        raise Fault("InvalidRequestContent", detail="'properties' must be an object")
    return Draft(
        location=_location(raw.get("location")),
        tags=tags(raw.get("tags")),
        properties=_shaped(inner, properties) if properties is not None else inner,
        raw=raw,
    )


def _object(content: bytes) -> dict[str, Any]:
    if not content.strip():
        return {}
    try:
        raw = msgspec.json.decode(content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error
    if not isinstance(raw, dict):
        raise Fault("InvalidRequestContent", detail="the body must be a JSON object")
    # Most bodies have fewer brackets than that altogether.
    if content.count(b"{") + content.count(b"[") > MAX_DEPTH and _depth_exceeds(raw, MAX_DEPTH):
        raise Fault("InvalidRequestContent", detail=f"it is nested more than {MAX_DEPTH} levels deep")
    return raw


def _depth_exceeds(raw: dict[str, Any], limit: int) -> bool:
    level: list[Any] = [raw]
    for _ in range(limit):
        level = [
            inner
            for each in level
            for inner in (each.values() if isinstance(each, dict) else each)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return False
    return True


def _shaped(raw: dict[str, Any], kind: type[T]) -> T:
    try:
        return msgspec.convert(raw, kind)
    except msgspec.ValidationError as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error


def _location(given: Any) -> str | None:
    """`West Europe` and `westeurope` are the same place."""
    if given is None:
        return None
    text = given.replace(" ", "").lower() if isinstance(given, str) else ""
    if not _LOCATION.fullmatch(text):
        raise Fault("InvalidParameter", target="location", detail="letters, digits and '-', 50 at most")
    return text


def tags(given: Any) -> dict[str, str] | None:
    """Tags within bounds; None for none. Raises Fault InvalidRequestContent or InvalidParameter."""
    if given is None:
        return None
    if not isinstance(given, dict) or not all(isinstance(value, str) for value in given.values()):
        raise Fault("InvalidRequestContent", detail="'tags' must be an object of texts")
    if len(given) > MAX_TAGS:
        raise Fault("InvalidParameter", target="tags", detail=f"{MAX_TAGS} at most")
    for name, value in given.items():
        if not 0 < len(name) <= MAX_TAG_NAME or len(value) > MAX_TAG_VALUE:
            raise Fault(
                "InvalidParameter",
                target="tags",
                detail=f"names have 1 to {MAX_TAG_NAME} characters, values at most {MAX_TAG_VALUE}",
            )
    return dict(given)
