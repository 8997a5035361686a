"""A VM that moves, with everybody killed at every step: it runs on one host, and its disk is whole.

Two hosts and the control plane are modelled as what they have on disk. Every deed of a move may be cut off
before it had its effect, after it, or be refused; then the control plane's next life goes on with what was
remembered. What is not modelled is tried with real ones (tests/unit/providers/compute/test_redeploy.py).
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.providers.compute.move_steps import How, Move, Phase, begun, carry

A, B = "host-a", "host-b"
DISK = "what the guest wrote"


class Crash(BaseException):
    """SIGKILL of whoever was at it."""


class HostModel:
    """What a host has on its disk, and whether the VM runs there."""

    def __init__(self) -> None:
        self.epoch = 0
        self.disk: str | None = None
        self.staged: tuple[str, str] | None = None
        self.running = False
        self.booted_with: list[str] = []

    def start(self, epoch: int) -> None:
        if self.disk is None or epoch != self.epoch:
            raise Fault("StaleEpoch", current=self.epoch, given=epoch)
        if not self.running:
            self.running = True
            self.booted_with.append(self.disk)


class Model:
    """`World`. `script` says of each deed in turn how it goes: whole, cut off before or after, refused."""

    def __init__(self, script: list[str], ran: bool) -> None:
        self.script = script
        self.hosts = {A: HostModel(), B: HostModel()}
        self.hosts[A].epoch, self.hosts[A].disk, self.hosts[A].running = 1, DISK, ran
        self.store: dict[str, str] = {}
        self.row: dict[str, Any] = {"agent": A, "epoch": 1, "moving": None}
        self.ran = ran
        self.remembered = begun(Move(id="m", source=A, target=B, epoch=1, ran=ran))

    def check(self) -> None:
        running = [name for name, host in self.hosts.items() if host.running]
        assert len(running) <= 1, f"it runs on {running}"
        for host in self.hosts.values():
            assert set(host.booted_with) <= {DISK}
        assert any(host.disk == DISK for host in self.hosts.values())

    async def deed(self, effect: Callable[[], None], *, may_fail: bool = True) -> None:
        how = self.script.pop(0) if self.script else "whole"
        if how == "before":
            raise Crash
        if how == "refused" and may_fail:
            raise Fault("AgentTimeout", host="h", seconds=1)
        effect()
        self.check()
        if how == "after":
            raise Crash

    # World

    async def stop(self, move: Move) -> None:
        await self.deed(lambda: setattr(self.hosts[move.source], "running", False))

    async def send(self, move: Move) -> Move:
        host = self.hosts[move.source]

        def effect() -> None:
            if host.running:
                raise Fault("VmNotAtRest", vm="v", power="running")
            assert host.disk is not None
            self.store["manifest"] = host.disk

        await self.deed(effect)
        return msgspec.structs.replace(move, manifest="manifest", bytes=1)

    async def receive(self, move: Move) -> None:
        def effect() -> None:
            self.hosts[move.target].staged = (move.id, self.store[move.manifest or ""])

        await self.deed(effect)

    async def switch(self, move: Move, after: Move) -> None:
        def effect() -> None:
            assert (self.row["agent"], self.row["epoch"]) == (move.source, move.epoch)
            self.row |= {"agent": move.target, "epoch": move.epoch + 1, "moving": move.id}
            self.remembered = after

        await self.deed(effect)

    async def take(self, move: Move) -> None:
        host = self.hosts[move.target]

        def effect() -> None:
            if host.epoch == move.epoch + 1:
                return
            assert host.staged is not None
            host.disk, host.epoch, host.staged = host.staged[1], move.epoch + 1, None

        await self.deed(effect)

    async def start(self, move: Move) -> None:
        await self.deed(lambda: self.hosts[move.target].start(self.row["epoch"]))

    async def clear(self, move: Move) -> None:
        def effect() -> None:
            host = self.hosts[move.source]
            host.disk, host.running, host.epoch = None, False, 0
            self.row["moving"] = None
            self.store.clear()

        await self.deed(effect)

    async def take_back(self, move: Move) -> None:
        await self.deed(lambda: setattr(self.hosts[move.target], "staged", None), may_fail=False)
        if move.ran:
            # A host that does not answer leaves it stopped.
            try:
                await self.deed(lambda: self.hosts[move.source].start(move.epoch))
            except Fault:
                return

    async def save(self, move: Move) -> None:
        def effect() -> None:
            self.remembered = move

        await self.deed(effect, may_fail=False)


def live(model: Model) -> str:
    """Lives of the control plane until the operation has an end: its code, or `done`."""
    while True:
        try:
            asyncio.run(carry(model, model.remembered))
            return "done"
        except Crash:
            continue
        except Fault as fault:
            return fault.code


def judge(model: Model, end: str) -> None:
    model.check()
    here, there = model.hosts[A], model.hosts[B]
    if end == "done":
        assert (model.row["agent"], model.row["epoch"], model.row["moving"]) == (B, 2, None)
        assert (there.running, there.disk, here.disk) == (True, DISK, None)
    elif model.row["agent"] == A:
        # Taken back: as it was before, or stopped where nobody answered, with its own disk and epoch.
        assert (model.row["epoch"], here.disk, here.epoch, there.disk) == (1, DISK, 1, None)
        assert not there.running
    else:
        # Past the switch: the next start goes on with it.
        assert model.row["epoch"] == 2
        assert not here.running
        assert model.remembered.phase in (Phase.TAKE, Phase.START, Phase.CLEAR)
        model.script.clear()
        assert live(model) == "done"
        judge(model, "done")


HOW = st.sampled_from(["whole", "whole", "before", "after", "refused"])


@given(st.lists(HOW, max_size=40), st.booleans())
def test_whoever_dies_whenever_it_runs_once_and_whole(script: list[str], ran: bool) -> None:
    model = Model(list(script), ran)
    judge(model, live(model))


@pytest.mark.parametrize("how", ["before", "after", "refused"])
@pytest.mark.parametrize("step", range(16))
def test_each_single_step(step: int, how: str) -> None:
    model = Model(["whole"] * step + [how], ran=True)
    end = live(model)
    judge(model, end)
    if how != "refused":
        assert end == "done"
    if model.row["agent"] == A:
        assert model.hosts[A].running, "it goes on where it was"


def test_a_move_without_a_disk_begins_with_the_switch() -> None:
    for how in (How.ANEW, How.RETURNED):
        assert begun(Move(id="m", source=A, target=B, epoch=1, how=how)).phase is Phase.SWITCH


def test_what_is_being_taken_back_is_never_gone_on_with() -> None:
    # The source was started again, and the process died before it could say so.
    model = Model(["whole"] * 4 + ["refused", "whole", "whole", "after"], ran=True)
    assert live(model) == "AgentTimeout"
    assert model.hosts[A].running
    assert model.remembered.phase is Phase.BACK
