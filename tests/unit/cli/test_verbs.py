"""The verbs on a whole control plane, as a person and as a program run them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outofband.access import roles
from outofband.cli.trust import NAMES
from outofband.client.meeting import spelled
from outofband.core.errors import Fault
from tests.support.cloud import SUBSCRIPTION, Cloud, Host
from tests.support.wait import until
from tests.unit.cli.verbs import Oob

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


@pytest.fixture
def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def test_life_of_a_vm(oob: Oob, host: Host) -> None:
    assert (await oob("vm list"))[1] == "There are no VMs here.\n"
    assert await oob.json("vm list") == []
    out, _ = await oob("vm create web1 --image demo --memory 512 --cpus 2")
    assert out == "web1 is running on h1.\n"
    out, _ = await oob("vm list")
    assert [line.split() for line in out.splitlines()] == [
        ["NAME", "POWER", "HOST", "RESOURCE", "GROUP", "CONSOLE", "FINDINGS"],
        ["web1", "running", "h1", "Lab"],
    ]
    out, _ = await oob("vm show web1")
    shown = dict(line.split(None, 1) for line in out.splitlines() if not line.startswith("vm id"))
    assert (shown["power"], shown["driver"], shown["memory"], shown["cpus"]) == (
        "running",
        "qemu demo",
        "512 MiB",
        "2",
    )
    assert (await oob("vm stop web1"))[0] == "vm.stop was seen\n"
    assert (await oob.json("vm show web1"))["properties"]["instanceView"]["statuses"]
    assert await oob.json("vm start web1") == {
        "vm": "web1",
        "action": "start",
        "observed": "vm.start was seen",
    }
    await oob("vm restart web1")
    await oob("vm stop web1 --force")
    await oob("vm stop web1 --deallocate")
    assert "deallocated" in (await oob("vm list --all"))[0]
    assert host.performed[-4:] == ["vm.start", "vm.restart", "vm.stop", "vm.stop"]
    assert await oob.json("vm delete web1 --yes") == {"vm": "web1", "deleted": True}
    assert (await oob.json("vm delete web1 --yes", 3))["code"] == "ResourceNotFound"
    assert (await oob.json("vm show web1", 3))["code"] == "ResourceNotFound"


async def test_a_host_by_name_and_what_it_refuses(oob: Oob, host: Host) -> None:
    await oob("vm create a --image demo --host h1")
    said = await oob.json("vm create b --image demo --host nowhere", 3)
    assert "nowhere" in said["message"]
    host.refuse["vm.start"] = Fault("VmStartFailed", detail="no such bus")
    await oob("vm stop a")
    _, err = await oob("vm start a", 5)
    assert err.startswith("error (VmStartFailed) ")
    assert "no such bus" in err
    assert "remedy: " in err


async def test_a_vm_on_a_host_that_is_away(oob: Oob, cloud: Cloud) -> None:
    async with cloud.host() as host:
        await oob("vm create demo --image demo")
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    status = await oob.json("status", 6)
    assert (status["ready"], status["hosts"][0]["connected"]) == (False, False)
    [vm] = status["vms"]
    assert (vm["power"], vm["hostConnected"]) == ("running", False), "the last that was known"
    assert "running (last known)" in (await oob("vm list"))[0]
    assert "running (last known)" in (await oob("status", 6))[0]
    shown, _ = await oob("vm show demo")
    assert "Host disconnected: The agent of host 'h1' is not connected" in shown
    said = await oob.json("console demo --observe", 6)
    assert said["code"] == "AgentOffline"
    assert said["retryable"] is True


ACTIVITY = f"/subscriptions/{SUBSCRIPTION}/providers/Microsoft.Insights/eventtypes/management/values"


def reasons(answer: Any, action: str) -> set[str | None]:
    """Which reasons the activity log has for an action of a port."""
    rows = [each["properties"] for each in answer.json()["value"]]
    return {each.get("reason") for each in rows if each.get("action") == action}


async def test_what_is_sent_and_the_switch(oob: Oob, cloud: Cloud, host: Host) -> None:
    await oob("vm create demo --image demo")
    assert await oob.json("serial send demo nmi") == {
        "vm": "demo",
        "sent": "nmi",
        "observed": "vm.nmi was seen",
    }
    assert (await oob("serial send demo sysrq H"))[0] == "vm.sysrq was seen\n"
    assert (await oob("serial send demo ctrl-alt-del --yes"))[0] == "vm.ctrl-alt-del was seen\n"
    assert (await oob("serial send demo reset --reason hangs"))[0] == "vm.reset was seen\n"
    assert reasons(await cloud.owner.get(ACTIVITY, version="2015-04-01"), "reset") == {"hangs"}
    too_long = await oob.json(f"serial send demo nmi --reason {'x' * 257}", 2)
    assert too_long["code"] == "InvalidParameter"
    assert (await oob.json("serial send demo nmi --port 7", 3))["code"] == "PortNotFound"
    assert (await oob.json("serial disable"))["disabled"] is True
    assert "is disabled for subscription" in (await oob("serial status"))[0]
    said = await oob.json("console demo --observe", 5)
    assert said["code"] == "ConsoleDisabledForSubscription"
    assert await oob.json("serial enable") == {"subscription": SUBSCRIPTION, "disabled": False}


async def test_the_switch_of_boot_diagnostics(oob: Oob, host: Host) -> None:
    await oob("vm create web1 --image demo")
    assert (await oob("vm boot-diagnostics web1"))[
        0
    ] == "Boot diagnostics of web1 are on, in managed storage.\n"
    out, _ = await oob("vm boot-diagnostics web1 --off --reason audit")
    assert out == "Boot diagnostics of web1 are off, and its console is closed.\n"
    _, err = await oob("console web1 --observe", code=5)
    assert "BootDiagnosticsDisabled" in err
    told = await oob.json("vm boot-diagnostics web1 --on --storage https://ours.blob.core.oob.example/")
    assert (told["enabled"], told["storageUri"]) == (True, "https://ours.blob.core.oob.example/")
    out, _ = await oob("vm boot-diagnostics web1 --on")
    assert out == "Boot diagnostics of web1 are on, in managed storage.\n"
    await oob("vm boot-diagnostics web1 --storage https://x/", code=2)


async def test_status_and_trust(oob: Oob, cloud: Cloud, host: Host) -> None:
    status = await oob.json("status")
    assert 395 <= status["certificate"]["daysLeft"] <= 397
    assert "days left" in (await oob("status"))[0]
    assert status["ready"] is True
    assert status["consoleListener"] == "listening"
    assert status["hosts"] == [
        {"name": "h1", "connected": True, "agentVersion": "9.9", "accelerator": "tcg", "probe": "test"}
    ]
    out, _ = await oob("status")
    assert out.startswith("consoles          ready\n")
    assert (await oob.json("trust --pem"))["pem"] == cloud.pki.trust.read_text()
    assert (await oob("trust --pem"))[0] == cloud.pki.trust.read_text()
    told = await oob.json("trust")
    assert str(cloud.pki.trust) in told["ways"]["curl"]
    assert told["fingerprint"] == cloud.pki.fingerprint
    assert spelled(cloud.pki.fingerprint) in (await oob("trust"))[0]
    folder = oob.state.root
    files = (await oob.json(f"trust --out {folder}"))["files"]
    assert files == [str(folder / name) for name in ("outofband-1.crt", "outofband-2.crt")]
    one_each = [(folder / name).read_text().count("BEGIN CERTIFICATE") for name in NAMES]
    assert one_each == [1, 1]
    assert (folder / NAMES[0]).read_text() + (folder / NAMES[1]).read_text() == cloud.pki.trust.read_text()


async def test_status_of_what_does_not_answer(oob: Oob, cloud: Cloud) -> None:
    await cloud.stop()
    status = await oob.json("status", 6)
    assert (status["ready"], status["code"]) == (False, "ControlPlaneUnreachable")
    assert status["clientId"] == cloud.owner.app_id, "a program still finds what it came for"
    _, err = await oob("status", 6)
    assert "error (ControlPlaneUnreachable)" in err
    await cloud.start()


async def test_a_reader_is_told_what_he_lacks(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    await cloud.owner.create_vm()
    oob = Oob(await cloud.person("reader", roles.READER), tmp_path / "reader")
    assert len(await oob.json("vm list")) == 1
    for line in ("vm stop demo", "console demo --observe", "serial disable", "agent token"):
        said = await oob.json(line, 4)
        assert said["code"] == "AuthorizationFailed"
        assert said["requestId"]


async def test_a_token_enrols(oob: Oob, cloud: Cloud) -> None:
    made = await oob.json("agent token --hours 2 --name h9")
    assert made["expiresIn"] == 7200
    assert (await oob("agent token"))[0].startswith("oob1.")
    assert (await oob.json("agent token --hours 2 -g nope", 3))["code"] == "ResourceGroupNotFound"


async def test_requests_are_shown_with_v_and_nothing_beside_with_q(oob: Oob, host: Host) -> None:
    _, err = await oob("vm list -v")
    assert "/providers/Microsoft.Compute/virtualMachines?" in err
    assert ": 200 in " in err
    assert "secret" not in err
    assert await oob("vm list -q") == ("", "")


async def test_an_agent_offers_images_from_the_command_line(oob: Oob, tmp_path: Path) -> None:
    disk = tmp_path / "web.img"
    disk.write_bytes(b"")
    assert await oob.json(f"agent image web --disk {disk}") == {"image": "web", "added": True}
    assert await oob.json(f"agent image web --disk {disk}") == {"image": "web", "added": False}
    assert f'disk = "{disk}"' in (oob.state.agent / "agent.toml").read_text()
