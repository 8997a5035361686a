"""Where the control plane is and who we are.

There are two profiles. The control plane leaves one for the programs of its own host: a client with a secret.
`oob login` makes the other, of a person; while it is there it goes first.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import TypeVar

import msgspec

from outofband.core.errors import Fault
from outofband.core.paths import StateDir


class Profile(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Addresses, and the subscription and group that commands mean when they are told none."""

    arm: str
    gateway: str
    ca_file: Path
    tenant_id: str
    subscription_id: str
    resource_group: str
    client_id: str

    @property
    def who(self) -> str:
        """In whose name requests are made, for a person to read."""
        return f"client {self.client_id}"

    @property
    def signed_in(self) -> str:
        """Which person at which address; empty when it is none."""
        return ""


class LocalProfile(Profile, frozen=True, kw_only=True, rename="camel"):
    """What the control plane leaves on its own host. The secret stays in its own 0600 file."""

    client_secret_file: Path

    def secret(self) -> str:
        """The client secret. Raises Fault StateNotFound, StateUnsafe or ProfileInvalid."""
        return private(self.client_secret_file).decode("ascii", errors="replace").strip()


class PersonProfile(Profile, frozen=True, kw_only=True, rename="camel"):
    """What `oob login` keeps of a person. Subscription and group are empty until there is one to see."""

    resource: str
    """What tokens are asked for: the control plane's own name for itself, whatever name it is reached by."""
    object_id: str
    name: str
    """The sign-in name: `admin@outofband.local`."""
    display_name: str

    @property
    def who(self) -> str:
        return self.name

    @property
    def signed_in(self) -> str:
        return f"{self.name} at {self.arm}"

    @property
    def owner(self) -> str:
        """Who may use the tokens kept beside this profile, and where."""
        return f"{self.object_id}@{self.arm}"


P = TypeVar("P", bound=Profile)


def load_profile(state: StateDir) -> LocalProfile | PersonProfile:
    """Of the person who signed in, else the one of this host.

    Raises Fault StateNotFound when there is neither, StateUnsafe if it is not private, ProfileInvalid or
    AccountInvalid.
    """
    return person_profile(state) or local_profile(state)


def local_profile(state: StateDir) -> LocalProfile:
    """The one that the control plane left here; raises as `load_profile`."""
    try:
        return _read(state.profile, LocalProfile)
    except Fault as fault:
        if fault.code == "StateNotFound":
            raise Fault("StateNotFound", path=str(state.root)) from fault
        raise


def person_profile(state: StateDir) -> PersonProfile | None:
    """The one that `oob login` made; None when nobody is signed in. Raises StateUnsafe or AccountInvalid."""
    try:
        return _read(state.account / "profile.json", PersonProfile)
    except Fault as fault:
        if fault.code == "StateNotFound":
            return None
        if fault.code == "ProfileInvalid":
            raise Fault("AccountInvalid", path=fault.fields["path"], detail=fault.fields["detail"]) from fault
        raise


def private(path: Path) -> bytes:
    """Content of a file that nobody else can read: whoever could write it could send us anywhere."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if mode & 0o077:
                raise Fault("StateUnsafe", path=str(path), mode=oct(mode & 0o777))
            return file.read()
    except FileNotFoundError as error:
        raise Fault("StateNotFound", path=str(path)) from error
    except PermissionError as error:
        raise Fault("StateUnsafe", path=str(path), mode="it is not yours to read") from error
    except OSError as error:
        raise Fault("ProfileInvalid", path=str(path), detail=error.strerror or str(error)) from error


def _read(path: Path, kind: type[P]) -> P:
    text = private(path)
    try:
        return msgspec.json.decode(text, type=kind, dec_hook=lambda wanted, value: wanted(value))
    except msgspec.MsgspecError as error:
        raise Fault("ProfileInvalid", path=str(path), detail=str(error)) from error
