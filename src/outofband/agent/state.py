"""What an agent keeps about itself: the key made on this host, the identity it was given, whom it trusts.

`agent/agent.key` is an Ed25519 private key (PKCS 8, PEM); `agent/identity.json` names the agent, the control
plane and the authorities pinned for it. Both are 0600 and replaced whole. While the key is being replaced
the next one lies beside it, `agent/agent.key.next`, until the control plane has taken it.
"""

from __future__ import annotations

import base64
import ssl
import uuid
from pathlib import Path

import msgspec
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from outofband.agent import certificate
from outofband.agent.hardware import Fingerprints
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import remove_private, write_private
from outofband.net.tls import client_context
from outofband.net.trust import next_trust

_VM_IDS = uuid.UUID("0f2a8c1e-6d1b-5a41-9a52-3f0c2f7f8b11")


class Identity(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Who this agent is. `arm` is the control plane's base URL (https), `trust` a PEM bundle to verify it.

    `token` is the id (not the secret) of the enrolment token that made this identity; empty for a server that
    was connected by a sign-in. `hardware` is the machine it was made on. What follows `enrolled` is empty
    in the identities of older versions.
    """

    agent: str
    name: str
    arm: str
    link: str
    trust: str
    token: str
    enrolled: str
    tenant: str = ""
    subscription: str = ""
    group: str = ""
    location: str = ""
    cloud: str = ""
    correlation: str = ""
    vm_id: str = ""
    hardware: Fingerprints = Fingerprints()

    @property
    def resource(self) -> str:
        """Id of the machine resource; empty where it is not known."""
        if not (self.subscription and self.group):
            return ""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.group}"
        return f"{group}/providers/Microsoft.HybridCompute/machines/{self.name}"


def identity_path(state: StateDir) -> Path:
    return state.agent / "identity.json"


def key_path(state: StateDir) -> Path:
    return state.agent / "agent.key"


def next_key_path(state: StateDir) -> Path:
    return state.agent / "agent.key.next"


def vm_id(public_key: str) -> str:
    """What the machine resource calls the server (`vmId`): the same whenever it is asked for with one key."""
    return str(uuid.uuid5(_VM_IDS, public_key))


def load_identity(state: StateDir) -> Identity:
    """Raises Fault AgentNotEnrolled when there is none, or none that can be read."""
    path = identity_path(state)
    try:
        return msgspec.json.decode(path.read_bytes(), type=Identity)
    except (OSError, msgspec.MsgspecError) as error:
        raise Fault("AgentNotEnrolled", path=str(path)) from error


def find_identity(state: StateDir) -> Identity | None:
    """The same; None when there is none."""
    try:
        return load_identity(state)
    except Fault:
        return None


def save_identity(state: StateDir, identity: Identity) -> None:
    text = msgspec.json.format(msgspec.json.encode(identity))
    write_private(identity_path(state), text, like_folder=True)


def forget(state: StateDir) -> None:
    """Remove key, certificate and identity. The identity goes last: as long as it is there, so is the name of
    what was disconnected.
    """
    for path in (next_key_path(state), key_path(state), certificate.path(state), identity_path(state)):
        remove_private(path)


class HostKey:
    """The key that is this agent. It is made here and never leaves."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private

    @classmethod
    def make(cls) -> HostKey:
        return cls(Ed25519PrivateKey.generate())

    @classmethod
    def load(cls, path: Path) -> HostKey:
        """Raises Fault AgentKeyLost when the file is missing, cannot be read, or holds no Ed25519 key."""
        try:
            private = serialization.load_pem_private_key(path.read_bytes(), password=None)
        except OSError as error:
            raise Fault("AgentKeyLost", path=str(path), detail=error.strerror or str(error)) from error
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise Fault("AgentKeyLost", path=str(path), detail="it holds no readable key") from error
        if not isinstance(private, Ed25519PrivateKey):
            raise Fault("AgentKeyLost", path=str(path), detail="it holds a key of another kind")
        return cls(private)

    @classmethod
    def of(cls, state: StateDir) -> HostKey:
        """This host's key, made now where there is none: from the first attempt to connect on it stays.

        Raises Fault AgentKeyLost for a host that has an identity, whose key nobody can make again.
        """
        path = key_path(state)
        if path.exists() or identity_path(state).exists():
            return cls.load(path)
        key = cls.make()
        key.save(path)
        return key

    def save(self, path: Path) -> None:
        pem = self._private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        write_private(path, pem, like_folder=True)

    @property
    def public(self) -> str:
        """The raw public key, base64url without padding."""
        return _unpadded(self.raw)

    @property
    def raw(self) -> bytes:
        """The 32 bytes of the public key."""
        return self._private.public_key().public_bytes_raw()

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
