"""Looks of a run at the guest: what a step would find in it, and what its screen shows. Nothing is changed.

They are asked of the VM's host outside of any unit of the store: a guest may take its time, or never answer.
"""

from __future__ import annotations

import msgspec

from outofband.core.errors import Fault
from outofband.fleet.fleet import Fleet
from outofband.providers.compute import shape as vm
from outofband.providers.compute.guest_steps import step_report
from outofband.rescue.doing import Errand
from outofband.rescue.run import Run
from outofband.store.faults import PASSING
from outofband.store.resources import Resource
from outofband.wire.machine import Verb
from outofband.wire.script import ScriptReport
from outofband.wire.steps.linux import is_account, reset_remote
from outofband.wire.steps.report import StepReport

LOOK_SECONDS = 90.0
"""What the look may take in a guest that is slow."""
ANSWER_SECONDS = 240.0
SCREEN_SECONDS = 30.0
MAX_PICTURE = 400_000
"""Characters of a picture that is kept with a run: a screen of text has a tenth of it."""


class Inside(msgspec.Struct, frozen=True, kw_only=True):
    """`speechless`: why the guest told nothing; `picture`: PNG in base64."""

    guest: StepReport | None = None
    speechless: Fault | None = None
    picture: str = ""


class _Shot(msgspec.Struct, frozen=True):
    png: str


def account_of(user: str) -> str:
    """An account is named with its domain where it signs in, and without it in the guest."""
    return user.rpartition("\\")[2].partition("@")[0]


async def ask_guest(fleet: Fleet, row: Resource, errand: Errand, run: Run) -> Inside:
    """What a Linux guest says is wrong in it; nothing is known of how to ask Windows without changing it.

    Raises Fault only of the kind that passes.
    """
    private = vm.private_of(row)
    if vm.is_windows(row) or not fleet.connected(private.agent):
        return Inside()
    name = account_of(run.wanted.user)
    args = reset_remote(
        (run.wanted.protocol,), errand.id, user=name if is_account(name) else None, only_look=True
    )
    args = msgspec.structs.replace(args, timeout=LOOK_SECONDS)
    try:
        done = await fleet.command(
            private.agent,
            Verb.RUN.value,
            row.uid,
            msgspec.to_builtins(args),
            # A run looks once: a later life of this process is told what the first one saw.
            key=f"rescue:{errand.id}:look",
            epoch=row.epoch,
            timeout=ANSWER_SECONDS,
        )
        return Inside(guest=step_report(row, msgspec.convert(done.data, ScriptReport)))
    except Fault as fault:
        if fault.code in PASSING:
            raise
        return Inside(speechless=fault)
    except msgspec.ValidationError as error:
        odd = Fault("HypervisorRefused", verb=Verb.RUN.value, detail=str(error))
        return Inside(speechless=odd)


async def take_picture(fleet: Fleet, row: Resource) -> Inside:
    """What the screen shows; nothing where there is none, or nobody gives it. Raises as above."""
    if not vm.has_screen(row):
        return Inside()
    try:
        done = await fleet.ask(
            vm.private_of(row).agent, Verb.SCREENSHOT, row.uid, {}, epoch=row.epoch, timeout=SCREEN_SECONDS
        )
        png = msgspec.convert(done.data, _Shot).png
    except (Fault, msgspec.ValidationError) as error:
        if isinstance(error, Fault) and error.code in PASSING:
            raise
        return Inside()
    return Inside(picture=png if len(png) <= MAX_PICTURE else "")
