"""What the QEMU driver stands on, with a real QEMU: the accelerator's probe, the monitor, the overlay."""

from __future__ import annotations

import asyncio
import signal
import stat
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outofband.agent.hypervisors import accelerator, overlay
from outofband.agent.hypervisors.accelerator import DEVICE, choose, find_qemu, trial
from outofband.agent.hypervisors.process import Process, tail
from outofband.agent.hypervisors.qmp import Monitor, MonitorRefused
from outofband.core.errors import Fault
from tests.peers.host import GREETING, boot_sector
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio
QEMU = "qemu-system-x86_64"


# --- accelerator ---


async def test_the_test_guest_ends_by_itself_under_tcg() -> None:
    seen = await trial(find_qemu(QEMU), "tcg", "max", 20.0)
    assert seen.problem is None
    assert seen.seconds < promised(10.0)


async def test_an_accelerator_qemu_does_not_have_is_told_in_its_words() -> None:
    seen = await trial(find_qemu(QEMU), "nonesuch", "max", 20.0)
    assert seen.problem is not None
    assert "invalid accelerator nonesuch" in seen.problem


async def test_a_guest_that_is_too_slow_is_given_up_in_time() -> None:
    """The limit is what a hanging guest meets; one that no guest can keep stands in for the hang."""
    began = time.monotonic()
    seen = await trial(find_qemu(QEMU), "tcg", "max", 0.001)
    assert seen.problem == "a test guest did not end within 0.0 s under TCG"
    assert time.monotonic() - began < promised(5.0)


async def test_the_choice_is_true_for_this_host_and_kept(tmp_path: Path) -> None:
    """Whatever was chosen, a guest really runs under it; and the next agent need not find out again."""
    cache = tmp_path / "accelerator.json"
    chosen = await choose(QEMU, "auto", cache)
    assert (await trial(find_qemu(QEMU), chosen.name, accelerator.CPU[chosen.name], 20.0)).problem is None
    assert chosen.probe.endswith(".")
    if not DEVICE.exists():
        assert chosen.name == "tcg"
        assert not cache.exists()
        return
    assert cache.stat().st_mode & 0o777 == 0o600
    began = time.monotonic()
    assert await choose(QEMU, "auto", cache) == chosen
    assert time.monotonic() - began < promised(1.0)


@pytest.mark.skipif(not DEVICE.exists(), reason="no /dev/kvm here")
async def test_a_device_under_which_guests_crawl_is_found_out() -> None:
    """Here KVM may emulate every instruction: seconds for what TCG does in a tenth. Else it must pass."""
    qemu = find_qemu(QEMU)
    yardstick = await trial(qemu, "tcg", "qemu64", 20.0)
    limit = max(accelerator.SHORTEST_LIMIT, accelerator.SLOWER * yardstick.seconds)
    seen = await trial(qemu, "kvm", "qemu64", limit)
    chosen, sentence = await accelerator._compare(qemu, DEVICE)
    if seen.problem is not None:
        assert chosen == "tcg"
        assert str(DEVICE) in sentence


async def test_a_host_without_the_device_uses_tcg(tmp_path: Path) -> None:
    chosen = await choose(QEMU, "auto", tmp_path / "cache", device=tmp_path / "kvm")
    assert chosen.name == "tcg"
    assert "has no" in chosen.probe


async def test_the_answer_is_forgotten_with_another_device_node(tmp_path: Path) -> None:
    cache = tmp_path / "accelerator.json"
    device = tmp_path / "kvm"
    device.touch()
    first = await choose(QEMU, "auto", cache, device=device)
    assert first.key is not None
    assert stat.S_ISREG(device.stat().st_mode)
    (tmp_path / "other").touch()
    (tmp_path / "other").replace(device)
    second = await choose(QEMU, "auto", cache, device=device)
    assert second.key is not None
    assert second.key.device != first.key.device


async def test_what_the_administrator_wants_is_not_tried(tmp_path: Path) -> None:
    chosen = await choose(QEMU, "kvm", tmp_path / "cache")
    assert (chosen.name, chosen.probe) == ("kvm", "The host's configuration asks for KVM.")


# --- monitor ---


