"""The Debian guest from its packages to a login: what it runs, and that VM access works in a whole system."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guests.build import Guest
from guests.debian.build import DebianGuest, build
from outofband.agent.config import Image, add_image, config_path
from outofband.core.errors import Fault
from outofband.providers.compute.extension_kinds import deed
from outofband.wire.script import RunArgs, ScriptReport
from tests.peers.guest import PASSWORD, debian_guest, demo_guest
from tests.peers.host import VM, HostLab
from tests.support.wait import until

__all__ = ["debian_guest", "demo_guest"]

pytestmark = pytest.mark.anyio
BOOT_SECONDS = 300.0
SCRIPT_SECONDS = 120.0
KEY = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKlbVQ somebody@somewhere\n"


@pytest.fixture(scope="module")
async def lab(
    tmp_path_factory: pytest.TempPathFactory, demo_guest: Guest, debian_guest: DebianGuest
) -> AsyncIterator[HostLab]:
    root = tmp_path_factory.mktemp("debian") / "state"
    lab = HostLab(root, demo_guest)
    image = Image(
        kernel=str(debian_guest.kernel),
        initrd=str(debian_guest.initrd),
        cmdline=debian_guest.cmdline,
        disk=str(debian_guest.disk),
        format="raw",
    )
    add_image(config_path(lab.state), "debian", image)
    await lab.close()
    lab = HostLab(root, demo_guest)
    await lab.machines.load()
    await lab.create("debian", memory_mib=512, cpus=2)
    await lab.perform("start")

    async def answers() -> bool:
        agent = lab.machine.driver.guest
        assert agent is not None
        try:
            async with agent.talk() as guest:
                await guest.ping()
        except Fault:
            return False
        return True

    await until(answers, "the guest agent answers", seconds=BOOT_SECONDS)
    await lab.shows(b"tgt01 login: ", seconds=BOOT_SECONDS)
    yield lab
    await lab.close()


async def run(lab: HostLab, key: str, args: dict[str, Any]) -> ScriptReport:
    async with asyncio.timeout(SCRIPT_SECONDS):
        done = await lab.machines.perform("vm.run", VM, args, 1, key=key)
    return msgspec.convert(done.data, ScriptReport)


async def access(lab: HostLab, key: str, **protected: Any) -> ScriptReport:
    does = deed("Microsoft.OSTCExtensions", "VMAccessForLinux", {}, protected)
    assert isinstance(does, RunArgs)
    return await run(lab, key, msgspec.to_builtins(does))


async def test_it_is_built_once(debian_guest: DebianGuest) -> None:
    steps: list[str] = []
    assert build(debian_guest.disk.parent, password=PASSWORD, progress=steps.append) == debian_guest
    assert steps == ["the Debian guest is up to date"]


async def test_its_services_run(lab: HostLab) -> None:
    services = "ssh xrdp qemu-guest-agent serial-getty@ttyS0"
    # The guest agent and the login prompt may be there before ssh is.
    asked = f"systemctl is-active {services}"
    waiting = f"for i in $(seq 60); do {asked} | grep -qvx active || break; sleep 1; done"
    script = f"{waiting}; {asked}; nft --version; ss -ltn | grep -c 3389"
    report = await run(lab, "services", {"script": script})
    lines = report.out.splitlines()
    assert lines[:4] == ["active"] * 4, report
    assert lines[4].startswith("nftables v1")
    assert lines[5] == "1"
    assert (await run(lab, "user", {"script": "id -un", "user": "operator1"})).out == "operator1\n"


async def test_vm_access_in_a_whole_system(lab: HostLab) -> None:
    made = await access(lab, "made", username="bob", password="tern-mallow-77", ssh_key=KEY)
    assert made.status == 0, made
    report = await run(lab, "look", {"script": "id bob; cat ~bob/.ssh/authorized_keys; sudo -l -U bob"})
    assert report.out.count(KEY.strip()) == 1
    assert "(ALL) ALL" in report.out
    reset = await access(lab, "reset", reset_ssh=True)
    assert reset.status == 0, reset
    assert (await run(lab, "ssh", {"script": "systemctl is-active ssh; sshd -t"})).out == "active\n"
    await lab.port.inject(b"bob\r")
    await lab.shows(b"Password: ")
    since = lab.end
    await lab.port.inject(b"tern-mallow-77\r")
    await lab.shows(b"bob@tgt01", since)
    await lab.port.inject(b"exit\r")
    removed = await access(lab, "removed", remove_user="bob")
    assert removed.status == 0, removed
    assert (await run(lab, "gone", {"script": "LC_ALL=C id bob 2>&1; ls /home"})).out.split() == [
        "id:", "'bob':", "no", "such", "user", "operator1",
    ]  # fmt: skip


async def test_a_restart_of_the_agents_service_ends_no_script(lab: HostLab) -> None:
    report = await run(
        lab, "restart", {"script": "systemctl restart qemu-guest-agent; sleep 2; echo survived; sleep 50 &"}
    )
    assert (report.out, report.status) == ("survived\n", 0)


async def test_it_shuts_down_when_asked(lab: HostLab, tmp_path: Path) -> None:
    done = await lab.perform("stop", graceful=True, timeout=90.0)
    assert "shut down" in done.observed
