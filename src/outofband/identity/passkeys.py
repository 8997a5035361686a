"""Passkeys (WebAuthn level 2): what a browser is asked, and whether its answer holds.

Isolates the library: nothing else imports `webauthn`, and it is loaded when somebody has or wants a passkey.
A passkey is bound to a host name; browsers know none for an address of numbers.
"""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import msgspec

from outofband.core.errors import Fault
from outofband.store.factors import Factor
from outofband.store.people import User

NAME = "Outofband"
CHALLENGE_BYTES = 32
TIMEOUT_MS = 300_000
MAX_ANSWER = 16 * 1024
"""Characters of a browser's answer; an attestation with certificates has some thousands."""
MAX_CREDENTIAL = 1023
"""Bytes of a credential id (section 4)."""
_TRANSPORTS = frozenset({"usb", "nfc", "ble", "internal", "hybrid", "smart-card"})


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A passkey that a browser has just made."""

    credential_id: str
    """base64url."""
    public_key: bytes
    sign_count: int
    transports: list[str]


class _Response(msgspec.Struct, frozen=True, rename="camel"):
    transports: list[str] = []
    user_handle: str | None = None


class _Answer(msgspec.Struct, frozen=True):
    id: str
    response: _Response


def host_of(base: str) -> str | None:
    """The host name that passkeys of this address are bound to; None for an address of numbers."""
    host = urlsplit(base).hostname
    if not host:
        return None
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.lower()
    return None


def challenge() -> str:
    """base64url without padding, as it travels."""
    return secrets.token_urlsafe(CHALLENGE_BYTES)


def to_make(host: str, user: User, known: Sequence[Factor], challenge: str) -> str:
    """Options for `navigator.credentials.create`, JSON. `known` are not made a second time."""
    import webauthn
    from webauthn.helpers import structs

    wanted = structs.AuthenticatorSelectionCriteria(
        resident_key=structs.ResidentKeyRequirement.PREFERRED,
        user_verification=structs.UserVerificationRequirement.PREFERRED,
    )
    options = webauthn.generate_registration_options(
        rp_id=host,
        rp_name=NAME,
        user_name=user.name,
        user_id=uuid.UUID(user.object_id).bytes,
        user_display_name=user.display_name,
        challenge=webauthn.base64url_to_bytes(challenge),
        timeout=TIMEOUT_MS,
        authenticator_selection=wanted,
        exclude_credentials=_descriptors(known),
    )
    made: str = webauthn.options_to_json(options)
    return made


def to_show(host: str, known: Sequence[Factor], challenge: str, *, verify: bool) -> str:
    """Options for `navigator.credentials.get`, JSON. Without `known` the person chooses; `verify`: the key
    has to ask for a PIN or a finger, because there is no password beside it.
    """
    import webauthn
    from webauthn.helpers import structs

    need = structs.UserVerificationRequirement
    options = webauthn.generate_authentication_options(
        rp_id=host,
        challenge=webauthn.base64url_to_bytes(challenge),
        timeout=TIMEOUT_MS,
        allow_credentials=_descriptors(known),
        user_verification=need.REQUIRED if verify else need.PREFERRED,
    )
    made: str = webauthn.options_to_json(options)
    return made


def made(answer: str, *, challenge: str, origin: str, host: str) -> Made:
    """Check an answer of `create`. Raises Fault PasskeyRefused."""
    import webauthn

    read = _read(answer)
    try:
        found = webauthn.verify_registration_response(
            credential=answer,
            expected_challenge=webauthn.base64url_to_bytes(challenge),
            expected_origin=origin,
            expected_rp_id=host,
        )
    except Exception as error:
        # Whatever it stumbles over was sent by somebody who wants to come in.
        raise Fault("PasskeyRefused") from error
    if len(found.credential_id) > MAX_CREDENTIAL:
        raise Fault("PasskeyRefused")
    return Made(
        credential_id=webauthn.helpers.bytes_to_base64url(found.credential_id),
        public_key=found.credential_public_key,
        sign_count=found.sign_count,
        transports=[each for each in read.response.transports if each in _TRANSPORTS],
    )


def credential_of(answer: str) -> str:
    """The id of the credential that answers. Raises Fault PasskeyRefused."""
    return _read(answer).id


def shown(answer: str, factor: Factor, *, challenge: str, origin: str, host: str, verify: bool) -> int:
    """Check an answer of `get` against the passkey it names; the new count of its uses.

    Raises Fault PasskeyRefused, or PasskeyCopied when the count did not grow: two of them are about.
    """
    import webauthn

    read, before = _read(answer), factor.sign_count or 0
    owner = webauthn.helpers.bytes_to_base64url(uuid.UUID(factor.object_id).bytes)
    if read.response.user_handle not in (None, "", owner) or (verify and not read.response.user_handle):
        raise Fault("PasskeyRefused")
    try:
        found = webauthn.verify_authentication_response(
            credential=answer,
            expected_challenge=webauthn.base64url_to_bytes(challenge),
            expected_origin=origin,
            expected_rp_id=host,
            credential_public_key=factor.public_key or b"",
            # The count is compared below, where its failure has a name of its own.
            credential_current_sign_count=0,
            require_user_verification=verify,
        )
    except Exception as error:
        # Whatever it stumbles over was sent by somebody who wants to come in.
        raise Fault("PasskeyRefused") from error
    count: int = found.new_sign_count
    if (count or before) and count <= before:
        raise Fault("PasskeyCopied")
    return count


def _descriptors(known: Sequence[Factor]) -> list[Any]:
    import webauthn
    from webauthn.helpers import structs

    return [
        structs.PublicKeyCredentialDescriptor(
            id=webauthn.base64url_to_bytes(each.credential_id or ""),
            transports=[structs.AuthenticatorTransport(one) for one in each.transports or ()] or None,
        )
        for each in known
        if each.credential_id
    ]


def _read(answer: str) -> _Answer:
    try:
        if len(answer) > MAX_ANSWER:
            raise ValueError(len(answer))
        return msgspec.json.decode(answer.encode(), type=_Answer)
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        raise Fault("PasskeyRefused") from error
