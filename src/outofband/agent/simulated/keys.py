"""The keys of simulated agents: made beforehand, in one private file, so that a run spends no time on it."""

from __future__ import annotations

import base64
from pathlib import Path

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from outofband.agent.state import HostKey
from outofband.core.errors import Fault
from outofband.core.secrets import write_private

MAX_AGENTS = 5000
"""As many as one control plane takes links of."""


class _File(msgspec.Struct, frozen=True):
    """`keys`: the 32 bytes of each private key, base64."""

    keys: list[str]


def load(path: Path) -> list[str]:
    """The private keys of a file, none when there is no file. Raises Fault InvalidParameter for another."""
    try:
        found = msgspec.json.decode(path.read_bytes(), type=_File).keys
        for each in found:
            host_key(each)
    except FileNotFoundError:
        return []
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        raise Fault("InvalidParameter", target="keys", detail=f"{path} holds no keys: {error}") from error
    return found


def make(path: Path, number: int) -> int:
    """Have at least `number` keys in the file; how many were made now. Those that are there stay."""
    there = load(path)
    wanted = number - len(there)
    if wanted <= 0:
        return 0
    made = [
        base64.b64encode(Ed25519PrivateKey.generate().private_bytes_raw()).decode() for _ in range(wanted)
    ]
    write_private(path, msgspec.json.encode(_File([*there, *made])))
    return wanted


def host_key(text: str) -> HostKey:
    """Raises ValueError for what is no key."""
    return HostKey(Ed25519PrivateKey.from_private_bytes(base64.b64decode(text, validate=True)))
