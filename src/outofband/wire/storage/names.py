"""What accounts, containers, blobs, blocks and metadata may be called."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping

from outofband.core.errors import Fault

# \Z and not $, which lets a line end come after it.
ACCOUNT = re.compile(r"^[a-z0-9]{3,24}\Z")
ROOT = "$root"
"""The container of blobs that stand directly below the account."""
_SPECIAL = frozenset({ROOT, "$web", "$logs"})
_CONTAINER = re.compile(r"^[a-z0-9](?:[a-z0-9]|-(?=[a-z0-9])){2,62}\Z")
_META = re.compile(r"^[A-Za-z_][A-Za-z0-9_]*\Z")
_VALUE = re.compile(r"^[\t\x20-\x7e]*\Z")
"""What a header field can carry, in ASCII."""
MAX_BLOB = 1024
MAX_METADATA = 8 * 1024
"""Bytes of all names and values of one resource."""
MAX_BLOCK_ID = 64
"""Bytes of a block's id before base64."""


def container(name: str) -> str:
    """Raises Fault InvalidResourceName."""
    if name not in _SPECIAL and not _CONTAINER.match(name):
        raise Fault("InvalidResourceName", name=name[:80])
    return name


def blob(name: str) -> str:
    """Raises Fault InvalidResourceName."""
    if not 0 < len(name) <= MAX_BLOB or "\0" in name or any("\ud800" <= each <= "\udfff" for each in name):
        raise Fault("InvalidResourceName", name=name[:80])
    return name


def metadata(given: Mapping[str, str]) -> dict[str, str]:
    """Raises Fault InvalidMetadata or MetadataTooLarge."""
    for name, value in given.items():
        if not _META.match(name) or not _VALUE.match(value):
            raise Fault("InvalidMetadata", name=name[:80])
    if sum(len(name) + len(value) for name, value in given.items()) > MAX_METADATA:
        raise Fault("MetadataTooLarge")
    return dict(given)


def block(id: str) -> str:
    """A block's id as sent, base64. Raises Fault InvalidBlockId."""
    try:
        raw = base64.b64decode(id, validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if not 0 < len(raw) <= MAX_BLOCK_ID:
        raise Fault("InvalidBlockId")
    return id
