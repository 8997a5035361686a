"""Forms and queries: what a browser or an OAuth client sends as `name=value`, each name once."""

from __future__ import annotations

from urllib.parse import parse_qsl

from outofband.core.errors import Fault

MAX_FORM = 32 * 1024
"""Bytes of a form; a client certificate's assertion has about 1500."""
MAX_FIELDS = 64


def parse(text: bytes | str) -> dict[str, str]:
    """The fields; one that is given twice is ambiguous (RFC 6749 section 3.2).

    Raises Fault InvalidRequestContent.
    """
    try:
        plain = text.decode() if isinstance(text, bytes) else text
        pairs = parse_qsl(plain, keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError as error:
        raise Fault("InvalidRequestContent", detail="the form cannot be read") from error
    form = dict(pairs)
    if len(form) != len(pairs):
        raise Fault("InvalidRequestContent", detail="a field is given twice")
    return form
