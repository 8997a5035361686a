"""Enrolment of a host: the token's text, what the host signs, request and answer (docs/protocol/link.md).

`GET /fleet/trust` answers, to anybody, the authorities as PEM. The host compares them with the fingerprint
in its token and trusts what fits, before it sends anything. `POST /fleet/enroll` carries an `EnrolRequest`
as JSON and is answered by an `EnrolAnswer`. It may be repeated as it is when the answer got lost: a token
is bound to the first key that used it.
"""

from __future__ import annotations

import re

import msgspec

from outofband.core.errors import Fault

TRUST_PATH = "/fleet/trust"
ENROL_PATH = "/fleet/enroll"
PREFIX = "oob1"
MAX_TOKEN = 512
MAX_REQUEST = 16 * 1024
"""Bytes of an EnrolRequest; a server refuses more."""
NAME = re.compile(r"^[A-Za-z0-9]([A-Za-z0-9_.-]{0,52}[A-Za-z0-9])?$")
"""Names a machine may have: letters, digits, `-`, `_` and `.`; 54 characters at most."""
_TOKEN = re.compile(r"^oob1\.([0-9a-f-]{1,40})\.([A-Za-z0-9_-]{20,100})\.([0-9a-f]{64})$")
_CONTEXT = b"outofband-enrolment-v1\0"


class EnrolmentToken(msgspec.Struct, frozen=True):
    """What an administrator hands to a host: `oob1.<id>.<secret>.<hex sha256 of the CA certificate>`."""

    id: str
    secret: str
    fingerprint: str

    def __str__(self) -> str:
        return f"{PREFIX}.{self.id}.{self.secret}.{self.fingerprint}"

    def __repr__(self) -> str:
        return f"EnrolmentToken(id={self.id!r})"


class EnrolRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`public_key`: the raw 32 bytes of an Ed25519 key; `proof`: its signature over `proof_text`.

    Both are base64url without padding.
    """

    token: str
    name: str
    public_key: str
    proof: str
    version: str = ""


class EnrolAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`agent` is the id the host signs its links with; `trust` the authorities to pin, PEM."""

    agent: str
    name: str
    tenant: str
    subscription: str
    group: str
    trust: str
    arm: str
    """Base URL of the control plane, https."""
    link: str
    """URL of the control link, wss."""
    certificate: str = ""
    """Of the agent's key, PEM; an older control plane issues none."""


def parse_token(text: str) -> EnrolmentToken:
    """Raises Fault EnrollmentTokenInvalid when the text is no token."""
    found = _TOKEN.match(text.strip()) if len(text) <= MAX_TOKEN else None
    if found is None:
        raise Fault("EnrollmentTokenInvalid")
    return EnrolmentToken(*found.groups())


def proof_text(token_id: str, name: str, public_key: str) -> bytes:
    """What a host signs to prove that it holds the key it enrols."""
    return _CONTEXT + b"\0".join(part.encode() for part in (token_id, name, public_key))
