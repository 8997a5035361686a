"""How a server becomes a machine by its administrator's sign-in: PUT, then the proof of its key.

`azcmagent connect` has the machine resource made with the server's public key (ARM, the caller's rights), and
the agent then claims it: `POST /fleet/connect` with a `ConnectRequest` is answered by a `ConnectAnswer`. The
key in the resource is the right, so the call carries no token; it may be repeated as it is when the answer
got lost. `POST /fleet/rekey` with a `RekeyRequest` replaces the key by a new one while the old one is intact,
and has the same answer.
"""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta

import msgspec

CONNECT_PATH = "/fleet/connect"
REKEY_PATH = "/fleet/rekey"
MAX_REQUEST = 16 * 1024
LIFE = timedelta(days=90)
"""Of a machine's certificate."""
RENEW_AFTER = timedelta(days=45)
"""Age of a certificate from which on its agent asks for the next."""
WARN_BEFORE = timedelta(days=14)
"""A certificate with less than this left is told as an error that can still be mended."""
RESOURCE_NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_-]{0,52}[A-Za-z0-9])?$")
"""Names `azcmagent` takes (AZCM0017): letters, digits, `-` and `_`, not ending in one of these two."""
_CONNECT = b"outofband-connect-v1\0"
_REKEY = b"outofband-rekey-v1\0"
_HARDWARE = b"outofband-hardware-v1\0"


class ConnectRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`machine`: id of the machine resource; `public_key`: the raw 32 bytes of an Ed25519 key; `proof`: its
    signature over `connect_text`. Both base64url without padding. `hardware` as in the link's hello.
    """

    machine: str
    public_key: str
    proof: str
    hardware: str = ""
    version: str = ""


class RekeyRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`proof` is made by the new key, `consent` by the old one, both over `rekey_text`."""

    agent: str
    public_key: str
    proof: str
    consent: str


class ConnectAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`agent` is the id the server signs its links with; `certificate` its certificate, PEM, of LIFE."""

    agent: str
    name: str
    tenant: str
    subscription: str
    group: str
    location: str
    trust: str
    arm: str
    link: str
    certificate: str


def connect_text(machine: str, public_key: str, hardware: str) -> bytes:
    """What a server signs to claim its machine resource."""
    return _CONNECT + b"\0".join(part.encode() for part in (machine.lower(), public_key, hardware))


def rekey_text(agent: str, public_key: str) -> bytes:
    """What the old key and the new key of an agent sign when the one replaces the other."""
    return _REKEY + b"\0".join(part.encode() for part in (agent.lower(), public_key))


def fingerprint(public_key: str, *parts: str) -> str:
    """What tells a machine from its copy: SHA-256 (hex) over what its system and firmware call it, bound to
    the agent's key so that nobody can recognise the machine by it elsewhere. Empty when nothing is known.
    """
    known = [part.strip().lower() for part in parts]
    if not any(known):
        return ""
    return hashlib.sha256(_HARDWARE + b"\0".join(part.encode() for part in (public_key, *known))).hexdigest()
