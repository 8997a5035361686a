"""What is done inside a guest, through the agent that runs there."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec

from outofband.agent.hypervisors.guest_agent import GuestAgent
from outofband.agent.machines.machine import Machine, Outcome
from outofband.agent.machines.scripts import Scripts
from outofband.core.errors import Fault
from outofband.wire.machine import Power, Verb
from outofband.wire.script import Ending, RunArgs, ScriptReport

_ALIVE = (Power.RUNNING, Power.STOPPING, Power.UNKNOWN)
_WORDS = {
    Ending.EXITED: "The script ended with status {status}.",
    Ending.TIMED_OUT: "The script took longer than it may and was ended.",
    Ending.CANCELED: "The script was canceled.",
}


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    password: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]


class PasswordArgs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of `vm.set-password`."""

    user: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    protected: Secret


async def run(machine: Machine, key: str, args: RunArgs) -> Outcome:
    """Run a script once for `key` and wait for its end, as `Scripts.run`."""
    machine.expect(Verb.RUN, *_ALIVE)
    values = [each.value for each in (*args.parameters, *args.protected.parameters)]
    if bool(args.script) is bool(args.protected.script) or any("\0" in each for each in (args.text, *values)):
        detail = "exactly one script is needed, and it and its parameters are text"
        raise Fault("InvalidParameter", target="script", detail=detail)
    return _told(await _scripts(machine, Verb.RUN).run(key, args))


async def run_status(machine: Machine, key: str) -> Outcome:
    """As `Scripts.status`."""
    machine.expect(Verb.RUN_STATUS, *_ALIVE)
    return _told(await _scripts(machine, Verb.RUN_STATUS).status(key))


async def run_cancel(machine: Machine, key: str) -> Outcome:
    """As `Scripts.cancel`; the command that runs the script tells of the end."""
    machine.expect(Verb.RUN_CANCEL, *_ALIVE)
    told = await _scripts(machine, Verb.RUN_CANCEL).cancel(key)
    return Outcome("The script was told to end." if told else "No such script runs.", {"canceled": told})


async def set_password(machine: Machine, args: PasswordArgs) -> Outcome:
    """Give an account another password, by the guest agent's own means: it knows its system's."""
    machine.expect(Verb.SET_PASSWORD, *_ALIVE)
    async with _guest(machine, Verb.SET_PASSWORD).talk() as guest:
        await guest.set_password(args.user, args.protected.password)
    return Outcome("The guest took the new password.")


def _told(report: ScriptReport) -> Outcome:
    data: dict[str, Any] = msgspec.to_builtins(report)
    if report.ending is None:
        return Outcome(f"The script has been running since {report.started}.", data)
    return Outcome(_WORDS[report.ending].format(status=report.status), data)


def _scripts(machine: Machine, verb: Verb) -> Scripts:
    if machine.scripts is None:
        raise Fault("ActionNotSupported", driver=machine.definition.driver, verb=str(verb))
    return machine.scripts


def _guest(machine: Machine, verb: Verb) -> GuestAgent:
    if machine.driver.guest is None:
        raise Fault("ActionNotSupported", driver=machine.definition.driver, verb=str(verb))
    return machine.driver.guest
