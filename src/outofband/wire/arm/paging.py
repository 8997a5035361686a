"""Pages of a list: `{"value": [...], "nextLink": "https://..."}`. Clients follow the link as it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote, urlencode

from outofband.core.errors import Fault

PAGE_DEFAULT = 100
PAGE_LIMIT = 1000
MAX_TOKEN = 4096
_SKIP = "$skiptoken"


def size(top: str | None) -> int:
    """Items per page for a `$top` parameter. Raises Fault InvalidParameter when it is no positive number."""
    if top is None:
        return PAGE_DEFAULT
    # str.isdecimal alone takes digits of other scripts and int() takes any length of them.
    if not (top.isascii() and top.isdecimal() and 0 < len(top) <= 6 and int(top) > 0):
        raise Fault("InvalidParameter", target="$top", detail="it must be a positive number")
    return min(int(top), PAGE_LIMIT)


def token(after: str) -> str:
    """An opaque text for "go on after this key"."""
    return base64.urlsafe_b64encode(after.encode()).decode().rstrip("=")


def after(skip: str | None) -> str | None:
    """The key in a `$skiptoken`. Raises Fault InvalidParameter when it is none of ours."""
    if skip is None:
        return None
    try:
        if len(skip) > MAX_TOKEN or not skip.isascii():
            raise ValueError
        return base64.b64decode(skip + "=" * (-len(skip) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError) as error:
        raise Fault("InvalidParameter", target=_SKIP, detail="it is not one this service gave") from error


def page(items: Sequence[Any], next_link: str | None = None) -> dict[str, Any]:
    body: dict[str, Any] = {"value": list(items)}
    if next_link:
        body["nextLink"] = next_link
    return body


def next_link(base: str, path: str, query: Sequence[tuple[str, str]], last_key: str) -> str:
    """The address of the page after `last_key`: the same request with a new `$skiptoken`.

    `base` is scheme and authority without a slash at the end, `path` is not yet quoted.
    """
    kept = [(name, value) for name, value in query if name.lower() != _SKIP]
    return f"{base}{quote(path)}?{urlencode([*kept, (_SKIP, token(last_key))], safe='$')}"
