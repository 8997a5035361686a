"""Programs that people sign in to: public clients, which keep no secret, and where each may be answered.

A redirect address is compared with the whole pattern, never with its beginning (RFC 9700 section 2.1).
"""

from __future__ import annotations

import re
from collections.abc import Collection

import msgspec

_LOOPBACK = re.compile(r"http://(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?/?")
_PORTAL_PATH = "/portal/"
_SIGNED_OUT_PATH = "/portal/signed-out"


class PublicClient(msgspec.Struct, frozen=True):
    id: str
    name: str
    """What the sign-in page calls it."""
    native: bool
    """A program on a person's machine: it listens on a loopback port, or uses a device code. Any other there
    may claim to be it, so that it is never answered without a word of the person (RFC 8252 section 8.6).
    """

    def may_redirect(self, uri: str, bases: Collection[str]) -> bool:
        """Whether a code may be sent to `uri`. `bases` are the authority's own addresses."""
        if self.native:
            return _LOOPBACK.fullmatch(uri) is not None
        return uri in {f"{base}{_PORTAL_PATH}" for base in bases}

    def may_return(self, uri: str, bases: Collection[str]) -> bool:
        """Whether a browser may be sent to `uri` after it signed out."""
        if self.native:
            return False
        return uri in {f"{base}{path}" for base in bases for path in (_PORTAL_PATH, _SIGNED_OUT_PATH)}


PORTAL = PublicClient("0f0b0a11-0000-4000-8000-000000000001", "Outofband portal", native=False)
CLI = PublicClient("0f0b0a11-0000-4000-8000-000000000002", "oob command line", native=True)
AZURE_CLI = PublicClient("04b07795-8ddb-461a-bbee-02f9e1bf7b46", "Azure CLI", native=True)
_ALL = {client.id: client for client in (PORTAL, CLI, AZURE_CLI)}


def public_client(client_id: str) -> PublicClient | None:
    """By its id, whatever the case."""
    return _ALL.get(client_id.lower())
