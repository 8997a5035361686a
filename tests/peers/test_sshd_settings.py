"""Where sshd listens as the step reads it while sshd is stopped, held to where a real one then listens."""

from __future__ import annotations

import os

import pytest

from outofband.wire.remote import Protocol
from outofband.wire.steps.causes import causes
from outofband.wire.steps.linux import reset_remote
from tests.peers.jail import Jail, read
from tests.peers.resets import BOTH, jail, reset, sections, undo

__all__ = ["jail"]

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
# Lines of sshd_config, then those of a file that it includes; whether only the loopback hears of it.
SETTINGS: tuple[tuple[str, str, bool], ...] = (
    ("", "", False),
    ("Port 2222", "", False),
    ("port=2222", "", False),
    ('Port "2222" # ours', "", False),
    ("Port 2222|Port 22", "", False),
    ("#Port 2222", "", False),
    ("Include /etc/ssh/more.conf", "Port 2222", False),
    ("Port 2200|Include /etc/ssh/more.conf", "Port 2222", False),
    ("Include more.conf", "Port 2222", False),
    ("Include /etc/ssh/m*.conf", "ListenAddress 0.0.0.0:2222", False),
    ("Include /etc/ssh/nowhere/*.conf", "Port 2222", False),
    ("ListenAddress 0.0.0.0:2222", "", False),
    ("Port 2222|ListenAddress 0.0.0.0:2200", "", False),
    ("ListenAddress 0.0.0.0|Port 2222", "", False),
    ("Port 2222|AddressFamily inet", "", False),
    ("ListenAddress [::]:2222", "", False),
    ("ListenAddress ::", "", False),
    ("ListenAddress 10.1.2.3:2222", "", False),
    # Nobody listens with these.
    ("ListenAddress 10.1.2.3 2222", "", False),
    ("Port 2222|Match all|Port 2200", "", False),
    ("ListenAddress 10.1.2.3|Port 2222|Port 2200", "", False),
    ("ListenAddress 127.0.0.1", "", True),
    ("ListenAddress localhost:2222", "", True),
    ("ListenAddress ::1", "", True),
    ("ListenAddress 127.0.0.1:2200|ListenAddress 10.1.2.3:2222", "", False),
    (
        "Match User bob|X11Forwarding no|Match all|Include /etc/ssh/more.conf",
        "PasswordAuthentication no",
        False,
    ),
    ("Match LocalPort 2222|PasswordAuthentication no", "", False),
    ("Match User bob|Include /etc/ssh/more.conf", "PasswordAuthentication no", False),
)
KEYLESS = 3
"""So many of them once more without host keys, without which sshd itself says nothing."""


def test_as_a_real_one_listens(jail: Jail) -> None:
    look = jail.put("look", reset_remote((Protocol.SSH,), "r1", only_look=True))
    cases = [*((each, "keys") for each in SETTINGS), *((each, "") for each in SETTINGS[:KEYLESS])]
    words = "\n".join(f"one '{main}' '{more}' '{keys}'" for (main, more, _), keys in cases)
    told = jail.run(f"""\
ip addr add 10.1.2.3/24 dev lo
rm -f /etc/ssh/ssh_host_*
ssh-keygen -q -t ed25519 -N '' -f /tmp/key
one() {{
    printf '%s\\n' "$1" | tr '|' '\\n' >/etc/ssh/sshd_config
    rm -rf /etc/ssh/more.conf /etc/ssh/ssh_host_ed25519_key /run/sshd
    [ -z "$2" ] || printf '%s\\n' "$2" >/etc/ssh/more.conf
    [ -z "$3" ] || cp /tmp/key /etc/ssh/ssh_host_ed25519_key
    {{ cat /proc/mounts; ls -l /etc/ssh /run; }} >/tmp/before
    {look}
    {{ cat /proc/mounts; ls -l /etc/ssh /run; }} | diff /tmp/before -
    echo =
    mkdir /run/sshd
    [ -n "$3" ] || cp /tmp/key /etc/ssh/ssh_host_ed25519_key
    /usr/sbin/sshd -D 2>/dev/null &
    pid=$!
    # It listens everywhere when it writes that file; one that does not take its settings is gone.
    until [ -s /run/sshd.pid ] || ! kill -0 $pid 2>/dev/null; do sleep 0.05; done
    places=$(ss -Hltnp | grep "pid=$pid," | awk '{{ print $4 }}')
    outer=$(printf '%s\\n' "$places" | grep -vE '^(127[.]|.::1.)' || printf '%s\\n' "$places")
    printf '%s\\n' "$outer" | sed 's/.*://' | sort -un | tr '\\n' ' '
    kill $pid 2>/dev/null || :
    wait $pid || :
    rm -f /run/sshd.pid
    echo; echo -----
}}
{words}
""")
    each = sections(told)[:-1]
    assert len(each) == len(cases)
    for ((main, more, only_local), keys), text in zip(cases, each, strict=True):
        looked, _, listened = text.partition("=\n")
        found = read(looked)
        assert str(found.before["ssh.port"] or "") == listened.strip(), (main, more, keys)
        assert found.before["ssh.onlyLocal"] is only_local, (main, more, keys)


