"""A passkey in software: what a key on USB does, and what a forged one might try.

It answers the options of a page as a browser does, JSON for JSON. Everything a thief could change is a
parameter.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from typing import Any

import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40
ES256 = -7


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Passkey:
    """One credential on one authenticator. `count` is what it says of its uses, always 0 without `counts`."""

    def __init__(self, *, count: int = 1, verifies: bool = True, counts: bool = True) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)
        self.count = count if counts else 0
        self.counts = counts
        self.verifies = verifies
        self.user: bytes | None = None

    def make(
        self, options: str, origin: str, *, attestation: str = "none", host: str | None = None, **changes: Any
    ) -> str:
        """The answer to `navigator.credentials.create`. `attestation` is `none` or `packed` (by itself)."""
        asked = json.loads(options)
        assert any(each["alg"] == ES256 for each in asked["pubKeyCredParams"])
        assert encode(self.id) not in {each["id"] for each in asked.get("excludeCredentials", ())}
        self.user = decode(asked["user"]["id"])
        numbers = self.key.public_key().public_numbers()
        public = {1: 2, 3: ES256, -1: 1, -2: numbers.x.to_bytes(32, "big"), -3: numbers.y.to_bytes(32, "big")}
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + cbor2.dumps(public)
        data = self._data(host or asked["rp"]["id"], ATTESTED, changes.pop("flags", None)) + attested
        client = self._client("webauthn.create", asked, origin, changes)
        statement: dict[str, Any] = {}
        if attestation == "packed":
            statement = {"alg": ES256, "sig": self._sign(data + hashlib.sha256(client).digest())}
        whole = cbor2.dumps({"fmt": attestation, "attStmt": statement, "authData": data})
        response = {
            "clientDataJSON": encode(client),
            "attestationObject": encode(whole),
            "transports": ["usb", "teleport"],
        }
        return self._answer(response)

    def show(
        self,
        options: str,
        origin: str,
        *,
        host: str | None = None,
        key: ec.EllipticCurvePrivateKey | None = None,
        flags: int | None = None,
        user: bytes | None = None,
        **changes: Any,
    ) -> str:
        """The answer to `navigator.credentials.get`."""
        asked = json.loads(options)
        if self.counts:
            self.count += 1
        client = self._client("webauthn.get", asked, origin, changes)
        data = self._data(host or asked["rpId"], 0, flags)
        response = {
            "clientDataJSON": encode(client),
            "authenticatorData": encode(data),
            "signature": encode(self._sign(data + hashlib.sha256(client).digest(), key)),
            "userHandle": encode(user if user is not None else self.user or b""),
        }
        return self._answer(response)

    def _data(self, host: str, more: int, flags: int | None) -> bytes:
        own = PRESENT | (VERIFIED if self.verifies else 0)
        flag = (own if flags is None else flags) | more
        return hashlib.sha256(host.encode()).digest() + bytes([flag]) + self.count.to_bytes(4, "big")

    @staticmethod
    def _client(kind: str, asked: dict[str, Any], origin: str, changes: dict[str, Any]) -> bytes:
        said = {"type": kind, "challenge": asked["challenge"], "origin": origin, "crossOrigin": False}
        said |= changes
        return json.dumps(said).encode()

    def _sign(self, data: bytes, key: ec.EllipticCurvePrivateKey | None = None) -> bytes:
        return (key or self.key).sign(data, ec.ECDSA(hashes.SHA256()))

    def _answer(self, response: dict[str, Any]) -> str:
        name = encode(self.id)
        whole = {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "response": response,
            "clientExtensionResults": {},
        }
        return json.dumps(whole)
