"""A healthy guest is left as it is: after twenty rescues its disk, settings, uptime and rules are the same.

A guest writes by itself, so it is made quiet first: its journal goes into memory (Debian keeps it on disk and
each client that connects leaves a line there), so do /var/log and /tmp, and there are no access times, no
timers and no renewal of the lease. Nothing else is left out: the file of its disk has to be the same, byte
for byte. Where it is not, the test tells which of the guest's files are otherwise, and who else writes: the
guest alone in as much time, or any client that connects as often.
"""

from __future__ import annotations

import difflib
import hashlib
import re
import time
from typing import Any

import pytest

from outofband.agent.hypervisors.command import OVERLAY
from outofband.wire.remote import Protocol
from tests.lab.lab import Lab
from tests.peers.house import until

pytestmark = [pytest.mark.soak, pytest.mark.timeout(3600)]
RUNS = 20
LOOKS = 5
"""Every fifth run only looks, through all of the steps."""
QUIET_SECONDS = 600.0
STILL_SECONDS = 45.0
"""A kernel writes what it holds within half a minute, and looks every five seconds."""
DONE = "it is quiet"
STILL = f"""
set -e
mkdir -p /run/systemd/journald.conf.d
printf '[Journal]\\nStorage=volatile\\n' >/run/systemd/journald.conf.d/lab.conf
systemctl restart systemd-journald
mount -t tmpfs none /var/log
mkdir -p /var/log/apt
mount -t tmpfs none /tmp
systemctl restart xrdp-sesman xrdp
systemctl stop '*.timer'
pkill -STOP dhclient || true
# A new file system is still being laid out at its first start.
mount -o remount,noatime,noinit_itable /
sync
echo {DONE}
"""
LISTS = """
find / -xdev -path /var/lib/outofband -prune -o -fstype ext4 \\
    -printf '%p %i %M %U:%G %s %T@ %C@ %l\\n' | LC_ALL=C sort >/run/lab-files-$name
until units=$(systemctl list-unit-files --no-legend --no-pager); do sleep 1; done
own=$(sed -n 's,^0::.*/,,p' /proc/self/cgroup)
echo "$units" | grep -vF "${own:?}" >/run/lab-units-$name
wc -l </run/lab-files-$name
wc -l </run/lab-units-$name
"""
"""Every file of its disk by place, number, rights, owner, size and times; every unit, the transient ones too.
They are compared in the guest, as a script's answer is short. Left out are the folder of what the lab's own
scripts print, and the unit that this script is, which has another name each time.
"""
SETTINGS = """
cat /proc/sys/kernel/random/boot_id
find /etc /root /home /usr/local -xdev -type f -exec sha256sum {} + | LC_ALL=C sort -k 2 | sha256sum
cut -d: -f1-9 /etc/shadow | sha256sum
systemctl show -p ActiveState,MainPID,NRestarts ssh xrdp xrdp-sesman
nft list ruleset
ip -o address; ip route
ls -A /var/lib/outofband/undo /run/outofband-undo 2>&1
"""
LIFETIME = re.compile(r"(valid|preferred)_lft \d+sec")
BEFORE, AFTER = "before", "after"
MARK, UNIT = "/etc/lab-mark", "lab-mark.service"


def test_twenty_rescues_change_nothing_in_a_healthy_guest(lab: Lab) -> None:
    lab.heal()
    said = lab.in_guest(STILL)
    assert DONE in said, said
    until("xrdp is back", lab.well)
    make_lists(lab, BEFORE)
    inside, before = settings(lab), around(lab)
    disk, began = quiet(lab), time.monotonic()
    for number in range(RUNS):
        rescue(lab, list(Protocol)[number % 2], only_look=number % LOOKS == LOOKS - 1)
    seconds = time.monotonic() - began
    # The disk first: to ask the guest leaves something on it.
    if quiet(lab) != disk:
        written = changed(lab)
        raise AssertionError(f"its disk is another one: {written or 'no file of it'}; {others(lab, seconds)}")
    assert around(lab) == before
    after = settings(lab)
    assert after == inside, "\n".join(difflib.unified_diff(inside, after, BEFORE, AFTER, "", 0))
    if written := changed(lab):
        raise AssertionError(written)
    print(f"\n{RUNS} rescues of a healthy guest, {seconds / RUNS:.1f} s each: nothing is otherwise")
    # And what a rescue would do would be seen.
    lab.in_guest(f"echo mark >{MARK}; systemd-run --quiet --unit={UNIT} sleep 3600")
    written = changed(lab)
    assert MARK in written and UNIT in written, written
    assert settings(lab) != inside and quiet(lab) != disk


def rescue(lab: Lab, protocol: Protocol, *, only_look: bool) -> None:
    """One that finds that all is well."""
    told, code = lab.rescue("--protocol", protocol.value, "--dry-run" if only_look else "--yes")
    assert (told["outcome"], code) == ("looked" if only_look else "proven", 0), told
    assert [each["deed"] for each in told["steps"] if each["deed"]] == [], told


def settings(lab: Lab) -> list[str]:
    """What the guest says of itself."""
    return LIFETIME.sub("", lab.in_guest(SETTINGS)).splitlines()


def around(lab: Lab) -> dict[str, Any]:
    """What is known of it outside."""
    walls = lab.net.get("networkSecurityGroups/walls")
    machine = lab.ask("GET", lab.vm)
    return {
        "process": (lab.machine.directory / "qemu.pid").read_text(),
        "rules": [walls["etag"], walls["properties"]["securityRules"]],
        "card": lab.net.get("networkInterfaces/card"),
        "vm": [machine.get("etag", ""), machine["properties"]],
    }


def make_lists(lab: Lab, name: str) -> None:
    found = re.findall(r"^(\d+)$", lab.in_guest(f"name={name}{LISTS}"), re.MULTILINE)
    files, units = (int(each) for each in found)
    assert files > 1000 and units > 100, "the guest's files and units were not listed"


def changed(lab: Lab) -> str:
    """The guest's files and units that are otherwise now, as they were and as they are."""
    make_lists(lab, AFTER)
    told = lab.in_guest(
        f"for list in files units; do diff /run/lab-$list-{BEFORE} /run/lab-$list-{AFTER}; done |"
        " grep '^[<>]' | head -n 20"
    )
    return "\n".join(line for line in told.splitlines() if line[:2] in ("< ", "> "))


def others(lab: Lab, seconds: float) -> str:
    """Whether it writes without a rescue too: in as much time, and when somebody else connects as often."""
    disk = quiet(lab)
    time.sleep(seconds)
    alone = digest(lab) != disk
    disk = quiet(lab)
    for _ in range(RUNS):
        lab.look(Protocol.RDP)
        lab.look(Protocol.SSH)
    visited = quiet(lab) != disk
    return f"written to in {seconds:.0f} s without a rescue: {alone}; by {RUNS} other clients: {visited}"


def quiet(lab: Lab) -> str:
    """Wait until nothing is on its way to the disk any more; what it is then."""
    deadline = time.monotonic() + QUIET_SECONDS
    while True:
        found = digest(lab)
        time.sleep(STILL_SECONDS)
        if digest(lab) == found:
            return found
        assert time.monotonic() < deadline, f"the disk is never quiet: {changed(lab)}"


def digest(lab: Lab) -> str:
    """Of the whole file, with what QEMU keeps in it."""
    with (lab.machine.directory / OVERLAY).open("rb") as disk:
        return hashlib.file_digest(disk, "sha256").hexdigest()
