"""`oob vm reset-remote` and `oob vm undo-step` as a person uses them."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outofband.core.errors import Fault
from tests.support.cloud import Cloud, Host
from tests.support.rescues import Lab, cloud, host
from tests.unit.cli.verbs import Oob

__all__ = ["cloud", "host"]

pytestmark = pytest.mark.anyio


@pytest.fixture
async def lab(cloud: Cloud, host: Host) -> Lab:
    lab = Lab(cloud, host)
    await cloud.owner.create_vm("web1")
    return lab


@pytest.fixture
def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def test_a_reset_says_what_was_wrong_and_its_answer_takes_it_back(
    lab: Lab, oob: Oob, tmp_path: Path
) -> None:
    lab.step({"xrdp.port": 4489, "xrdp.listens": False}, {"xrdp.port": 3389, "xrdp.listens": True})
    out, _ = await oob("vm reset-remote web1")
    assert "'xrdp' in the guest is set to port 4489" in out and "(GuestPortChanged)" in out
    assert "Port of xrdp: 4489 before, 3389 now. The undo makes it 4489 again." in out
    told = await oob.json("vm reset-remote web1")
    assert (told["vm"], told["protocols"], told["report"]["run"]) == ("web1", ["rdp", "ssh"], "r1")

    kept = tmp_path / "reset.json"
    kept.write_text(json.dumps(told))
    lab.script('{"done":2,"failed":0}\n')
    out, _ = await oob(f"vm undo-step web1 --report {kept}")
    assert out == "2 changes were put back.\n"
    lab.script("", 95)
    _, err = await oob(f"vm undo-step web1 --report {kept}", 5)
    assert "GuestUndoMissing" in err
    kept.write_text("[]")
    _, err = await oob(f"vm undo-step web1 --report {kept}", 2)
    assert "it is no report of a step" in err


async def test_a_look_does_not_praise_what_it_found_wrong(lab: Lab, oob: Oob) -> None:
    seen = {"xrdp.installed": False}
    lab.step(seen, seen)
    out, _ = await oob("vm reset-remote web1 --protocol rdp --only-look")
    assert "'xrdp' is not installed in the guest. (GuestServiceMissing)" in out
    assert out.endswith("Nothing was changed.\n") and "as it should be" not in out
    well = {"xrdp.installed": True}
    lab.step(well, well)
    out, _ = await oob("vm reset-remote web1 --protocol rdp --only-look")
    assert out == "Everything was as it should be; nothing was changed.\n"


async def test_what_a_guest_cannot_do_is_told(lab: Lab, oob: Oob) -> None:
    lab.script("sh: syntax error\n", 2)
    _, err = await oob("vm reset-remote web1", 1)
    assert "ended with status 2. It says: sh: syntax error" in err
    _, err = await oob("vm reset-remote web1 --user not.a$name", 2)
    assert "no legal name of an account" in err
    lab.host.refuse["vm.run"] = Fault("GuestAgentAbsent", vm="web1")
    _, err = await oob("vm reset-remote web1 --protocol ssh --only-look", 6)
    assert "GuestAgentAbsent" in err
