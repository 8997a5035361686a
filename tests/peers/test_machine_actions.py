"""What a host does to a machine that runs, and what of it was seen: on its console, its screen, its log."""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator

import pytest

from guests.build import Guest
from outofband.agent.hypervisors.picture import MAX_PNG
from outofband.agent.hypervisors.qemu import QemuDriver
from outofband.wire.machine import Power
from tests.peers.guest import PASSWORD
from tests.peers.host import BOOT_S, GREETING, PROMPT, HostLab, at_its_prompt, refused
from tests.support.wait import until

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def booted(tmp_path_factory: pytest.TempPathFactory, demo_guest: Guest) -> AsyncIterator[HostLab]:
    """A guest at its login prompt, for tests that leave it there."""
    async with at_its_prompt(tmp_path_factory.mktemp("booted") / "state", demo_guest) as lab:
        yield lab


async def test_a_reset_is_seen_and_counted_once(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    since = lab.end
    outcome = await lab.perform("reset")
    assert "Reset seen after" in outcome.observed
    assert "its console printed" in outcome.observed
    await lab.shows(GREETING.strip(), since)
    assert lab.machine.boots == 2
    assert [boot.number for boot in lab.port.spool.boots()] == [1, 2]


async def test_a_reset_by_the_guest_itself_is_counted_once(lab: HostLab) -> None:
    await lab.create("demo")
    await lab.perform("start")
    await lab.shows(PROMPT)
    since = lab.end
    outcome = await lab.perform("sysrq", key="b")
    assert "sysrq: Resetting" in outcome.observed
    assert outcome.observed.endswith("; the VM was reset.")
    assert (outcome.data["outcome"], outcome.data["event"]) == ("answered", "was reset")
    await lab.shows(PROMPT, since)
    assert [boot.number for boot in lab.port.spool.boots()] == [1, 2]


async def test_an_nmi_is_seen_on_the_console(booted: HostLab) -> None:
    outcome = await booted.perform("nmi")
    assert outcome.data["seen"]
    assert "Uhhuh. NMI received" in outcome.observed


async def test_a_guest_that_does_not_react_is_said_not_to(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    outcome = await lab.perform("nmi")
    assert outcome.data == {"seen": False, "outcome": "silent"}
    assert outcome.observed == "The NMI was injected; nothing within 10 s on its console."


async def test_ctrl_alt_del_is_pressed_on_the_machines_own_keyboard(lab: HostLab) -> None:
    """The firmware obeys it here: it resets the machine, which nothing on the serial line could."""
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    outcome = await lab.perform("ctrl-alt-del")
    assert outcome.observed == "Ctrl-Alt-Del was pressed on the VM's keyboard; the VM was reset."
    assert outcome.data == {"outcome": "answered", "event": "was reset"}
    assert lab.machine.boots == 2


async def test_a_sysrq_key_is_seen_on_the_console(booted: HostLab) -> None:
    outcome = await booted.perform("sysrq", key="h")
    assert "sysrq: HELP" in outcome.observed
    for key in ("", "H", "hh", "\x00", "é"):
        await refused("InvalidParameter", booted.perform("sysrq", key=key))
    outcome = await booted.perform("sysrq", key="a")
    assert outcome.data["outcome"] == "refused"
    assert "the guest has no SysRq 'a': " in outcome.observed
    assert "sysrq: HELP" in outcome.data["line"]


async def test_a_sysrq_key_that_the_guest_has_switched_off(lab: HostLab) -> None:
    await lab.create("demo")
    await lab.perform("start")
    await lab.shows(PROMPT)
    for typed, wanted in ((b"root\r", b"Password: "), (PASSWORD.encode() + b"\r", b"# ")):
        since = lab.end
        await lab.port.inject(typed)
        await lab.shows(wanted, since)
    since = lab.end
    await lab.port.inject(b"echo 16 > /proc/sys/kernel/sysrq; echo now-$((1+1))\r")
    await lab.shows(b"now-2", since)
    outcome = await lab.perform("sysrq", key="b")
    assert outcome.data["outcome"] == "refused"
    assert "this SysRq operation is disabled in the guest" in outcome.observed
    assert lab.machine.boots == 1


async def test_a_panic_is_told_until_the_guest_begins_anew(lab: HostLab) -> None:
    await lab.create("demo")
    await lab.perform("start")
    await lab.shows(PROMPT)
    await lab.perform("sysrq", key="c")
    await until(lambda: lab.machine.report().fault == "GuestPanicked", seconds=BOOT_S)
    assert lab.machine.power is Power.RUNNING
    await lab.perform("reset")
    assert lab.machine.report().fault is None


async def test_a_guest_that_was_paused_on_the_host(lab: HostLab) -> None:
    await lab.create("bare")
    await lab.perform("start")
    driver = lab.machine.driver
    assert isinstance(driver, QemuDriver)
    assert driver._monitor is not None
    await driver._monitor.execute("stop")
    await until(lambda: lab.machine.report().fault == "GuestPaused")
    await lab.restart()
    assert lab.machine.report().fault == "GuestPaused"
    driver = lab.machine.driver
    assert isinstance(driver, QemuDriver)
    assert driver._monitor is not None
    await driver._monitor.execute("cont")
    await until(lambda: lab.machine.report().fault is None)


async def test_the_screen_is_a_png(booted: HostLab) -> None:
    outcome = await booted.perform("screenshot")
    picture = base64.b64decode(outcome.data["png"])
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    width, height = struct.unpack(">II", picture[16:24])
    assert (width, height) >= (640, 400)
    assert outcome.data["scale"] == 1
    assert not list(booted.machine.directory.glob("screen-*"))


async def test_a_display_that_went_to_sleep_is_woken_for_its_picture(lab: HostLab) -> None:
    await lab.create("sleepy")
    await lab.perform("start")
    await lab.shows(PROMPT)

    async def asleep() -> bool:
        return (await lab.machine.driver.screenshot(wake=False)).dark

    await until(asleep, "the guest blanks its screen", seconds=BOOT_S)
    typed = lab.end
    picture = await lab.machine.driver.screenshot(wake=True)
    assert not picture.dark
    # The key that woke it went to the screen's keyboard, and typed nothing there either.
    assert lab.end == typed


async def test_a_screen_too_large_to_send_is_made_smaller(lab: HostLab) -> None:
    await lab.create("noise")
    await lab.perform("start")
    await lab.shows(b"~")
    outcome = await lab.perform("screenshot")
    picture = base64.b64decode(outcome.data["png"])
    assert 100_000 < len(picture) <= MAX_PNG
    scale = outcome.data["scale"]
    assert scale > 1
    assert struct.unpack(">II", picture[16:24]) == (1280 // scale, 1024 // scale)
    assert not list(lab.machine.directory.glob("screen-*"))


async def test_the_end_of_the_log_outlives_the_guest(booted: HostLab, lab: HostLab) -> None:
    since = booted.end
    await booted.perform("reset")
    await booted.shows(PROMPT, since)
    outcome = await booted.perform("tail", lines=5)
    text = base64.b64decode(outcome.data["text"])
    assert text.endswith(PROMPT)
    assert text.count(b"\n") == 4
    assert outcome.data["end"] - outcome.data["from"] == len(text)
    await lab.create("bare")
    await lab.perform("start")
    await lab.shows(GREETING.strip())
    await lab.perform("stop", graceful=False)
    # The firmware's own last words come by a timer, and may come after the greeting.
    text = base64.b64decode((await lab.perform("tail", lines=2)).data["text"])
    assert GREETING in text


@pytest.mark.parametrize("verb", ["reset", "nmi", "screenshot", "restart"])
async def test_a_stopped_machine_is_not_acted_upon(lab: HostLab, verb: str) -> None:
    await lab.create("bare")
    assert await refused("VmNotRunning", lab.perform(verb)) == {"vm": "bare", "power": "stopped"}
