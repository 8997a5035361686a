"""Cards of Linux guests, by each program that looks after them: off, with an address that is not theirs.

A neighbour with a DHCP server says whether it counts. Each fault is put back by the undo, exactly.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import NamedTuple

import pytest

from outofband.wire.steps import linux_undo, words
from outofband.wire.steps.linux_cards import reset_cards
from outofband.wire.steps.report import StepReport, System, changes
from tests.peers.jail import Jail, codes, read
from tests.peers.systems import BUSYBOX, NEIGHBOUR, SHELLS, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
WANTED = {"52:54:00:00:00:05": "10.9.0.4"}
# Leases and what a program remembers of them are not settings; a route's metric is its maker's.
SEEN = """\
seen() {
    find /etc/network /etc/systemd/network /etc/NetworkManager/system-connections /etc/netplan \\
        /etc/dhcpcd.conf -type f -exec sh -c 'ls -ld --time-style=+ "$1"; cat "$1"' sh {} \\; 2>/dev/null
    ip -4 -o addr show dev eth0 scope global | awk '{ print $4 }'
    ip -4 route show default dev eth0 | awk '{ print $3 }'
    ip -o link show eth0 | grep -o '[<,]UP[,>]' || echo off
}
there_it_answers() { there busybox ping -c 2 -W 3 10.9.0.4 >/dev/null 2>&1 && echo answers || echo silent; }
is_there() {
    for each in $(seq 60); do
        case "$(ip -4 -o addr show dev eth0)" in *" $1/"*) settled; return ;; esac
        sleep 1
    done
    echo "it never had $1"
    false
}
# The address comes first, its route later: both are there, and three looks in a row see the same.
settled() {
    same=0 last=
    for each in $(seq 60); do
        sleep 0.5
        now=$(seen)
        case "$(ip -4 route show default dev eth0)" in "") continue ;; esac
        if [ "$now" = "$last" ]; then same=$((same + 1)); else same=0 last=$now; fi
        [ $same -lt 2 ] || return 0
    done
}
"""


class Keeper(NamedTuple):
    """`good` sets the card to DHCP and starts it, `wrong` to an address that is not its network's."""

    name: str
    good: str
    wrong: str
    booted: bool = True


def _without(*names: str) -> str:
    return f"rm -f $(command -v {' '.join(names)})\n"


MANAGER = """\
file=/etc/NetworkManager/system-connections/wired.nmconnection
profile() {
    printf '%s\\n' '[connection]' 'id=wired' 'uuid=2815492f-7e56-435e-b2e9-246bd7cdc664' 'type=ethernet' \\
        'interface-name=eth0' '[ipv4]' "$@" >$file
    chmod 600 $file
}
"""
NETWORKD = """\
profile() { printf '%s\\n' '[Match]' 'Name=eth0' '[Network]' "$@" >/etc/systemd/network/10-wired.network; }
"""
NETPLAN = """\
profile() {
    printf '%s\\n' 'network:' '  version: 2' '  renderer: networkd' '  ethernets:' '    eth0:' "$@" \\
        >/etc/netplan/01-wired.yaml
    chmod 600 /etc/netplan/01-wired.yaml
    netplan generate >/dev/null
    systemctl start dbus
}
"""
IFUPDOWN = """\
profile() {
    printf '%s\\n' 'auto lo' 'iface lo inet loopback' '' '# The card.' 'auto eth0' "$@" \\
        >/etc/network/interfaces
}
mkdir -p /run/network
"""
KEEPERS = [
    Keeper(
        "NetworkManager",
        MANAGER + "profile method=auto\nsystemctl start NetworkManager\n",
        MANAGER + "profile method=manual address1=10.8.0.7/24,10.8.0.1\nsystemctl start NetworkManager\n",
    ),
    Keeper(
        "systemd-networkd",
        NETWORKD + "profile DHCP=yes\nsystemctl start systemd-networkd\n",
        NETWORKD + "profile Address=10.8.0.7/24 Gateway=10.8.0.1\nsystemctl start systemd-networkd\n",
    ),
    Keeper(
        "netplan",
        NETPLAN + "profile '      dhcp4: true'\nsystemctl start systemd-networkd\n",
        NETPLAN
        + "profile '      addresses: [10.8.0.7/24]' '      gateway4: 10.8.0.1' 2>/dev/null\n"
        + "systemctl start systemd-networkd\n",
    ),
    Keeper(
        "ifupdown",
        IFUPDOWN + "profile 'iface eth0 inet dhcp'\nifup eth0 >/dev/null 2>&1\n",
        IFUPDOWN
        + "profile 'iface eth0 inet static' ' address 10.8.0.7/24' ' gateway 10.8.0.1'\n"
        + "ifup eth0 >/dev/null\n",
        booted=False,
    ),
    Keeper(
        "busybox",
        BUSYBOX
        + _without("ifup", "ifdown", "dhclient", "dhcpcd")
        + "ln -sf /bb/ifup /bb/ifdown /usr/sbin\nmkdir -p /var/run\n"
        + IFUPDOWN
        + "profile 'iface eth0 inet dhcp'\nifup eth0 >/dev/null 2>&1\n",
        BUSYBOX
        + _without("ifup", "ifdown", "dhclient", "dhcpcd")
        + "ln -sf /bb/ifup /bb/ifdown /usr/sbin\nmkdir -p /var/run\n"
        + IFUPDOWN
        + "profile 'iface eth0 inet static' ' address 10.8.0.7' ' netmask 255.255.255.0'"
        + " ' gateway 10.8.0.1'\n"
        + "ifup eth0 >/dev/null\n",
        booted=False,
    ),
    Keeper(
        "dhcpcd",
        _without("dhclient", "udhcpc", "ifup") + "dhcpcd eth0 >/dev/null 2>&1\n",
        _without("dhclient", "udhcpc", "ifup")
        + "printf '%s\\n' 'interface eth0' 'static ip_address=10.8.0.7/24' 'static routers=10.8.0.1'"
        + " >>/etc/dhcpcd.conf\ndhcpcd eth0 >/dev/null 2>&1\n",
        booted=False,
    ),
    Keeper(
        "dhclient",
        _without("dhcpcd", "udhcpc", "ifup") + "dhclient eth0 >/dev/null 2>&1\n",
        _without("dhcpcd", "udhcpc", "ifup")
        + "ip link set eth0 up\nip addr add 10.8.0.7/24 dev eth0\nip route add default via 10.8.0.1\n",
        booted=False,
    ),
    Keeper(
        "udhcpc",
        _without("dhcpcd", "dhclient", "ifup") + "udhcpc -i eth0 >/dev/null 2>&1\n",
        _without("dhcpcd", "dhclient", "ifup")
        + "ip link set eth0 up\nip addr add 10.8.0.7/24 dev eth0\nip route add default via 10.8.0.1\n",
        booted=False,
    ),
]
EVERY = pytest.mark.parametrize("keeper", KEEPERS, ids=[each.name for each in KEEPERS])


