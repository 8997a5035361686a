"""Where everything lives: one state directory, the same names in every tower."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec


class StateDir(msgspec.Struct, frozen=True):
    """Layout of the state directory. Nothing is created by asking for a path."""

    root: Path

    @property
    def control(self) -> Path:
        return self.root / "control"

    @property
    def agent(self) -> Path:
        return self.root / "agent"

    @property
    def client(self) -> Path:
        return self.root / "client"

    @property
    def guests(self) -> Path:
        return self.root / "guests"

    @property
    def log(self) -> Path:
        return self.root / "log"

    @property
    def run(self) -> Path:
        return self.root / "run"

    @property
    def pki(self) -> Path:
        return self.control / "pki"

    @property
    def trust(self) -> Path:
        """Certificates of the current and the next CA, PEM; what every client trusts."""
        return self.pki / "trust.pem"

    @property
    def profile(self) -> Path:
        return self.client / "profile.json"

    @property
    def account(self) -> Path:
        """What `oob login` keeps of the person who signed in; signing out removes it."""
        return self.client / "account"

    @property
    def first_password(self) -> Path:
        """The password of the first person, from the first start until it was shown or changed."""
        return self.client / "first-password"

    @property
    def audit_memory(self) -> Path:
        """The last signed word of this node's audit log, beside the database that has it too."""
        return self.control / "audit-signed.json"

    @property
    def machines(self) -> Path:
        return self.agent / "machines"


MARKER = Path("/etc/outofband/agent.json")
"""Written by `oob agent install`: where the agent of this host is, for whoever calls its programs."""
_MAX_MARKER = 4096


class Marker(msgspec.Struct, frozen=True):
    """`state` is the installed agent's state directory, `version` the one that was installed."""

    state: str
    version: str = ""


def read_marker(root: Path = Path("/")) -> Marker | None:
    """What `oob agent install` left on the system below `root`; None when it is not installed there."""
    try:
        with (root / MARKER.relative_to("/")).open("rb") as file:
            return msgspec.json.decode(file.read(_MAX_MARKER), type=Marker)
    except (OSError, msgspec.MsgspecError):
        return None


def agent_state_dir(override: str | Path | None = None) -> StateDir:
    """The agent's: the argument, else `OOB_STATE`, else where it is installed, else as `state_dir`."""
    if not override and not os.environ.get("OOB_STATE") and (marker := read_marker()) is not None:
        return StateDir(Path(marker.state))
    return state_dir(override)


def state_dir(override: str | Path | None = None) -> StateDir:
    """The state directory: the argument, else `OOB_STATE`, else `outofband` in the user's data directory."""
    if override:
        return StateDir(Path(override).expanduser().absolute())
    if chosen := os.environ.get("OOB_STATE"):
        return StateDir(Path(chosen).expanduser().absolute())
    data = os.environ.get("XDG_DATA_HOME")
    base = Path(data) if data else Path.home() / ".local" / "share"
    return StateDir((base / "outofband").absolute())
