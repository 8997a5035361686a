"""Why somebody changes something: a header of ours beside Resource Manager's own, for the activity log.

Its value is one line of a person's words, as percent-encoded UTF-8, since header fields carry ASCII only.
"""

from __future__ import annotations

from urllib.parse import quote, unquote

from outofband.core.errors import Fault

HEADER = "Outofband-Reason"
MAX_LENGTH = 256
_PLAIN = " !$&'()*+,-./:;=?@_"


def encode(reason: str) -> str:
    return quote(reason, safe=_PLAIN)


def decode(value: str | None) -> str | None:
    """The words, None when there are none. Raises Fault InvalidParameter."""
    words = unquote(value or "").strip()
    if len(words) > MAX_LENGTH or not words.isprintable():
        raise Fault(
            "InvalidParameter", target=HEADER, detail=f"it is one line of at most {MAX_LENGTH} characters"
        )
    return words or None