@pytest.fixture(scope="module")
def debian() -> Path:
    return system()


@pytest.fixture
def jail(tmp_path: Path, debian: Path) -> Jail:
    return Jail(tmp_path, debian, bus=True)


def reset(jail: Jail, run: str = "r1", shell: str = "sh") -> str:
    args = reset_cards(run, addresses=WANTED, every=True)
    return f"PATH=/bb:$PATH {jail.put('cards', args, shell)}"


def undo(jail: Jail, shell: str = "sh", run: str = "r1") -> str:
    found = StepReport(step="resetCards", system=System.LINUX, before={}, after={}, run=run)
    return f"PATH=/bb:$PATH {jail.put('undo', linux_undo.undo(found), shell)}"


def went(jail: Jail, keeper: Keeper, script: str) -> list[str]:
    told = jail.run_booted(script) if keeper.booted else jail.run(script)
    return told.split("-----\n")


@EVERY
def test_a_healthy_card_is_left_alone(jail: Jail, keeper: Keeper) -> None:
    script = f"""\
{NEIGHBOUR}serve
{SEEN}{keeper.good}
is_there 10.9.0.4
processes() {{ cat /proc/[0-9]*/comm 2>/dev/null | grep -E '^(dhc|udhc|systemd-n|Netw)' | sort -u; }}
processes >/tmp/p1
seen >/tmp/1
ip -4 monitor link address >/tmp/moves &
sleep 0.5
{reset(jail)}
seen >/tmp/2
processes >/tmp/p2
diff /tmp/1 /tmp/2
diff /tmp/p1 /tmp/p2
cat /tmp/moves
[ ! -s /tmp/moves ]
[ ! -e /var/lib/outofband/undo ]
"""
    [told] = went(jail, keeper, script)
    found = read(told)
    assert not changes(found)
    assert (found.problems, found.run) == ((), "")
    assert found.before["cards.address"] == "eth0=10.9.0.4"


