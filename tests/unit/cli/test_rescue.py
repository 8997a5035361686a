"""`oob rescue` on a whole control plane: what it prints, what it asks, its exit code, and its report."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.cloud import Cloud, Host
from tests.support.rescues import Desktop, Lab, cloud, host, impatient, open_rule
from tests.support.terminal import Terminal
from tests.unit.cli.verbs import Oob

__all__ = ["cloud", "host", "impatient"]

pytestmark = pytest.mark.anyio


@pytest.fixture
def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def broken(cloud: Cloud, host: Host, *, rule: bool = True) -> tuple[Lab, Desktop]:
    lab = Lab(cloud, host)
    desktop = await lab.make(*([open_rule()] if rule else []))
    lab.guest(False)
    return lab, desktop


async def test_it_answers(oob: Oob, cloud: Cloud, host: Host) -> None:
    lab, desktop = await broken(cloud, host)
    await desktop.open()
    lab.guest(True)
    out, _ = await oob("rescue web1")
    assert "from this computer: answers" in out
    assert out.endswith("The VM answers.\n")
    told = await oob.json("rescue web1")
    assert (told["outcome"], told["vm"], len(told["steps"])) == ("proven", "web1", 8)
    assert told["probe"]["client"]["where"] == "client"
    kept = await oob.json("rescue report web1")
    assert kept["probe"]["client"]["works"] is True
    await desktop.close()


async def test_looking_only_says_what_would_be_done(oob: Oob, cloud: Cloud, host: Host) -> None:
    await broken(cloud, host, rule=False)
    out, _ = await oob("rescue web1 --dry-run", 6)
    assert "2. Check the security rules" in out
    assert "No rule lets it in (RescueRuleMissing)" in out
    assert "? Add the rule that lets connections in" in out
    assert "? Redeploy the VM" in out
    assert "from the control plane: does not answer" in out
    told = await oob.json("rescue web1 --dry-run --protocol ssh --lang nl", 6)
    assert told["steps"][1]["title"] == "De beveiligingsregels controleren"
    assert "default-allow-ssh" in json.dumps(told["steps"][1]["deed"])
    assert "vm.restart" not in host.performed


async def test_where_nobody_can_be_asked_nothing_is_lost(oob: Oob, cloud: Cloud, host: Host) -> None:
    await broken(cloud, host)
    _, err = await oob("rescue web1", 6)
    assert "It is left out: nobody can be asked." in err
    assert "vm.restart" not in host.performed
    told = await oob.json("rescue web1 --yes --step 7", 6)
    assert told["steps"][6]["deed"]["state"] == "done"
    assert host.performed.count("vm.restart") == 1


async def test_a_run_under_way_is_taken_up(oob: Oob, cloud: Cloud, host: Host) -> None:
    lab, _ = await broken(cloud, host)
    asking = await lab.rescue()
    assert asking["state"] == "asking"
    assert (await oob.json("rescue web1 --dry-run", 5))["code"] == "RescueRunning"
    out, err = await oob("rescue run web1 --yes", 6)
    assert "Goes on with the run of owner" in err
    assert "7. Restart the VM" in out
    assert (await lab.read())["outcome"] == "unresolved"


async def test_stop_undo_and_report(oob: Oob, cloud: Cloud, host: Host, tmp_path: Path) -> None:
    lab, _ = await broken(cloud, host, rule=False)
    assert (await oob.json("rescue report web1", 3))["code"] == "ResourceNotFound"
    await lab.rescue()
    assert (await oob("rescue stop web1"))[0] == "It is stopped.\n"
    assert (await oob.json("rescue undo web1", 5))["code"] == "RescueNothingToUndo"
    out, _ = await oob("rescue web1 --step 2 --yes", 6)
    assert "Main cause: No rule lets it in (RescueRuleMissing)\n" in out
    assert (await oob("rescue undo web1"))[0] == "It is taken back.\n"
    assert (await lab.net.get(lab.group))["properties"]["securityRules"] == []
    page = tmp_path / "page.html"
    await oob(f"rescue report web1 --file {page}")
    text = page.read_text()
    assert text.startswith("<!doctype html>") and "RescueRuleMissing" in text
    assert "<script" not in text and "http" not in text.replace("http-equiv", "")


async def test_an_undo_says_what_stays(oob: Oob, cloud: Cloud, host: Host) -> None:
    lab, _ = await broken(cloud, host, rule=False)
    await oob("rescue web1 --step 2 --yes", 6)
    rule = f"{lab.group}/securityRules/default-allow-rdp"
    theirs = (await lab.net.get(rule))["properties"] | {"sourceAddressPrefix": "198.51.100.9"}
    assert (await lab.net.ask("PUT", rule, {"properties": theirs})).is_success
    out, _ = await oob("rescue undo web1")
    assert out.startswith("It is taken back, but for what follows:\n") and "(RescueRuleChanged)" in out
    told = await oob.json("rescue report web1")
    assert [each["code"] for each in told["steps"][1]["deed"]["left"]] == ["RescueRuleChanged"]
    help_, _ = await oob("rescue undo --help")
    assert "old address and card" in help_ and "public address" in help_


@pytest.mark.parametrize(("guest", "code"), [(True, "RescueClientBlocked"), (False, "RescueClientDiffers")])
async def test_your_own_side_is_told_apart(
    oob: Oob, cloud: Cloud, host: Host, monkeypatch: pytest.MonkeyPatch, guest: bool, code: str
) -> None:
    """A server that lets the control plane in and nobody else: the first two that ask, then no more."""
    lab, desktop = await broken(cloud, host)
    lab.guest(guest)
    await desktop.open()
    answer = desktop._answer

    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await answer(reader, writer)
        if desktop._server is not None:
            desktop._server.close()

    monkeypatch.setattr(desktop, "_answer", once)
    await desktop.close()
    await desktop.open()
    told = await oob.json("rescue web1", 6)
    assert told["outcome"] == "proven"
    [finding] = [each for each in told["findings"] if each["code"].startswith("RescueClient")]
    assert finding["code"] == code and "port 3389" in finding["message"]
    kept = await oob.json("rescue report web1")
    assert [each["code"] for each in kept["findings"] if each["step"] == 0] == [code]
    assert [each["works"] for each in kept["probe"]["vantage"]] == [True, guest, False]
    await desktop.close()


async def ended(person: Terminal) -> int:
    """The exit code, or what was on the screen of one that does not end."""
    try:
        return await asyncio.to_thread(person.wait)
    except subprocess.TimeoutExpired:
        raise AssertionError(bytes(person.seen[-4000:])) from None


async def test_a_person_is_asked_interrupts_and_goes_on(oob: Oob, cloud: Cloud, host: Host) -> None:
    lab, _ = await broken(cloud, host)
    command = [sys.executable, "-m", "outofband.cli", "rescue", "web1", "--lang", "en"]
    state = {"OOB_STATE": str(oob.state.root)}
    with Terminal(command, state, size=(50, 200)) as person:
        first = await asyncio.to_thread(
            person.expect, rb"4\. Give the network interface .* another one\. \[y/N\]"
        )
        person.send(b"n\r")
        asked = await asyncio.to_thread(person.expect, rb"disks is lost\. \[y/N\]")
        assert b"2. Check the security rules" in first and b"7. Restart the VM." in asked
        await asyncio.to_thread(person.interrupt)
        await asyncio.to_thread(person.expect, rb"oob rescue web1 takes it up again")
        assert await ended(person) == 130
        assert b"Traceback" not in person.seen
    assert (await lab.read_newest())["state"] == "asking"
    with Terminal(command, state, size=(50, 200)) as person:
        await asyncio.to_thread(person.expect, rb"Goes on with the run of owner")
        await asyncio.to_thread(person.expect, rb"7\. Restart the VM\..*disks is lost\. \[y/N\]")
        person.send(b"y\r")
        await asyncio.to_thread(person.expect, rb"8\. Redeploy the VM\..*\[y/N\]")
        assert host.performed.count("vm.restart") == 1
        person.send(b"n\r")
        assert await ended(person) == 6
    assert "vm.stop" not in host.performed


async def test_a_new_password_is_typed_and_not_seen(oob: Oob, cloud: Cloud, host: Host) -> None:
    lab, _ = await broken(cloud, host)
    host.data["vm.run"] = {"running": False, "started": "", "ending": "exited", "status": 0}
    command = [sys.executable, "-m", "outofband.cli", "rescue", "web1", "--step", "6"]
    with Terminal(command, {"OOB_STATE": str(oob.state.root)}, size=(50, 200)) as person:
        await asyncio.to_thread(person.expect, rb"6\. Set a new password\. .*\[y/N\]")
        person.send(b"y\r")
        await asyncio.to_thread(person.expect, rb"User: ")
        person.send(b"ada\r")
        await asyncio.to_thread(person.expect, rb"New password: ")
        person.send(b"n3w-s3cret\r")
        assert await ended(person) == 6
        assert b"n3w-s3cret" not in person.seen
    told = await lab.read_newest()
    assert (told["user"], told["steps"][5]["deed"]["state"]) == ("ada", "done")
