"""What an agent keeps about itself: the key made on this host, the identity it was given, whom it trusts.

`agent/agent.key` is an Ed25519 private key (PKCS 8, PEM); `agent/identity.json` names the agent, the control
plane and the authorities pinned for it. Both are 0600 and replaced whole.
"""

from __future__ import annotations

import base64
import ssl
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from outofband.net.tls import client_context
from outofband.net.trust import next_trust


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who this agent is. `arm` is the control plane's base URL (https), `trust` a PEM bundle to verify it.

    `token` is the id (not the secret) of the enrolment token that made this identity.
    """

    agent: str
    name: str
    arm: str
    link: str
    trust: str
    token: str
    enrolled: str


def identity_path(state: StateDir) -> Path:
    return state.agent / "identity.json"


def key_path(state: StateDir) -> Path:
    return state.agent / "agent.key"


def load_identity(state: StateDir) -> Identity:
    """Raises Fault AgentNotEnrolled when there is none, or none that can be read."""
    path = identity_path(state)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.MsgspecError) as error:
        raise Fault("AgentNotEnrolled", path=str(path)) from error


def save_identity(state: StateDir, identity: Identity) -> None:
    write_private(identity_path(state), msgspec.json.format(msgspec.json.encode(identity)))


class HostKey:
    """The key that is this agent. It is made here and never leaves."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def make(cls) -> HostKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> HostKey:
        """Raises Fault AgentNotEnrolled when the file is missing or holds no Ed25519 key."""
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except (OSError, ValueError) as error:
            raise Fault("AgentNotEnrolled", path=str(path)) from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Fault("AgentNotEnrolled", path=str(path))
        return cls(private)

    def save(self, path: Path) -> None:
        pem = self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(path, pem)

    @property
    def public(self) -> str:
        """The raw public key, base64url without padding."""
        return _unpadded(self._private.public_key().public_bytes_raw())

    def sign(self, text: bytes) -> str:
        """Ed25519 signature, base64url without padding."""
        return _unpadded(self._private.sign(text))


def _unpadded(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Trust:
    """The pinned authorities of one control plane, as they change while the agent runs."""

    def __init__(self, state: StateDir, identity: Identity) -> None:
        self._state = state
        self.identity = identity
        self._context: ssl.SSLContext | None = None

    def context(self) -> ssl.SSLContext:
        """For every connection to the control plane: the link, and each stream."""
        if self._context is None:
            self._context = client_context(self.identity.trust)
        return self._context

    def offer(self, bundle: str) -> bool:
        """Pin what a welcome brought, if `next_trust` allows; True when the pinned bundle changed."""
        pinned = next_trust(self.identity.trust, bundle)
        if pinned is None:
            return False
        self.identity = msgspec.structs.replace(self.identity, trust=pinned)
        save_identity(self._state, self.identity)
        self._context = None
        return True
