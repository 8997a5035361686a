"""What a request to the authority is made of: where it comes from, and the fields of a form within bounds."""

from __future__ import annotations

import base64
import binascii
import ipaddress
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import unquote_plus

import msgspec

from outofband.identity.oauth import Refusals

MAX_FIELD = 4096
"""Characters of one field of a token request."""
NOT_A_TENANT = frozenset({"common", "organizations", "consumers"})
"""Path segments that leave the tenant to whoever signs in."""


class Visitor(msgspec.Struct, frozen=True, kw_only=True):
    """Where a request comes from, for the activity log and for people to read."""

    address: str
    agent: str = ""
    """What the browser or client says it is."""
    correlation_id: str

    @property
    def source(self) -> str:
        """What limits count by. A host has all of its IPv6 network, 2 ** 64 addresses, to come from."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.address
        if isinstance(address, ipaddress.IPv4Address):
            return str(address)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ipaddress.ip_network((int(address), 64), strict=False))

    @property
    def host(self) -> str:
        """The same, for what belongs to one host: its own addresses are one."""
        try:
            address = ipaddress.ip_address(self.address)
        except ValueError:
            return self.source
        mapped = getattr(address, "ipv4_mapped", None)
        return "loopback" if (mapped or address).is_loopback else self.source


class TokenRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A token request whose fields are within bounds; `grant_type` and `client_id` are there."""

    fields: Mapping[str, str]
    tenant: str
    """The path segment."""
    visitor: Visitor
    now: datetime
    refuse: Refusals

    @property
    def client_id(self) -> str:
        return self.fields["client_id"].lower()

    def get(self, name: str) -> str:
        return self.fields.get(name, "")


def add_basic(fields: dict[str, str], authorization: str) -> str | None:
    """Take client id and secret from a Basic header (RFC 6749 2.3.1); what is wrong with it, or None."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() != "basic":
        return "The Authorization header is not of the Basic scheme."
    try:
        if len(value) > MAX_FIELD:
            raise ValueError
        pair = base64.b64decode(value.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "The Authorization header cannot be decoded."
    client_id, separator, secret = pair.partition(":")
    if not separator or "client_secret" in fields:
        return "Give the client's credentials once."
    fields["client_id"], fields["client_secret"] = unquote_plus(client_id), unquote_plus(secret)
    return None
