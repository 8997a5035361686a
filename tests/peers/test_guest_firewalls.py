"""The step against ufw and firewalld themselves: a neighbour is kept out, let in, and kept out again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outofband.wire.remote import Protocol
from outofband.wire.steps import linux_undo
from outofband.wire.steps.linux import reset_remote
from outofband.wire.steps.report import StepReport, System, changes
from tests.peers.jail import Jail, codes, read
from tests.peers.systems import BUSYBOX, NEIGHBOUR, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
BOTH = (Protocol.SSH, Protocol.RDP)
PLACE = """\
ip addr add 10.9.0.4/24 dev eth0
ip link set eth0 up
if [ -d /run/systemd/system ]; then
    systemctl -q enable ssh xrdp xrdp-sesman 2>/dev/null
    systemctl start ssh xrdp
else
    for each in ssh xrdp; do /etc/init.d/$each start >/dev/null; done
fi
until ss -Hltn | grep -q ':22 ' && ss -Hltn | grep -q ':3389 '; do sleep 0.2; done
both() { sees 22; sees 3389; }
"""
# Rules are compared without their counters and without the moment at which they were saved.
SEEN = """\
seen() {
    nft list ruleset 2>/dev/null | sed 's/counter packets [0-9]* bytes [0-9]*//'
    cat /etc/ufw/*.rules /etc/ufw/ufw.conf /etc/firewalld/zones/*.xml 2>/dev/null || :
    firewall-cmd --list-all 2>/dev/null || :
}
"""
FIREWALLD = "systemctl start firewalld\nfirewall-cmd"


@pytest.fixture(scope="module")
def debian() -> Path:
    return system()


@pytest.fixture
def jail(tmp_path: Path, debian: Path) -> Jail:
    return Jail(tmp_path, debian, bus=True)


def reset(jail: Jail, shell: str, run: str = "r1") -> str:
    return f"PATH=/bb:$PATH {jail.put('reset', reset_remote(BOTH, run), shell)}"


def undo(jail: Jail, shell: str, run: str = "r1") -> str:
    found = StepReport(step="resetRemote", system=System.LINUX, before={}, after={}, run=run)
    return f"PATH=/bb:$PATH {jail.put('undo', linux_undo.undo(found), shell)}"


@pytest.mark.parametrize("shell", ["bash", "/bb/sh", pytest.param("dash", marks=pytest.mark.soak)])
def test_ufw_lets_in_and_forgets_it(jail: Jail, shell: str) -> None:
    """Also what a rule of its owner denies: ours stands before it."""
    script = f"""\
{BUSYBOX if shell == "/bb/sh" else ""}{NEIGHBOUR}{PLACE}{SEEN}
ufw deny 3389/tcp >/dev/null
ufw limit 2222/tcp >/dev/null
ufw deny from 192.0.2.1 >/dev/null
ufw --force enable >/dev/null
both
seen >/tmp/1
{reset(jail, shell)}
both
ufw status | grep -E '^(22|3389)'
echo -----
{reset(jail, shell, "r2")}
echo -----
{undo(jail, shell)}
both
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, again, undone = jail.run(script).split("-----\n")
    assert told.split()[:2] == ["closed", "closed"]
    found = read(told)
    assert (found.after["firewall.kinds"], found.problems) == ("ufw nftables iptables", ())
    assert (found.before["firewall.shut"], found.after["firewall.shut"]) == ("22 3389", None)
    lines = told.partition("}\n")[2].splitlines()
    assert lines[:2] == ["open", "open"]
    assert not changes(read(again)), "nothing is left to do"
    assert read(again).run == ""
    assert '"failed":0' in undone
    assert undone.split()[-2:] == ["closed", "closed"]


@pytest.mark.parametrize(
    ("shell", "rule"),
    [
        ("dash", "rule service name=http accept"),
        ("/bb/sh", "rule port port=3389 protocol=tcp drop"),
        pytest.param("bash", "rule port port=3389 protocol=tcp drop", marks=pytest.mark.soak),
    ],
)
def test_firewalld_lets_in_and_forgets_it(jail: Jail, shell: str, rule: str) -> None:
    """In the zone that the card is in, which is not the one for new cards."""
    script = f"""\
{BUSYBOX if shell == "/bb/sh" else ""}{NEIGHBOUR}{PLACE}{SEEN}
systemctl start firewalld
firewall-cmd -q --permanent --zone=internal --remove-service=ssh
firewall-cmd -q --permanent --zone=internal --add-interface=eth0
firewall-cmd -q --permanent --zone=internal '--add-rich-rule={rule}'
firewall-cmd -q --reload
both
seen >/tmp/1
{reset(jail, shell)}
both
firewall-cmd -q --reload
both
echo -----
{reset(jail, shell, "r2")}
echo -----
{undo(jail, shell)}
both
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, again, undone = jail.run_booted(script).split("-----\n")
    assert told.split()[:2] == ["closed", "closed"]
    found = read(told)
    assert "firewalld" in str(found.after["firewall.kinds"])
    assert codes(found) == set()
    assert (found.before["firewall.shut"], found.after["firewall.shut"]) == ("22 3389", None)
    lines = told.partition("}\n")[2].splitlines()
    assert lines[:4] == ["open"] * 4, "also after its rules are loaded again"
    assert not changes(read(again))
    assert '"failed":0' in undone
    assert undone.split()[-2:] == ["closed", "closed"]


def test_firewalld_in_a_panic(jail: Jail) -> None:
    script = f"""\
{NEIGHBOUR}{PLACE}
systemctl start firewalld
firewall-cmd -q --zone=trusted --change-interface=eth0
firewall-cmd -q --panic-on
both
{reset(jail, "sh")}
both
echo -----
{undo(jail, "sh")}
both
firewall-cmd -q --query-panic
"""
    told, undone = jail.run_booted(script).split("-----\n")
    assert told.split()[:2] == ["closed", "closed"]
    assert told.split()[-2:] == ["open", "open"]
    assert undone.split()[-2:] == ["closed", "closed"]


@pytest.mark.parametrize(
    "allow",
    [
        "ufw allow OpenSSH\nufw allow 3000:4000/tcp\nufw --force enable",
        "ufw limit 22/tcp\nufw deny from 192.0.2.1\nufw allow 80,3389/tcp\nufw --force enable",
        "ufw default allow\nufw deny 80/tcp\nufw --force enable",
        f"{FIREWALLD} --add-port=3389/tcp\nfirewall-cmd --permanent --add-port=3389/tcp",
        f"{FIREWALLD} --permanent --zone=trusted --add-interface=eth0\nfirewall-cmd --reload",
    ],
)
def test_who_lets_in_already_is_left_alone(jail: Jail, allow: str) -> None:
    script = f"""\
{NEIGHBOUR}{PLACE}{SEEN}
{{ {allow}
}} >/dev/null
both
seen >/tmp/1
{reset(jail, "sh")}
seen >/tmp/2
diff /tmp/1 /tmp/2
[ ! -e /var/lib/outofband/undo ]
"""
    told = jail.run_booted(script)
    assert told.split()[:2] == ["open", "open"]
    found = read(told)
    assert not changes(found)
    assert (found.problems, found.run) == ((), "")