@EVERY
def test_a_card_that_is_off_is_on_again(jail: Jail, keeper: Keeper) -> None:
    script = f"""\
{NEIGHBOUR}serve
{SEEN}{keeper.good}
is_there 10.9.0.4
ip link set eth0 down
sleep 1
seen >/tmp/1
there_it_answers
{reset(jail)}
there_it_answers
echo -----
{undo(jail)}
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, undone = went(jail, keeper, script)
    assert told.startswith("silent")
    assert told.endswith("answers\n")
    found = read(told)
    assert (found.problems, found.run) == ((), "r1")
    assert "eth0=down" in str(found.before["cards.state"])
    assert found.after["cards.address"] == "eth0=10.9.0.4"
    assert '"failed":0' in undone


# Each program once, by turns of the shells, where time is short; each with every shell in a soak.
EACH = [
    pytest.param(
        keeper,
        shell,
        id=f"{keeper.name}-{shell}",
        marks=() if at == number % len(SHELLS) else pytest.mark.soak,
    )
    for number, keeper in enumerate(KEEPERS)
    for at, shell in enumerate(SHELLS)
]


@pytest.mark.parametrize(("keeper", "shell"), EACH)
def test_an_address_that_is_not_its_networks(jail: Jail, keeper: Keeper, shell: str) -> None:
    """What a guest sets itself is put aside, DHCP asked, and all of it is there again after an undo."""
    bb = BUSYBOX if shell == "/bb/sh" and "/bb" not in keeper.wrong else ""
    script = f"""\
{bb}{NEIGHBOUR}serve
{SEEN}{keeper.wrong}
is_there 10.8.0.7
sleep 1
seen >/tmp/1
there_it_answers
{reset(jail, shell=shell)}
there_it_answers
echo -----
{reset(jail, "r2", shell)}
echo -----
{undo(jail, shell)}
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, again, undone = went(jail, keeper, script)
    assert told.startswith("silent")
    assert told.endswith("answers\n")
    found = read(told)
    assert (found.problems, found.run) == ((), "r1")
    assert found.before["cards.address"] == "eth0=10.8.0.7"
    assert "10.9.0.4" in str(found.after["cards.address"])
    assert str(found.after["cards.route"]).startswith("10.9.0.1 ")
    assert words.tell(found).can_undo
    assert not changes(read(again)), "nothing is left to do"
    assert read(again).run == ""
    assert '"failed":0' in undone


@pytest.mark.soak
@pytest.mark.parametrize("keeper", KEEPERS[:4], ids=[each.name for each in KEEPERS[:4]])
def test_nobody_answers(jail: Jail, keeper: Keeper) -> None:
    """The address that was there may be of use to somebody at the console: it comes back with the undo."""
    script = f"""\
{NEIGHBOUR}
{SEEN}{keeper.wrong}
is_there 10.8.0.7
sleep 1
seen >/tmp/1
{reset(jail)}
echo -----
{undo(jail)}
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, undone = went(jail, keeper, script)
    assert codes(read(told)) <= {"GuestCardWithoutAddress", "GuestCardWrongAddress"}
    assert codes(read(told))
    assert '"failed":0' in undone


def test_a_card_without_a_cable(jail: Jail) -> None:
    script = f"""\
{NEIGHBOUR}
there ip link set far down
ip link set eth0 up
{reset(jail)}
"""
    found = read(jail.run(script))
    assert [(each.code, each.fields) for each in found.problems] == [("GuestCardNoCable", {"card": "eth0"})]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_card_below_others_that_have_its_address_is_left_alone(jail: Jail, shell: str) -> None:
    script = f"""\
{BUSYBOX}{NEIGHBOUR}
ip link add br0 type bridge
ip link set eth0 master br0
ip link add link br0 name upper0 type macvlan
for each in eth0 br0 upper0; do ip link set $each up; done
until grep -q up /sys/class/net/br0/operstate; do sleep 0.1; done
ip addr add 10.9.0.4/24 dev upper0
ip route add default via 10.9.0.1
{reset(jail, shell=shell)}
"""
    found = read(jail.run(script))
    assert not changes(found)
    assert (found.problems, found.run) == ((), "")
    assert "eth0=10.9.0.4" in str(found.before["cards.address"])


def test_a_card_below_another_is_not_given_an_address_of_its_own(jail: Jail) -> None:
    script = f"""\
{NEIGHBOUR}serve
ip link add br0 type bridge
ip link set eth0 master br0
{reset(jail)}
echo -----
cat /sys/class/net/eth0/operstate
ip -4 -o addr show dev eth0
"""
    _, seen = jail.run(script).split("-----\n")
    assert seen == "up\n"


def test_an_address_that_it_had_before_is_not_asked_for_again(jail: Jail) -> None:
    """A DHCP server that lets a guest keep that one keeps it away from its network's."""
    script = f"""\
{NEIGHBOUR}serve --log-facility=/tmp/asked
{IFUPDOWN}profile 'iface eth0 inet dhcp'
printf '%s\\n' 'lease {{' ' interface "eth0";' ' fixed-address 10.9.0.7;' \\
    ' option dhcp-server-identifier 10.9.0.1;' ' renew never;' ' rebind never;' ' expire never;' '}}' \\
    >/var/lib/dhcp/dhclient.eth0.leases
ip link set eth0 up
ip addr add 10.9.0.7/24 dev eth0
ip route add default via 10.9.0.1
{reset(jail)}
echo -----
grep -E 'DHCP(DISCOVER|REQUEST)' /tmp/asked
"""
    told, asked = jail.run(script).split("-----\n")
    assert read(told).after["cards.address"] == "eth0=10.9.0.4"
    assert "10.9.0.4" in asked and "10.9.0.7" not in asked
