"""Scripts in a real guest through a real guest agent: run once, watched, ended, never run a second time."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guests.build import Guest
from outofband.agent.hypervisors import guest_agent as module
from outofband.agent.hypervisors.guest_agent import Conversation, GuestAgent
from outofband.core.errors import Fault
from outofband.providers.compute.extension_kinds import deed
from outofband.wire.script import OUTPUT_LIMIT, Ending, RunArgs, ScriptReport
from tests.peers.host import PROMPT, VM, HostLab
from tests.support.wait import until

pytestmark = pytest.mark.anyio
PATIENCE = 60.0
NEW_PASSWORD = "tern-mallow-77"
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlbVQ somebody@somewhere\n"
_keys = itertools.count()


@pytest.fixture(scope="module")
async def booted(tmp_path_factory: pytest.TempPathFactory, demo_guest: Guest) -> AsyncIterator[HostLab]:
    """A guest with its agent, for tests that leave it there."""
    lab = HostLab(tmp_path_factory.mktemp("scripts") / "state", demo_guest)
    try:
        await boot(lab)
        yield lab
    finally:
        await lab.close()


@pytest.fixture
async def lab(tmp_path: Path, demo_guest: Guest) -> AsyncIterator[HostLab]:
    lab = HostLab(tmp_path / "state", demo_guest)
    try:
        await boot(lab)
        yield lab
    finally:
        await lab.close()


async def boot(lab: HostLab) -> None:
    await lab.machines.load()
    await lab.create("demo")
    await lab.perform("start")
    await listens(lab)


async def listens(lab: HostLab) -> None:
    async def answers() -> bool:
        try:
            async with agent(lab).talk() as guest:
                await guest.ping()
        except Fault as fault:
            assert fault.code == "GuestAgentAbsent", fault
            return False
        return True

    await until(answers, "the guest agent answers", seconds=PATIENCE)


def agent(lab: HostLab) -> GuestAgent:
    found = lab.machine.driver.guest
    assert found is not None
    return found


def new_key() -> str:
    return f"k{next(_keys)}"


async def run(lab: HostLab, script: str, key: str | None = None, **args: Any) -> ScriptReport:
    work = lab.machines.perform("vm.run", VM, {"script": script, **args}, 1, key=key or new_key())
    async with asyncio.timeout(PATIENCE):
        return msgspec.convert((await work).data, ScriptReport)


async def refused(code: str, attempt: Any) -> dict[str, Any]:
    with pytest.raises(Fault) as caught:
        async with asyncio.timeout(PATIENCE):
            await attempt
    assert caught.value.code == code, caught.value
    return caught.value.fields


def times(lab: HostLab, word: str) -> int:
    """How often the guest said so on its console."""
    end = lab.end
    return lab.port.spool.read(lab.port.spool.start, end - lab.port.spool.start).count(word.encode())


async def test_the_agent_tells_what_it_can(booted: HostLab) -> None:
    async with agent(booted).talk() as guest:
        commands = await guest.info()
        assert commands["guest-exec"]
        assert await guest.read("/etc/hostname", 100) == b"demo\n"
        assert await guest.read("/no/such/file", 100) is None
        ended = await guest.run("/bin/sh", ["-c", "cat; echo no >&2; exit 3"], b"given", seconds=30)
        assert (ended.status, ended.out, ended.err) == (3, b"given", b"no\n")
        with pytest.raises(Fault, match=r"GuestAgentRefused.*No such file"):
            await guest.run("/no/such/program", [], seconds=30)
        with pytest.raises(Fault, match="GuestCommandDisabled"):
            await guest.call("guest-dance")
    big = await run(booted, "numbers 2000 >/tmp/numbers")
    assert big.status == 0
    async with agent(booted).talk() as guest:
        whole = await guest.read("/tmp/numbers", 1024 * 1024)
        assert whole is not None and len(whole) == 2000 * 81
        assert await guest.read("/tmp/numbers", 100, tail=True) == whole[-100:]


async def test_a_script_with_its_parameters_and_both_outputs(booted: HostLab) -> None:
    report = await run(
        booted,
        "echo \"$1|$2|$word|$secret\"; echo 'it'\"'\"'s bad' >&2; exit 7",
        parameters=[{"value": "a b"}, {"name": "word", "value": "$(touch /tmp/x) 'quoted'"}],
        protected={"parameters": [{"name": "secret", "value": "kelp", "positional": False}]},
    )
    assert report.out == "a b|$(touch /tmp/x) 'quoted'|$(touch /tmp/x) 'quoted'|kelp\n"
    assert report.err == "it's bad\n"
    assert (report.status, report.ending, report.running) == (7, Ending.EXITED, False)
    assert report.ended is not None and report.started < report.ended


async def test_a_script_says_who_runs_it_and_in_what(booted: HostLab) -> None:
    report = await run(booted, "#!/bin/busybox awk -f\nBEGIN { print 6 * 7 }\n")
    assert (report.out, report.err) == ("42\n", "")
    report = await run(booted, 'id -un; echo "$1"; pwd', user="demo", parameters=[{"value": "-x y"}])
    assert (report.out, report.err) == ("demo\n-x y\n/\n", "")
    assert (await run(booted, "umask")).out == "0022\n"
    report = await run(booted, "true", user="nobody-here")
    assert report.status != 0
    assert "nobody-here" in report.err


async def test_only_the_end_of_much_output_is_told(booted: HostLab) -> None:
    report = await run(booted, "numbers 1000; numbers 1000 >&2")
    assert report.out.endswith("line 00001000 " + report.out[-67:])
    assert len(report.out) == len(report.err) == OUTPUT_LIMIT


async def test_nothing_of_it_stays_nor_is_seen_by_others(booted: HostLab) -> None:
    look = "cat /proc/[0-9]*/cmdline | tr '\\0' ' '"
    protected = {"parameters": [{"name": "secret", "value": "mallow", "positional": False}]}
    report = await run(booted, f"{look} | grep -c 'm[a]llow'", protected=protected)
    assert report.out == "0\n"
    left = await run(booted, "grep -r 'm[a]llow' /run/outofband /var/lib/outofband | wc -l")
    assert left.out == "0\n"
    key = new_key()
    await run(booted, "echo done", key)
    booted.machines.finished(VM, key)
    before = await run(booted, "ls /run/outofband | wc -l")
    after = await run(booted, "ls /run/outofband | wc -l")
    assert int(after.out) == int(before.out) + 1, "only what is not told yet is kept"


async def test_a_script_may_take_so_long_and_no_longer(booted: HostLab) -> None:
    report = await run(booted, "echo first; (sleep 1000; echo never) & sleep 1000", timeout=1.0)
    assert (report.ending, report.out) == (Ending.TIMED_OUT, "first\n")
    assert report.status == 128 + 15
    left = await run(booted, "ps | grep -c 'sleep 100[0]'")
    assert left.out == "0\n", "what the script had started is gone too"


async def test_progress_is_seen_and_it_can_be_canceled(booted: HostLab) -> None:
    key = new_key()
    await refused("ScriptNotKnown", booted.machines.perform("vm.run-status", VM, {"run": key}, 1))
    running = asyncio.get_running_loop().create_task(run(booted, "trap '' TERM; echo one; sleep 500", key))

    async def first_word() -> bool:
        try:
            seen = await booted.machines.perform("vm.run-status", VM, {"run": key}, 1)
        except Fault as fault:
            assert fault.code == "ScriptNotKnown"
            return False
        assert seen.data["running"]
        return bool(seen.data["out"] == "one\n")

    await until(first_word, seconds=PATIENCE)
    told = await booted.machines.perform("vm.run-cancel", VM, {"run": key}, 1)
    assert told.data == {"canceled": True}
    report = await running
    assert (report.ending, report.status) == (Ending.CANCELED, 128 + 9)
    other = await booted.machines.perform("vm.run-cancel", VM, {"run": new_key()}, 1)
    assert other.data == {"canceled": False}


async def test_scripts_run_beside_each_other(booted: HostLab) -> None:
    both = await asyncio.gather(
        run(booted, "echo a >/tmp/a; until [ -e /tmp/b ]; do sleep 1; done; cat /tmp/b"),
        run(booted, "echo b >/tmp/b; until [ -e /tmp/a ]; do sleep 1; done; cat /tmp/a"),
    )
    assert [report.out for report in both] == ["b\n", "a\n"]


async def test_a_password_is_changed_from_outside(booted: HostLab) -> None:
    before = await run(booted, "grep ^demo: /etc/shadow")
    args = {"user": "demo", "protected": {"password": NEW_PASSWORD}}
    await booted.machines.perform("vm.set-password", VM, args, 1)
    after = await run(booted, "grep ^demo: /etc/shadow")
    assert after.out.startswith("demo:") and after.out != before.out
    args["user"] = "nobody-here"
    await refused("GuestAgentRefused", booted.machines.perform("vm.set-password", VM, args, 1))


async def test_a_hung_agent_is_told_from_a_missing_one(lab: HostLab, monkeypatch: pytest.MonkeyPatch) -> None:
    stopped = "killall -STOP qemu-ga; sleep 8; killall -CONT qemu-ga"
    await run(lab, f"setsid sh -c 'sleep 2; {stopped}' >/dev/null 2>&1 &")
    monkeypatch.setattr(module, "SYNC_SECONDS", 1.0)

    async def silent() -> bool:
        try:
            async with agent(lab).talk():
                return False
        except Fault as fault:
            return fault.code == "GuestAgentSilent"

    await until(silent, seconds=PATIENCE)
    monkeypatch.undo()
    await listens(lab)
    report = await run(lab, "echo back")
    assert report.out == "back\n", "what was asked in vain disturbs nothing"
    killed = "killall guest-agent; killall -9 qemu-ga"
    await run(lab, f"setsid sh -c 'sleep 2; {killed}' >/dev/null 2>&1 &")

    async def absent() -> bool:
        try:
            async with agent(lab).talk():
                return False
        except Fault as fault:
            return fault.code == "GuestAgentAbsent"

    await until(absent, seconds=PATIENCE)
    await refused("GuestAgentAbsent", run(lab, "true"))


async def test_a_guest_without_an_agent(lab: HostLab) -> None:
    await lab.machines.delete(VM)
    await lab.create("bare")
    await lab.perform("start")
    assert await refused("GuestAgentAbsent", run(lab, "true")) == {"vm": "bare"}
    await lab.perform("stop", graceful=False)
    await refused("VmNotRunning", run(lab, "true"))


async def test_another_agent_goes_on_with_what_the_first_began(booted: HostLab) -> None:
    key, script = new_key(), "echo RAN-HERE >/dev/ttyS0; sleep 3; echo late"
    first = asyncio.get_running_loop().create_task(run(booted, script, key))
    await booted.shows(b"RAN-HERE")
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await booted.restart()
    report = await run(booted, script, key)
    assert (report.out, report.status) == ("late\n", 0)
    assert times(booted, "RAN-HERE") == 1


@pytest.mark.parametrize("after", [False, True])
async def test_killed_at_every_word_to_the_guest_it_runs_once(
    booted: HostLab, monkeypatch: pytest.MonkeyPatch, after: bool
) -> None:
    """An agent dies before, or just after, its N-th request was put on the wire: its successor ends it."""
    exchange = Conversation._exchange
    # Before the N-th is nearly after the one before it: a few of those will do.
    for number in itertools.count(1, 1 if after else 5):
        left = number

        async def dying(self: Conversation, request: bytes, timeout: float) -> Any:
            nonlocal left
            left -= 1
            if left == 0:
                if after:
                    self._writer.write(request)
                    await self._writer.drain()
                raise asyncio.CancelledError
            return await exchange(self, request, timeout)

        key = new_key()
        script = f"echo RAN-{number}-{after}. >/dev/ttyS0; echo out"
        monkeypatch.setattr(Conversation, "_exchange", dying)
        life = asyncio.get_running_loop().create_task(run(booted, script, key))
        await asyncio.wait([life])
        monkeypatch.setattr(Conversation, "_exchange", exchange)
        if not life.cancelled():
            break
        await booted.restart()
        report = await run(booted, script, key)
        assert (report.out, report.status) == ("out\n", 0)
        assert times(booted, f"RAN-{number}-{after}.") == 1
    assert number > 8


async def test_a_restarted_guest_is_not_made_to_run_it_again(booted: HostLab) -> None:
    key, script = new_key(), "echo RAN-ONCE >/dev/ttyS0; sleep 500"
    life = asyncio.get_running_loop().create_task(run(booted, script, key))
    await booted.shows(b"RAN-ONCE")
    since = booted.end
    await booted.perform("reset")
    assert "restarted" in (await refused("ScriptOutcomeUnknown", life))["detail"]
    await booted.shows(PROMPT, since)
    await listens(booted)
    await booted.restart()
    await refused("ScriptOutcomeUnknown", run(booted, script, key))
    assert times(booted, "RAN-ONCE") == 1


async def test_a_stopped_machine_tells_no_end(lab: HostLab) -> None:
    life = asyncio.get_running_loop().create_task(run(lab, "echo RAN-ONCE >/dev/ttyS0; poweroff -f"))
    assert "stopped" in (await refused("ScriptOutcomeUnknown", life))["detail"]


async def extension(lab: HostLab, publisher: str, kind: str, settings: Any, protected: Any) -> ScriptReport:
    """What writing such an extension makes the guest do."""
    does = deed(publisher, kind, settings, protected)
    assert isinstance(does, RunArgs)
    work = lab.machines.perform("vm.run", VM, msgspec.to_builtins(does), 1, key=new_key())
    async with asyncio.timeout(PATIENCE):
        return msgspec.convert((await work).data, ScriptReport)


async def access(lab: HostLab, **protected: Any) -> ScriptReport:
    return await extension(lab, "Microsoft.OSTCExtensions", "VMAccessForLinux", {}, protected)


async def test_vm_access_makes_changes_and_removes_accounts(booted: HostLab) -> None:
    made = await access(booted, username="bob", password="one-$`'two", ssh_key=KEY)
    assert (made.status, made.err) == (0, ""), made
    shadow = await run(booted, "grep ^bob: /etc/shadow; ls -ld ~bob/.ssh; cat ~bob/.ssh/authorized_keys")
    assert shadow.out.startswith("bob:$6$")
    assert "drwx------" in shadow.out
    assert shadow.out.endswith(KEY)
    again = await access(booted, username="bob", ssh_key=KEY)
    assert again.status == 0
    keys = await run(booted, "wc -l <~bob/.ssh/authorized_keys")
    assert keys.out == "1\n", "the same key once"
    trap = "cd ~bob/.ssh && mv authorized_keys kept && ln -s /etc/shadow authorized_keys"
    assert (await run(booted, trap)).status == 0
    caught = await access(booted, username="bob", ssh_key=KEY)
    assert (caught.status, "symbolic link" in caught.err) == (1, True), caught
    kept = await run(booted, "cd ~bob/.ssh && mv kept authorized_keys; ls -l /etc/shadow")
    assert kept.out.startswith("-rw------- ") and "root" in kept.out
    entered = await run(booted, "id -un", user="bob")
    assert entered.out == "bob\n"
    reset = await access(booted, reset_ssh=True)
    assert reset.status == 0, reset
    assert "PasswordAuthentication yes" in (await run(booted, "cat /etc/ssh/sshd_config")).out
    removed = await access(booted, remove_user="bob")
    assert removed.status == 0, removed
    left = await run(booted, "grep -c ^bob: /etc/passwd /etc/shadow /etc/group; ls -d /home/bob")
    assert left.out == "/etc/passwd:0\n/etc/shadow:0\n/etc/group:0\n"
    kept = await access(booted, remove_user="root")
    assert (kept.status, kept.err) == (1, "'root' is the superuser and stays.\n")


async def test_a_custom_script_has_a_folder_of_its_own(booted: HostLab) -> None:
    settings = {"commandToExecute": "pwd; umask; exit 4"}
    report = await extension(booted, "Microsoft.Azure.Extensions", "CustomScript", settings, {})
    assert report.status == 4
    assert report.out.startswith("/var/lib/outofband/custom-script/")
    assert report.out.endswith("\n0022\n")
    missing = {"commandToExecute": "echo no", "fileUris": ["https://127.0.0.1:1/a"]}
    report = await extension(booted, "Microsoft.Azure.Extensions", "CustomScript", missing, {})
    assert report.status != 0
    assert report.out == "", "a file that cannot be had is the end of it"
