"""Ed25519 keys of agents: made on the host, only the public half is ever here."""

from __future__ import annotations

import base64
import binascii

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

KEY_BYTES = 32
SIGNATURE_BYTES = 64


def verify(public_key: str, signature: str, text: bytes) -> bool:
    """Whether the key signed `text`; False for anything malformed. Base64url without padding."""
    raw_key, raw_signature = _raw(public_key, KEY_BYTES), _raw(signature, SIGNATURE_BYTES)
    if raw_key is None or raw_signature is None:
        return False
    try:
        Ed25519PublicKey.from_public_bytes(raw_key).verify(raw_signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def well_formed(public_key: str) -> bool:
    return _raw(public_key, KEY_BYTES) is not None


def _raw(text: str, size: int) -> bytes | None:
    """Exactly `size` bytes in their one spelling: two texts for one key would let it enrol twice."""
    try:
        raw = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (binascii.Error, ValueError):
        return None
    canonical = base64.urlsafe_b64encode(raw).decode().rstrip("=")
    return raw if len(raw) == size and canonical == text else None
