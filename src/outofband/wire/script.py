"""A script for a guest as the link carries it: the arguments of `vm.run` and what comes back."""

from __future__ import annotations

import enum
from typing import Annotated

import msgspec

MAX_SCRIPT = 256 * 1024
"""Characters of a script."""
MAX_PARAMETERS = 64
OUTPUT_LIMIT = 4096
"""Bytes of each kind of output that are told: the last ones, as Azure does."""
SHORTEST, LONGEST, USUAL = 1.0, 86400.0, 5400.0
"""Seconds a script may take. Azure ends one after 90 minutes."""

Text = Annotated[str, msgspec.Meta(max_length=MAX_SCRIPT)]


class Parameter(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`name` makes it a variable of the script's environment, `positional` one of its arguments, in order."""

    value: Text
    name: str | None = None
    positional: bool = True


Parameters = Annotated[tuple[Parameter, ...], msgspec.Meta(max_length=MAX_PARAMETERS)]


class Protected(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is kept nowhere but in the guest, and there no longer than the script runs."""

    script: Text | None = None
    parameters: Parameters = ()


class RunArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `vm.run`. One of the two scripts is given; `user` is an account of the guest, root when absent."""

    script: Text | None = None
    parameters: Parameters = ()
    protected: Protected = Protected()
    user: Annotated[str, msgspec.Meta(pattern=r"^[a-z_][a-z0-9_.-]{0,31}\$?\Z")] | None = None
    timeout: Annotated[float, msgspec.Meta(ge=SHORTEST, le=LONGEST)] = USUAL

    @property
    def text(self) -> str:
        return self.script if self.script is not None else (self.protected.script or "")


class KeyArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `vm.run-status` and `vm.run-cancel`: `run` is the key of the `vm.run` that is meant."""

    run: str


class Ending(enum.StrEnum):
    """Why a script is not running any more."""

    EXITED = "exited"
    TIMED_OUT = "timed-out"
    CANCELED = "canceled"


class ScriptReport(msgspec.Struct, frozen=True, kw_only=True):
    """`data` of a result. Outputs are the last OUTPUT_LIMIT bytes of each, as text.

    `status` is what the shell says: 128 + N for signal N. Times are ISO, UTC, by the host's clock.
    """

    running: bool
    started: str
    ended: str | None = None
    ending: Ending | None = None
    status: int | None = None
    out: str = ""
    err: str = ""