def test_an_address_with_a_port_of_its_own_is_brought_to_the_usual_one(jail: Jail) -> None:
    told, listens, undone = sections(
        jail.run(f"""\
echo 'ListenAddress 0.0.0.0:2222' >>/etc/ssh/sshd_config
cp -p /etc/ssh/sshd_config /tmp/was
{reset(jail)}
echo -----
ss -Hltn | awk '{{ print $4 }}'
echo -----
{undo(jail)}
cmp /etc/ssh/sshd_config /tmp/was
""")
    )
    found = read(told)
    assert (found.before["ssh.port"], found.after["ssh.port"]) == (2222, 22)
    assert "GuestPortChanged" in {each.code for each in causes(found, BOTH)}
    assert found.after["ssh.listens"] is True and "0.0.0.0:22\n" in listens
    assert '"failed":0' in undone


SOCKET = """\
mkdir -p /etc/systemd/system/ssh.socket.d
printf '%s\\n' '[Socket]' ListenStream= ListenStream=2222 >/etc/systemd/system/ssh.socket.d/port.conf
systemctl daemon-reload
systemctl -q disable ssh.service
"""


def test_a_socket_of_systemd_says_where_it_listens(jail: Jail) -> None:
    """What sshd_config says counts for nothing there. It has served somebody, so its service runs."""
    told, works, undone = sections(
        jail.run_booted(f"""\
{SOCKET}
banner() {{ timeout 30 bash -c "exec 3<>/dev/tcp/127.0.0.1/$1 && head -c 4 <&3" || echo closed; }}
systemctl -q enable --now ssh.socket
banner 2222 >/dev/null
systemctl -q is-active ssh.service
cp -p /etc/ssh/sshd_config /tmp/was
{reset(jail)}
cmp /etc/ssh/sshd_config /tmp/was
echo -----
banner 22
echo; echo -----
{undo(jail)}
banner 2222
ls /etc/systemd/system/ssh.socket.d
""")
    )
    found = read(told)
    assert (found.before["ssh.port"], found.after["ssh.port"]) == (2222, 22)
    assert (found.before["ssh.listens"], found.after["ssh.listens"]) == (False, True)
    assert found.problems == ()
    assert "GuestPortChanged" in {each.code for each in causes(found, BOTH)}
    assert works == "SSH-\n"
    assert '"failed":0' in undone.splitlines()[0]
    assert undone.splitlines()[1:] == ["SSH-port.conf"]


def test_a_stopped_socket_is_looked_at_and_a_stopped_service_has_its_own(jail: Jail) -> None:
    socket, service = sections(
        jail.run_booted(f"""\
{SOCKET}
systemctl -q enable ssh.socket
systemctl -q stop ssh.socket ssh.service 2>/dev/null || :
{reset(jail, only_look=True)}
! [ -e /run/sshd ]
echo -----
systemctl -q disable ssh.socket
echo 'Port 2200' >>/etc/ssh/sshd_config
{reset(jail, only_look=True)}
! [ -e /run/sshd ]
""")
    )
    assert read(socket).before["ssh.port"] == 2222
    assert read(service).before["ssh.port"] == 2200
