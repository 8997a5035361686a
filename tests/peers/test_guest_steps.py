"""What is done inside a Linux guest, done: to a real sshd, xrdp, systemctl, nft, iptables and shadow file."""

from __future__ import annotations

import datetime
import os
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from outofband.core import clock
from outofband.wire.remote import Protocol
from outofband.wire.script import OUTPUT_LIMIT
from outofband.wire.steps import linux_undo, words
from outofband.wire.steps.causes import causes
from outofband.wire.steps.linux_cards import reset_cards
from outofband.wire.steps.report import changes
from tests.peers.jail import Jail, codes, read
from tests.peers.resets import jail, reset, sections, undo
from tests.peers.systems import NEIGHBOUR

__all__ = ["jail"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
# Everything a step may touch, as one text: files with what is in them, links, and the state of services.
SEEN = """\
seen() {
    find /etc/ssh /etc/xrdp /etc/systemd /etc/rc?.d /etc/nologin /etc/ssl/private /etc/ssl/certs/ssl* \
        \\( -type f -o -type l \\) -exec sh -c 'ls -ld --time-style=+ "$1"; cat "$1"' sh {} \\; 2>/dev/null |
        md5sum
    grep ^bob: /etc/shadow || :
    ! command -v nft >/dev/null || nft list ruleset
    ss -Hltn | awk '{ print $4 }' | sort
}
"""
# Drops are silent: what is behind one is not waited for without end.
BANNER = """\
banner() { timeout 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && head -c 4 <&3" 2>/dev/null || echo closed; }
"""


def test_everything_broken_is_mended_and_an_undo_breaks_it_again(jail: Jail) -> None:
    expired_certificate(jail.given)
    script = f"""\
{SEEN}{BANNER}
systemctl -q mask ssh.service 2>/dev/null
systemctl -q disable xrdp.service 2>/dev/null
sed -i 's/^port=3389/port=4489/; s/^ssl_protocols=.*/ssl_protocols=TLSv9/' /etc/xrdp/xrdp.ini
sed -i 's/^#tls_ciphers=.*/tls_ciphers=none/' /etc/xrdp/xrdp.ini
rm -f /etc/xrdp/*.pem
cp /tmp/given/*.pem /etc/xrdp/
echo 'Port 2222' >>/etc/ssh/sshd_config
echo 'ListenAddress 127.0.0.1' >/etc/ssh/sshd_config.d/only-here.conf
chmod 600 /etc/ssh/sshd_config
touch /etc/nologin
rm -rf /run/sshd
useradd -m -s /bin/sh bob
echo bob:kelp-otter-42 | chpasswd
chage -d 100 -M 30 -E 1 bob
usermod -L bob
nft add table inet f
nft 'add chain inet f in {{ type filter hook input priority 0; policy accept; }}'
nft add rule inet f in tcp dport 22 drop
nft 'add chain inet f out {{ type filter hook output priority 0; policy accept; }}'
nft add rule inet f out tcp sport 3389 drop
seen >/tmp/1
{reset(jail, user="bob")}
echo -----
banner 22
ss -Hltn | awk '{{ print $4 }}' | grep -E ':(22|3389)$'
nft list chain inet f in
stat -c %a /etc/ssh/sshd_config
echo -----
{undo(jail)}
seen >/tmp/2
diff /tmp/1 /tmp/2
echo -----
{undo(jail)} || echo $?
"""
    told, works, undone, again = sections(jail.run(script))
    found = read(told)
    before, after = found.before, found.after
    assert (before["service.ssh.enabled"], after["service.ssh.enabled"]) == ("masked", "enabled")
    assert (before["service.xrdp.enabled"], after["service.xrdp.enabled"]) == ("disabled", "enabled")
    assert (before["ssh.listens"], after["ssh.listens"]) == (False, True)
    assert (before["ssh.fault"], after["ssh.fault"]) == (None, None)
    assert (before["xrdp.port"], after["xrdp.port"], after["xrdp.listens"]) == (4489, 3389, True)
    assert (before["xrdp.certificate"], after["xrdp.certificate"]) == ("expired", "good")
    assert (before["xrdp.security"], after["xrdp.security"]) == ("negotiate", "negotiate")
    assert (before["xrdp.fault"], after["xrdp.fault"]) == ("ssl_protocols=TLSv9", None)
    assert (after["ssh.port"], after["ssh.onlyLocal"], after["ssh.nologin"]) == (22, False, False)
    assert (before["firewall.denies"], before["firewall.letIn"], after["firewall.letIn"]) == (2, 0, 2)
    assert (before["firewall.shut"], after["firewall.shut"]) == ("22 3389", None)
    assert (before["account.state"], after["account.state"]) == ("locked", "usable")
    assert (before["account.ended"], before["account.passwordEnded"]) == (True, True)
    assert (after["account.ended"], after["account.passwordEnded"]) == (False, False)
    assert codes(found) == {"GuestFirewallTemporary"}
    assert found.run == "r1"
    assert "kelp-otter" not in told
    assert len(told.encode()) < OUTPUT_LIMIT, "the host keeps the end of what is printed"
    assert works.startswith("SSH-")
    assert {line.rpartition(":")[2] for line in works.splitlines() if ":" in line} >= {"22", "3389"}
    assert works.rstrip().endswith("600")
    assert '"failed":0' in undone
    assert undone.count("\n") == 1, "nothing of what is seen is another"
    assert again.strip() == str(linux_undo.NO_PLAN)
    for locale in ("en", "fr", "nl"):
        told_words = words.tell(found, locale)
        assert len(told_words.lines) == len(changes(found)) >= 15
        assert told_words.can_undo


def test_a_healthy_guest_stays_as_it_is(jail: Jail) -> None:
    script = f"""\
{SEEN}
# Of this one sshd only warns.
sed -i '1i UsePrivilegeSeparation yes' /etc/ssh/sshd_config
/etc/init.d/ssh start >/dev/null 2>&1
/etc/init.d/xrdp start >/dev/null
until ss -Hltn | grep -q ':22 ' && ss -Hltn | grep -q ':3389 '; do sleep 0.2; done
ss -Hltnp | grep -E ':(22|3389) ' | grep -o 'pid=[0-9]*' | sort -u >/tmp/p1
seen >/tmp/1
{reset(jail)}
seen >/tmp/2
ss -Hltnp | grep -E ':(22|3389) ' | grep -o 'pid=[0-9]*' | sort -u >/tmp/p2
diff /tmp/1 /tmp/2
diff /tmp/p1 /tmp/p2
[ -s /tmp/p1 ]
[ ! -e /var/lib/outofband/undo ]
"""
    found = read(jail.run(script))
    assert not changes(found)
    assert (found.problems, found.run) == ((), "")
    told = words.tell(found)
    assert (told.lines, told.can_undo) == ([], False)
    assert told.notes == ["Everything was as it should be; nothing was changed."]


def test_services_of_a_running_systemd(jail: Jail) -> None:
    script = f"""\
systemctl -q mask ssh.service
systemctl -q disable xrdp.service xrdp-sesman.service
sed -i 's/^port=3389/port=4489/' /etc/xrdp/xrdp.ini
state() {{ systemctl is-enabled ssh xrdp xrdp-sesman; systemctl is-active ssh xrdp xrdp-sesman; }}
state >/tmp/1 || :
{reset(jail)}
echo -----
{reset(jail, "r2")}
echo -----
{undo(jail)}
state >/tmp/2 || :
diff /tmp/1 /tmp/2
"""
    told, again, undone = sections(jail.run_booted(script))
    found = read(told)
    assert (found.before["service.ssh.enabled"], found.after["service.ssh.enabled"]) == ("masked", "enabled")
    assert (found.before["service.xrdp.runs"], found.after["service.xrdp.runs"]) == (False, True)
    assert (found.after["ssh.listens"], found.after["xrdp.listens"], found.problems) == (True, True, ())
    assert not changes(read(again)), "nothing is left to do"
    assert '"failed":0' in undone


# As the kernel and semanage print it; neither can be had here, so no more is shown than that it is read.
AVC = (
    'type=AVC msg=audit(1213176066.658:74): avc:  denied  {{ name_bind }} for  pid=17021 comm="sshd"'
    " src={port} scontext=system_u:system_r:sshd_t:s0-s0:c0.c1023 tcontext=system_u:object_r:port_t:s0"
    " tclass=tcp_socket permissive={permissive}"
)


def test_a_port_that_selinux_denies_by_the_words_of_its_log(jail: Jail) -> None:
    look = reset(jail, only_look=True)
    (jail.given / "denied").write_text(AVC.format(port=2222, permissive=0) + "\n")
    (jail.given / "permissive").write_text(AVC.format(port=2222, permissive=1) + "\n")
    (jail.given / "other").write_text(AVC.format(port=22, permissive=0).replace("sshd", "httpd") + "\n")
    (jail.given / "usual").write_text(AVC.format(port=22, permissive=0) + "\n")
    script = f"""\
mkdir -p /tmp/bin /var/log/audit /run/sshd
printf '#!/bin/sh\\necho Enforcing\\n' >/tmp/bin/getenforce
chmod 755 /tmp/bin/getenforce
PATH=/tmp/bin:$PATH
echo 'Port 2222' >>/etc/ssh/sshd_config
ssh-keygen -A >/dev/null
for case in denied permissive other; do
    cp /tmp/given/$case /var/log/audit/audit.log
    {look}
    echo -----
done
cp /tmp/given/denied /var/log/audit/audit.log
printf '#!/bin/sh\\necho "ssh_port_t                     tcp      22, 2200-2300"\\n' >/tmp/bin/semanage
chmod 755 /tmp/bin/semanage
{look}
echo -----
echo 'echo Permissive' >/tmp/bin/getenforce
rm /tmp/bin/semanage
{look}
echo -----
echo 'echo Enforcing' >/tmp/bin/getenforce
cp /tmp/given/usual /var/log/audit/audit.log
printf '#!/bin/sh\\nexit 1\\n' >/etc/init.d/ssh
{reset(jail)}
"""
    *looks, tried = (read(each) for each in sections(jail.run(script)))
    assert [each.before["ssh.deniedPort"] for each in looks] == [2222, None, None, None, None]
    assert "GuestPortLabelMissing" in codes(tried) and "GuestServiceFailed" not in {
        each.code for each in tried.problems if each.fields.get("port") == "22"
    }


def test_a_socket_of_systemd_listens_for_ssh(jail: Jail) -> None:
    """The service is then neither enabled nor running, as it should be."""
    script = f"""\
{BANNER}
systemctl -q disable ssh.service
systemctl -q enable --now ssh.socket
{reset(jail)} >/tmp/first
banner 22
echo
{reset(jail, "r2")}
echo -----
systemctl -q stop ssh.socket ssh.service
{reset(jail, "r3")}
"""
    healthy, mended = sections(jail.run_booted(script))
    assert healthy.startswith("SSH-")
    assert not changes(read(healthy))
    found = read(mended)
    assert (found.before["ssh.listens"], found.after["ssh.listens"]) == (False, True)
    assert found.after["service.ssh.enabled"] == "disabled"


@pytest.mark.parametrize("address", ["0.0.0.0", "127.0.0.1"])
def test_another_program_at_the_port_is_named_and_left_alone(jail: Jail, address: str) -> None:
    """xrdp cannot take the port of all addresses while somebody has it at one of them."""
    held = f"import socket as s, time; k = s.create_server(('{address}', 3389)); time.sleep(900)"
    script = f"""\
{SEEN}
python3 -c "{held}" >/dev/null 2>&1 &
until ss -Hltn | grep -q ':3389 '; do sleep 0.1; done
{reset(jail, only_look=True)}
echo -----
{reset(jail)}
echo -----
echo $!
kill $!
wait
{reset(jail, "r2")}
"""
    looked, tried, mended = sections(jail.run(script))
    pid, _, mended = mended.partition("\n")
    found = read(looked)
    assert found.before["xrdp.heldBy"] == f"python3 {pid}"
    [cause] = [each for each in causes(found, (Protocol.RDP,)) if each.code.startswith("GuestPort")]
    assert cause.fields == {"service": "xrdp", "port": "3389", "program": "python3", "pid": pid}
    told = read(tried)
    assert cause in told.problems and "GuestServiceFailed" not in codes(told)
    assert told.after["xrdp.heldBy"] == f"python3 {pid}", "it goes on"
    found = read(mended)
    assert (found.after["xrdp.heldBy"], found.after["xrdp.listens"]) == (None, True)


def test_a_look_loads_no_table_of_the_older_iptables(jail: Jail) -> None:
    """Whoever asks it for a table has the kernel make it, and load its module for that."""
    look = reset(jail, only_look=True)
    script = f"""\
mkdir /tmp/bin
for name in iptables ip6tables; do ln -s /usr/sbin/xtables-legacy-multi /tmp/bin/$name; done
PATH=/tmp/bin:$PATH
tables() {{ cat /proc/net/ip_tables_names /proc/net/ip6_tables_names; }}
{look} >/dev/null
tables
echo -----
iptables -A INPUT -p tcp --dport 22 -j REJECT
tables
{look}
echo -----
tables
"""
    before, told, after = sections(jail.run(script))
    assert before == ""
    assert told.splitlines()[0] == "filter" == after.strip()
    assert read(told).before["firewall.shut"] == 22, "the table that is there is read"


@pytest.mark.parametrize("kind", ["nft", "legacy"])
def test_iptables_keeps_its_own_rules(jail: Jail, kind: str) -> None:
    """Both makes of iptables: what it made in nftables is not touched with nft."""
    script = f"""\
{BANNER}
mkdir /tmp/bin
for name in iptables ip6tables; do ln -s /usr/sbin/xtables-{kind}-multi /tmp/bin/$name; done
PATH=/tmp/bin:$PATH
iptables -A INPUT -p tcp --dport 22 -j REJECT
iptables -P OUTPUT DROP
# The client is on this machine too.
iptables -A OUTPUT -p tcp --dport 22 -j ACCEPT
ip6tables -P INPUT DROP
ip6tables -S >/tmp/1; iptables -S >>/tmp/1
{reset(jail)}
echo -----
banner 22
iptables -S INPUT
{reset(jail, "r2")} >/dev/null
ls /var/lib/outofband/undo
echo -----
{undo(jail)}
ip6tables -S >/tmp/2; iptables -S >>/tmp/2
diff /tmp/1 /tmp/2
"""
    told, works, undone = sections(jail.run(script))
    found = read(told)
    assert "iptables" in str(found.after["firewall.kinds"])
    assert found.before["firewall.shut"] == "22 3389"
    # Port 3389 is free to come in by IPv4, and to go out by IPv6.
    assert found.after["firewall.letIn"] == 5
    lines = works.splitlines()
    assert lines[0].startswith("SSH-")
    assert "--comment outofband-r1 -j ACCEPT" in works
    assert works.index("-j ACCEPT") < works.index("-j REJECT")
    assert lines[-1] == "r1", "the second time there is nothing to do"
    assert '"failed":0' in undone


@pytest.mark.parametrize("shell", ["dash", "bash --posix"])
def test_a_look_changes_nothing(jail: Jail, shell: str) -> None:
    look = reset(jail, only_look=True).replace(" sh ", f" {shell} ")
    script = (
        f"{SEEN}seen >/tmp/1\n{look}\nseen >/tmp/2\ndiff /tmp/1 /tmp/2\n[ ! -e /var/lib/outofband/undo ]\n"
    )
    found = read(jail.run(script))
    assert found.before == found.after
    assert (found.before["ssh.listens"], found.before["xrdp.listens"]) == (False, False)
    assert found.run == ""


def test_a_service_that_does_not_come_up_says_why(jail: Jail) -> None:
    script = f"""\
rm -f /etc/ssh/ssh_host_*
printf '#!/bin/sh\\necho "cannot open the door" >&2\\nexit 1\\n' >/tmp/sorry
chmod 755 /tmp/sorry
cat /tmp/sorry >/etc/init.d/xrdp
{reset(jail, user="nobody")}
"""
    found = read(jail.run(script))
    assert (found.before["ssh.hostKeys"], found.after["ssh.listens"]) == (0, True)
    assert found.after["ssh.hostKeys"] == 3
    failed = next(each for each in found.problems if each.code == "GuestServiceFailed")
    assert failed.fields == {"service": "xrdp", "port": "3389", "detail": "cannot open the door"}
    assert {"GuestAccountNoPassword", "GuestAccountShell"} <= codes(found)
    told = words.tell(found, "nl")
    assert any("cannot open the door" in each.message for each in told.problems)


def test_a_configuration_that_is_no_configuration(jail: Jail) -> None:
    script = f"""\
echo 'Nonsense yes' >/etc/ssh/sshd_config.d/bad.conf
cp /etc/ssh/sshd_config /tmp/was
{reset(jail)}
echo -----
{undo(jail)}
cmp /tmp/was /etc/ssh/sshd_config && echo same
"""
    told, after = sections(jail.run(script))
    found = read(told)
    assert "Nonsense" in str(found.before["ssh.fault"])
    assert (found.after["ssh.fault"], found.after["ssh.listens"]) == (None, True)
    assert after.splitlines()[-1] == "same"


def test_a_step_killed_halfway_can_be_undone(jail: Jail) -> None:
    """The way back is written before the way there."""
    script = f"""\
{SEEN}
systemctl -q mask ssh.service 2>/dev/null
sed -i 's/^port=3389/port=4489/' /etc/xrdp/xrdp.ini
echo 'Port 2222' >>/etc/ssh/sshd_config
seen >/tmp/1
setsid sh -c '{reset(jail).replace("'", "")}' >/tmp/out &
pid=$!
until grep -qs 'unit mask ssh' /var/lib/outofband/undo/r1/plan; do :; done
# What it began goes with it: a unit that is enabled only now would be one that nobody undoes.
pkill -KILL -g $pid
while pgrep -g $pid >/dev/null; do sleep 0.1; done
{undo(jail)}
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    script = script.replace("protocols=ssh rdp", 'protocols="ssh rdp"')
    assert '"failed":0' in jail.run(script)


def test_a_step_that_is_begun_again_keeps_the_way_back_of_the_first(jail: Jail) -> None:
    script = f"""\
systemctl -q mask ssh.service 2>/dev/null
{reset(jail)}
sed -i 's/^port=3389/port=4489/' /etc/xrdp/xrdp.ini
{reset(jail)}
echo -----
{undo(jail)}
systemctl is-enabled ssh.service || :
grep '^port=' /etc/xrdp/xrdp.ini | head -n 1
"""
    _, undone = sections(jail.run(script))
    assert '"failed":0' in undone
    assert undone.splitlines()[1:] == ["masked", "port=4489"]


def test_a_card_without_an_address_and_settings_of_one_that_is_gone(jail: Jail) -> None:
    """Nobody answers DHCP here, and nobody asks: that is told, and the card is on."""
    script = f"""\
{NEIGHBOUR}
ip link set eth0 name new0
mkdir -p /etc/netplan
printf '%s\\n' 'match: {{ macaddress: 52:54:00:AA:BB:CC }}' >/etc/netplan/50-cloud-init.yaml
rules=/etc/udev/rules.d/70-persistent-net.rules
printf '%s\\n' '# 52:54:00:00:00:01' "$(cat /sys/class/net/new0/address)" >$rules
{jail.put("cards", reset_cards(every=True))}
echo -----
ip -o link show new0
ip addr add 10.1.2.3/24 dev new0
ip route add default via 10.1.2.1
{jail.put("cards", reset_cards(every=True))}
"""
    told, again = sections(jail.run(script))
    found = read(told)
    assert {each.code: each.fields for each in found.problems} == {
        "GuestCardSettingsOld": {"path": "/etc/netplan/50-cloud-init.yaml", "address": "52:54:00:aa:bb:cc"},
        "GuestCardWithoutAddress": {"card": "new0"},
    }
    assert found.before["cards.address"] == "new0="
    assert "UP" in again.splitlines()[0]
    with_address = read(again)
    assert with_address.after["cards.address"] == "new0=10.1.2.3"
    assert with_address.after["cards.route"] == "10.1.2.1 new0"
    assert codes(with_address) == {"GuestCardSettingsOld"}


def expired_certificate(folder: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "old")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=20))
        .not_valid_after(now - datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
