"""Commands: journal first, one at a time for a VM's life, each key once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.agent.commands import FINISH_SECONDS, MAX_PENDING, Commands
from outofband.agent.journal import Journal
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.link import MAX_MESSAGE, Command, Result
from tests.support.wait import WAIT

pytestmark = pytest.mark.anyio


class Outcome(msgspec.Struct):
    observed: str = "seen"
    data: dict[str, Any] = {}


class Machines:
    """Actions that end when the test says so."""

    def __init__(self) -> None:
        self.begun: list[tuple[str, str]] = []
        self.running = 0
        self.most = 0
        self.gates: dict[str, asyncio.Event] = {}
        self.told: list[str] = []
        self.outcome: Callable[[], Outcome] = Outcome

    def gate(self, vm: str) -> asyncio.Event:
        return self.gates.setdefault(vm, asyncio.Event())

    def finished(self, vm: str, key: str) -> None:
        self.told.append(key)

    async def perform(
        self, verb: str, vm: str, args: dict[str, Any], epoch: int, *, key: str = ""
    ) -> Outcome:
        self.begun.append((vm, verb))
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            if vm in self.gates:
                await self.gates[vm].wait()
            return self.outcome()
        finally:
            self.running -= 1


class Bench:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.machines = Machines()
        self.answers: asyncio.Queue[Result] = asyncio.Queue()
        self.journal = Journal(path)
        self.commands = self.open()

    def open(self, parallel: int = 8) -> Commands:
        return Commands(self.journal, self.machines, self.answers.put_nowait, parallel=parallel)

    async def answer(self) -> Result:
        async with asyncio.timeout(WAIT):
            return await self.answers.get()

    async def begun(self, count: int) -> list[tuple[str, str]]:
        async with asyncio.timeout(WAIT):
            while len(self.machines.begun) < count:  # noqa: ASYNC110 - looks at another task's progress
                await asyncio.sleep(0.005)
        return self.machines.begun


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    made = Bench(tmp_path / "journal.db")
    yield made
    for gate in made.machines.gates.values():
        gate.set()
    await made.commands.close()
    made.journal.close()


async def test_a_command_is_done_and_answered(bench: Bench) -> None:
    bench.commands.receive(Command("k1", "vm.start", "vm-1"))
    assert await bench.answer() == Result("k1", True, observed="seen")
    assert bench.commands.pending == 0


async def test_a_repeat_is_answered_without_doing_it_again(bench: Bench) -> None:
    command = Command("k1", "vm.reset", "vm-1")
    bench.commands.receive(command)
    first = await bench.answer()
    bench.machines.outcome = lambda: Outcome("something else")
    bench.commands.receive(command)
    assert await bench.answer() == first
    assert bench.machines.begun == [("vm-1", "vm.reset")]


async def test_a_repeat_while_it_is_done_starts_nothing(bench: Bench) -> None:
    gate = bench.machines.gate("vm-1")
    command = Command("k1", "vm.start", "vm-1")
    for _ in range(3):
        bench.commands.receive(command)
    await bench.begun(1)
    bench.commands.receive(command)
    gate.set()
    await bench.answer()
    assert bench.answers.empty()
    assert len(bench.machines.begun) == 1


async def test_one_vm_in_order_others_beside_it(bench: Bench) -> None:
    gate = bench.machines.gate("vm-1")
    bench.commands.receive(Command("k1", "vm.stop", "vm-1"))
    bench.commands.receive(Command("k2", "vm.start", "vm-1"))
    bench.commands.receive(Command("k3", "vm.start", "vm-2"))
    assert (await bench.answer()).key == "k3"
    assert ("vm-1", "vm.start") not in bench.machines.begun
    gate.set()
    assert [(await bench.answer()).key, (await bench.answer()).key] == ["k1", "k2"]


async def test_an_action_does_not_wait_for_a_shutdown(bench: Bench) -> None:
    gate = bench.machines.gate("vm-1")
    bench.commands.receive(Command("k1", "vm.stop", "vm-1"))
    bench.commands.receive(Command("k2", "vm.nmi", "vm-1"))
    assert sorted(await bench.begun(2)) == [("vm-1", "vm.nmi"), ("vm-1", "vm.stop")]
    gate.set()


@pytest.mark.parametrize("verb", ["vm.run-status", "vm.run-cancel", "vm.set-password"])
async def test_a_guest_that_does_not_answer_can_get_an_nmi(bench: Bench, verb: str) -> None:
    gate = bench.machines.gate("vm-1")
    narrow = bench.open(parallel=1)
    narrow.receive(Command("k1", verb, "vm-1"))
    narrow.receive(Command("k2", verb, "vm-1"))
    await bench.begun(1)
    narrow.receive(Command("k3", "vm.start", "vm-2"))
    assert (await bench.answer()).key == "k3"
    narrow.receive(Command("k4", "vm.nmi", "vm-1"))
    assert await bench.begun(3) == [("vm-1", verb), ("vm-2", "vm.start"), ("vm-1", "vm.nmi")]
    gate.set()
    for _ in range(3):
        await bench.answer()
    await narrow.close()


async def test_scripts_hold_up_nobody(bench: Bench) -> None:
    gate = bench.machines.gate("vm-1")
    narrow = bench.open(parallel=1)
    for number in range(3):
        narrow.receive(Command(f"k{number}", "vm.run", "vm-1", {"script": "true"}))
    await bench.begun(3)
    narrow.receive(Command("k3", "vm.start", "vm-2"))
    assert (await bench.answer()).key == "k3"
    before = clock.monotonic()
    await narrow.close()
    assert clock.monotonic() - before < FINISH_SECONDS, "a stopping agent does not wait for scripts"
    assert len(bench.journal.unfinished()) == 3
    gate.set()


async def test_a_script_goes_on_after_a_crash_and_is_forgotten_once_it_is_told(bench: Bench) -> None:
    command = Command("k1", "vm.run", "vm-1", {"script": "true", "protected": {"parameters": []}})
    bench.journal.begin(command, clock.wall())  # and then the process died
    bench.commands.receive(command)
    assert (await bench.answer()).succeeded
    assert bench.machines.told == ["k1"]
    bench.commands.receive(command)
    assert (await bench.answer()).succeeded
    assert bench.machines.begun == [("vm-1", "vm.run")]


async def test_no_more_than_the_bound_at_once(bench: Bench) -> None:
    narrow = bench.open(parallel=3)
    for number in range(20):
        bench.machines.gate(f"vm-{number}")
        narrow.receive(Command(f"k{number}", "vm.start", f"vm-{number}"))
    await bench.begun(3)
    for gate in bench.machines.gates.values():
        gate.set()
    for _ in range(20):
        await bench.answer()
    assert bench.machines.most == 3
    await narrow.close()


async def test_failures_keep_their_code_and_fields(bench: Bench) -> None:
    def fail() -> Outcome:
        raise Fault("VmStartFailed", detail="no kernel", path=Path("/x"))

    bench.machines.outcome = fail
    bench.commands.receive(Command("k1", "vm.start", "vm-1"))
    fields = {"detail": "no kernel", "path": "/x"}
    assert await bench.answer() == Result("k1", False, code="VmStartFailed", fields=fields)


async def test_a_defect_is_an_internal_error_without_its_words(bench: Bench) -> None:
    def fail() -> Outcome:
        raise RuntimeError("a secret detail")

    bench.machines.outcome = fail
    bench.commands.receive(Command("k1", "vm.start", "vm-1"))
    assert await bench.answer() == Result("k1", False, code="InternalError")


async def test_a_result_too_large_for_the_link_becomes_a_failure(bench: Bench) -> None:
    bench.machines.outcome = lambda: Outcome(data={"png": "x" * MAX_MESSAGE})
    bench.commands.receive(Command("k1", "vm.screenshot", "vm-1"))
    assert (await bench.answer()).code == "InternalError"


@pytest.mark.parametrize("verb", ["vm.screenshot", "vm.tail", "vm.log"])
async def test_what_only_reads_is_not_kept_and_looks_anew(bench: Bench, verb: str) -> None:
    for seen in ("once", "twice"):
        bench.machines.outcome = lambda seen=seen: Outcome(seen)
        bench.commands.receive(Command("k1", verb, "vm-1"))
        assert (await bench.answer()).observed == seen
    assert bench.journal._database.execute("select count(*) from entries").fetchone() == (0,)


@pytest.mark.parametrize(("verb", "again"), [("vm.start", True), ("vm.delete", True), ("vm.reset", False)])
async def test_after_a_crash_only_what_may_be_repeated_is(bench: Bench, verb: str, again: bool) -> None:
    command = Command("k1", verb, "vm-1")
    bench.journal.begin(command, clock.wall())  # and then the process died
    bench.commands.receive(command)
    result = await bench.answer()
    assert result.succeeded is again
    assert bench.machines.begun == ([("vm-1", verb)] if again else [])
    if not again:
        assert (result.code, result.fields) == ("ActionInterrupted", {"verb": verb, "vm": "vm-1"})
    bench.commands.receive(command)
    assert await bench.answer() == result


async def test_a_key_used_for_something_else_is_refused(bench: Bench) -> None:
    bench.commands.receive(Command("k1", "vm.start", "vm-1"))
    await bench.answer()
    bench.commands.receive(Command("k1", "vm.delete", "vm-1"))
    assert (await bench.answer()).code == "Conflict"
    assert bench.machines.begun == [("vm-1", "vm.start")]


async def test_nothing_is_done_that_could_not_be_noted(bench: Bench) -> None:
    pages = bench.journal._database.execute("pragma page_count").fetchone()[0]
    bench.journal._database.execute(f"pragma max_page_count = {pages}")
    bench.commands.receive(Command("k1", "vm.start", "vm-1", {"filler": "x" * 100_000}))
    assert (await bench.answer()).code == "JournalUnwritable"
    assert bench.machines.begun == []


async def test_too_many_waiting_are_turned_away(bench: Bench) -> None:
    bench.machines.gate("vm-1")
    for number in range(MAX_PENDING + 1):
        bench.commands.receive(Command(f"k{number}", "vm.start", "vm-1"))
    refused = await bench.answer()
    assert (refused.key, refused.code) == (f"k{MAX_PENDING}", "TooManyRequests")


async def test_a_stop_leaves_what_is_unfinished_for_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.agent.commands.FINISH_SECONDS", 0.1)
    gate = bench.machines.gate("vm-1")
    first, second = Command("k1", "vm.start", "vm-1"), Command("k2", "vm.stop", "vm-1")
    bench.commands.receive(first)
    bench.commands.receive(second)
    await bench.begun(1)
    await bench.commands.close()
    assert bench.journal.unfinished() == [first], "what was only queued was not begun"
    assert bench.answers.empty()
    gate.set()
    bench.commands = bench.open()
    bench.commands.receive(first)
    bench.commands.receive(second)
    assert [(await bench.answer()).key, (await bench.answer()).key] == ["k1", "k2"]
