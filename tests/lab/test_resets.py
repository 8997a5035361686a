"""What `oob vm` does to a guest's remote access and card, done to a real guest, and taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from outofband.wire.remote import Protocol
from tests.lab.lab import INSIDE, NAME, Lab
from tests.peers.house import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(900)]
ANSWER_SECONDS = 180.0
SETTINGS = "/etc/network/interfaces.d/eth0"


def works(lab: Lab) -> bool:
    return lab.look(Protocol.RDP).works


def test_remote_desktop_is_reset_from_inside_and_broken_again_by_the_undo(lab: Lab, tmp_path: Path) -> None:
    lab.heal()
    lab.in_guest(
        "systemctl --quiet stop xrdp; systemctl --quiet mask xrdp;"
        " sed -i 's/^port=.*/port=4489/' /etc/xrdp/xrdp.ini"
    )
    assert not works(lab)
    said = lab.house.oob("vm", "reset-remote", NAME, "--only-look", "--protocol", "rdp").stdout
    assert "GuestServiceMasked" in said and "GuestPortChanged" in said
    assert not works(lab), "it only looked"

    told = lab.house.json("vm", "reset-remote", NAME, "--protocol", "rdp", seconds=600.0)
    until("Remote Desktop answers", lambda: works(lab), ANSWER_SECONDS)
    assert told["report"]["before"]["service.xrdp.enabled"].startswith("masked")
    assert (told["report"]["after"]["xrdp.listens"], told["report"]["problems"]) == (True, [])

    kept = tmp_path / "reset.json"
    kept.write_text(json.dumps(told))
    assert "changes were put back" in lab.house.oob("vm", "undo-step", NAME, "--report", str(kept)).stdout
    until("it is broken again", lambda: not works(lab), ANSWER_SECONDS)
    error = lab.house.error("vm", "undo-step", NAME, "--report", str(kept), expect=5)
    assert error["code"] == "GuestUndoMissing"


def test_a_guest_takes_another_address_and_card_and_the_old_ones_again(lab: Lab) -> None:
    lab.heal()
    before = lab.net.get("networkInterfaces/card")["properties"]["macAddress"]
    told = lab.house.json("vm", "reset-nic", NAME, "--yes", seconds=600.0)
    assert told["before"]["address"] == INSIDE != told["after"]["address"]
    until("the guest answers", lambda: works(lab), ANSWER_SECONDS)
    seen = lab.in_guest("ip -4 -o addr show scope global; cat /sys/class/net/*/address")
    assert told["after"]["address"] in seen and INSIDE + "/" not in seen
    assert told["after"]["mac"].replace("-", ":").lower() in seen

    names = {"privateIPAddress": "address", "privateIPAllocationMethod": "method", "macAddress": "mac"}
    body = {name: told["before"][short] for name, short in names.items()}
    lab.ask("POST", f"{lab.vm}/resetNic", body)
    until("the guest answers again", lambda: works(lab), ANSWER_SECONDS)
    assert INSIDE + "/" in lab.in_guest("ip -4 -o addr show scope global")
    assert lab.net.get("networkInterfaces/card")["properties"]["macAddress"] == before


def test_the_undo_of_a_rescue_gives_the_card_and_the_guests_own_settings_back(lab: Lab) -> None:
    """A guest with a fixed address: with another card it needs another one, and puts its settings aside."""
    lab.heal()
    fixed = f"auto eth0\\niface eth0 inet static\\naddress {INSIDE}/24\\ngateway 10.9.1.1\\n"
    lab.in_guest(f'printf "{fixed}" >{SETTINGS}; sync')
    before = lab.in_guest(f"sha256sum {SETTINGS}")
    mac = lab.net.get("networkInterfaces/card")["properties"]["macAddress"]
    told, _ = lab.rescue("--step", "4", "--yes")
    deed = told["steps"][3]["deed"]
    assert deed["state"] == "done", deed
    until("the guest answers", lambda: works(lab), ANSWER_SECONDS)
    assert "dhcp" in lab.in_guest(f"cat {SETTINGS}"), "it has put its settings aside"

    lab.house.oob("rescue", "undo", NAME, seconds=900.0)
    until("the guest answers again", lambda: works(lab), ANSWER_SECONDS)
    assert lab.in_guest(f"sha256sum {SETTINGS}") == before
    assert INSIDE + "/" in lab.in_guest("ip -4 -o addr show scope global")
    assert lab.net.get("networkInterfaces/card")["properties"]["macAddress"] == mac
    assert "/plan" not in lab.in_guest("ls /var/lib/outofband/undo/*/plan 2>/dev/null; true"), "none is left"
