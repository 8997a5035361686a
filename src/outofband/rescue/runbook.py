"""The runbook: eight steps in their order, and what each may do.

The order is that of Azure's own article on Remote Desktop: what is cheap and loses nothing comes first. Every
step looks; some have a deed; after each it is tried again whether the VM answers.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping
from types import MappingProxyType

import msgspec

from outofband.core.errors import Fault
from outofband.wire.remote import Protocol


class Step(enum.IntEnum):
    """By the number that people say."""

    CONFIGURATION = 1
    RULES = 2
    DIAGNOSTICS = 3
    NIC = 4
    HEALTH = 5
    PASSWORD = 6
    RESTART = 7
    REDEPLOY = 8


class Deed(enum.StrEnum):
    RESET_CONFIGURATION = "resetConfiguration"
    ADD_RULE = "addRule"
    RESET_NIC = "resetNic"
    ASSIGN_ADDRESS = "assignAddress"
    RESET_PASSWORD = "resetPassword"  # noqa: S105 - the name of a deed
    START = "start"
    RESTART = "restart"
    REDEPLOY = "redeploy"


class Ask(enum.StrEnum):
    """What nobody is done without having been asked."""

    OPENS = "opens"
    """The VM can be reached from every address afterwards."""
    STARTS = "starts"
    """It was turned off, perhaps on purpose."""
    UNSAVED = "unsaved"
    """What the guest has not written to its disks is lost."""
    TEMPORARY_DISK = "temporaryDisk"
    """What is on the temporary disk is lost."""
    ADDRESS = "address"
    """A dynamic address becomes another one."""
    PUBLIC = "public"
    """The VM gets a public address, which anybody may try."""
    PASSWORD = "password"  # noqa: S105 - the name of a question
    """An account gets a new password; it has to be given."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One step. `deeds`: what it may do, one at most in a run. `name` is the word of the API for it."""

    step: Step
    name: str
    deeds: tuple[Deed, ...] = ()


class Effect(msgspec.Struct, frozen=True, kw_only=True):
    """What a deed means. `patience`: seconds a VM may take until it answers after it; `undone`: whether there
    is a deed that takes it back.
    """

    asks: tuple[Ask, ...] = ()
    patience: float = 5.0
    undone: bool = False


RUNBOOK = (
    Row(step=Step.CONFIGURATION, name="resetConfiguration", deeds=(Deed.RESET_CONFIGURATION,)),
    Row(step=Step.RULES, name="securityRules", deeds=(Deed.ADD_RULE,)),
    Row(step=Step.DIAGNOSTICS, name="bootDiagnostics"),
    Row(step=Step.NIC, name="resetNic", deeds=(Deed.RESET_NIC, Deed.ASSIGN_ADDRESS)),
    Row(step=Step.HEALTH, name="resourceHealth"),
    Row(step=Step.PASSWORD, name="resetPassword", deeds=(Deed.RESET_PASSWORD,)),
    Row(step=Step.RESTART, name="restart", deeds=(Deed.RESTART, Deed.START)),
    Row(step=Step.REDEPLOY, name="redeploy", deeds=(Deed.REDEPLOY,)),
)
"""For Remote Desktop and SSH alike: what a deed is for one or the other, its doer knows."""

EFFECTS: Mapping[Deed, Effect] = MappingProxyType(
    {
        Deed.RESET_CONFIGURATION: Effect(patience=30.0, undone=True),
        Deed.ADD_RULE: Effect(asks=(Ask.OPENS,), patience=15.0, undone=True),
        Deed.RESET_NIC: Effect(asks=(Ask.UNSAVED, Ask.ADDRESS), patience=180.0, undone=True),
        Deed.ASSIGN_ADDRESS: Effect(asks=(Ask.PUBLIC,), patience=20.0, undone=True),
        Deed.RESET_PASSWORD: Effect(asks=(Ask.PASSWORD,), patience=15.0),
        Deed.START: Effect(asks=(Ask.STARTS,), patience=180.0),
        Deed.RESTART: Effect(asks=(Ask.UNSAVED,), patience=180.0),
        Deed.REDEPLOY: Effect(asks=(Ask.UNSAVED, Ask.TEMPORARY_DISK, Ask.ADDRESS), patience=300.0),
    }
)

_ROWS = {row.step: row for row in RUNBOOK}


def row_of(step: Step) -> Row:
    return _ROWS[step]


def following(step: Step | None, alone: Step | None) -> Step | None:
    """The step after `step`, the first one when that is None; with `alone` that one and no other."""
    if alone is not None:
        return alone if step is None else None
    number = 1 if step is None else step + 1
    return Step(number) if number <= max(Step) else None


def step_of(number: int) -> Step:
    """Raises Fault InvalidParameter."""
    try:
        return Step(number)
    except ValueError:
        detail = f"a number from {min(Step)} to {max(Step)}"
        raise Fault("InvalidParameter", target="properties.step", detail=detail) from None


RULE_NAMES: Mapping[Protocol, str] = MappingProxyType(
    {Protocol.RDP: "default-allow-rdp", Protocol.SSH: "default-allow-ssh"}
)
"""Azure's names for the rule that lets everybody in."""
RULE_PRIORITY = 1000