class Bare:
    """A QEMU without a guest, only with a monitor."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.events: list[tuple[str, dict[str, Any]]] = []
        self.links: list[bool] = []
        self.monitor = Monitor(
            directory,
            "qmp.sock",
            on_event=lambda *event: self.events.append(event),
            on_link=self.links.append,
        )
        self.process = self.run()

    def run(self) -> Process:
        command = [
            find_qemu(QEMU), "-nodefaults", "-machine", "none", "-display", "none",
            "-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
        ]  # fmt: skip
        return Process.spawn(command, directory=self.directory, log=self.directory / "log")

    async def listens(self) -> None:
        async with asyncio.timeout(60):
            while True:
                try:
                    await self.monitor.connect()
                except Fault:
                    await asyncio.sleep(0.02)
                else:
                    return


@pytest.fixture
async def bare(tmp_path: Path) -> AsyncIterator[Bare]:
    bare = Bare(tmp_path)
    try:
        await bare.listens()
        yield bare
    finally:
        await bare.monitor.close()
        await bare.process.destroy()


async def test_commands_are_answered_and_refusals_are_qemus_own(bare: Bare) -> None:
    assert (await bare.monitor.execute("query-status"))["status"] in ("running", "prelaunch")
    with pytest.raises(MonitorRefused, match="The command nosuch has not been found"):
        await bare.monitor.execute("nosuch")
    with pytest.raises(MonitorRefused, match="Chardev 'x' not found"):
        await bare.monitor.execute("chardev-send-break", id="x")


async def test_events_arrive_in_order_before_the_end_is_told(bare: Bare) -> None:
    await bare.monitor.execute("stop")
    await bare.monitor.execute("cont")
    await bare.monitor.execute("quit")
    await bare.monitor.drained(10.0)
    assert [name for name, _ in bare.events][:2] == ["STOP", "RESUME"]
    assert ("SHUTDOWN", {"guest": False, "reason": "host-qmp-quit"}) in bare.events


async def test_a_qemu_that_does_not_answer_is_not_waited_for(bare: Bare) -> None:
    bare.process.send(signal.SIGSTOP)
    with pytest.raises(Fault, match=r"no reply to 'query-status' within 0\.2 s"):
        await bare.monitor.execute("query-status", timeout=0.2)
    bare.process.send(signal.SIGCONT)
    await bare.monitor.execute("query-status")


async def test_a_lost_monitor_comes_back_by_itself(bare: Bare) -> None:
    await bare.process.destroy()
    await until(lambda: bare.links == [False])
    with pytest.raises(Fault, match="HypervisorUnreachable"):
        await bare.monitor.execute("query-status")
    bare.process = bare.run()
    await until(lambda: bare.links == [False, True])
    assert await bare.monitor.execute("query-name") == {}


async def test_a_monitor_somebody_else_holds_is_told_of(bare: Bare) -> None:
    """QEMU accepts the second connection and greets it only when the first one has left."""
    second = Monitor(bare.directory, "qmp.sock", on_event=lambda *_: None, on_link=lambda _: None)
    with pytest.raises(Fault, match=r"no greeting within 0\.2 s"):
        await second.connect(0.2)
    await bare.monitor.close()
    await second.connect(30.0)
    await second.close()


# --- overlay ---


@pytest.mark.parametrize("kind", ["raw", "qcow2"])
async def test_qemu_takes_an_overlay_for_what_it_says(tmp_path: Path, kind: str) -> None:
    """QEMU boots from it, so it found the image below; and says the size the image has."""
    base = tmp_path / "base.img"
    base.write_bytes(boot_sector().ljust(3 * 1024 * 1024, b"\0"))
    image, size = base, 3 * 1024 * 1024
    if kind == "qcow2":
        image = tmp_path / "base.qcow2"
        overlay.create(image, base, "raw")
    overlay.create(tmp_path / "disk.qcow2", image, None)
    command = [
        find_qemu(QEMU), "-nodefaults", "-display", "none", "-machine", "pc", "-accel", "tcg", "-m", "16M",
        "-drive", "file=disk.qcow2,format=qcow2,if=virtio,id=disk", "-serial", "file:serial",
        "-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
    ]  # fmt: skip
    process = Process.spawn(command, directory=tmp_path, log=tmp_path / "log")
    monitor = Monitor(tmp_path, "qmp.sock", on_event=lambda *_: None, on_link=lambda _: None)
    try:
        await until(
            lambda: GREETING in (tmp_path / "serial").read_bytes() if (tmp_path / "serial").exists() else 0
        )
        await monitor.connect()
        (block,) = await monitor.execute("query-block")
        seen = block["inserted"]["image"]
        assert seen["virtual-size"] == size
        assert seen["backing-filename"] == str(image)
        assert seen["backing-filename-format"] == kind
        assert "corrupt" not in tail(tmp_path / "log")
    finally:
        await monitor.close()
        await process.destroy()


async def test_a_large_image_has_a_table_large_enough(tmp_path: Path) -> None:
    """QEMU refuses to open a disk whose L1 table does not cover it."""
    base = tmp_path / "base.img"
    with base.open("wb") as file:
        file.truncate(5 << 40)
    overlay.create(tmp_path / "disk.qcow2", base, "raw")
    command = [
        find_qemu(QEMU), "-nodefaults", "-display", "none", "-machine", "none", "-S",
        "-blockdev", "driver=file,node-name=file,filename=disk.qcow2",
        "-blockdev", "driver=qcow2,node-name=disk,file=file",
        "-chardev", "socket,id=qmp,path=qmp.sock,server=on,wait=off", "-mon", "chardev=qmp,mode=control",
    ]  # fmt: skip
    process = Process.spawn(command, directory=tmp_path, log=tmp_path / "log")
    try:
        await until(lambda: (tmp_path / "qmp.sock").exists() or process.gone)
        assert not process.gone, tail(tmp_path / "log")
    finally:
        await process.destroy()


def test_an_image_that_is_none(tmp_path: Path) -> None:
    (tmp_path / "x.qcow2").write_bytes(b"not at all a disk image of that kind")
    with pytest.raises(Fault, match="no qcow2 file"):
        overlay.create(tmp_path / "disk", tmp_path / "x.qcow2", None)
    with pytest.raises(Fault, match="VmStartFailed"):
        overlay.create(tmp_path / "disk", tmp_path / "missing.img", None)
    (tmp_path / "empty.img").touch()
    with pytest.raises(Fault, match="expected a size"):
        overlay.create(tmp_path / "disk", tmp_path / "empty.img", None)
    assert not (tmp_path / "disk").exists()
