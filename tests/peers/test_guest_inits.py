"""Services of guests that no systemd starts: OpenRC with its own scripts, and the links of System V."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from outofband.wire.remote import Protocol
from outofband.wire.steps import linux_undo
from outofband.wire.steps.linux import reset_remote
from outofband.wire.steps.report import StepReport, System, changes
from tests.peers.jail import Jail, read
from tests.peers.systems import OPENRC, system

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
# As distributions that start with OpenRC write it; Debian has scripts of the older kind.
OWN_SCRIPT = """\
rm -f /etc/init.d/ssh /etc/rc?.d/*ssh /etc/runlevels/*/ssh
for each in starting started stopping inactive failed daemons options exclusive scheduled; do
    mkdir -p /run/openrc/$each
done
touch /run/openrc/softlevel
printf '%s\\n' '#!/sbin/openrc-run' 'command=/usr/sbin/sshd' 'pidfile=/run/sshd.pid' \\
    'start_pre() { mkdir -p /run/sshd; }' >/etc/init.d/sshd
chmod 755 /etc/init.d/sshd
"""
SYSTEM_V = """\
rm -f $(command -v rc-update systemctl)
update-rc.d ssh disable
"""


@pytest.fixture(scope="module")
def openrc() -> Path:
    return system(OPENRC)


def run(jail: Jail, prepare: str, name: str) -> tuple[StepReport, StepReport, str]:
    args = reset_remote((Protocol.SSH,), "r1")
    undo = linux_undo.undo(StepReport(step="x", system=System.LINUX, before={}, after={}, run="r1"))
    script = f"""\
{prepare}
seen() {{
    find /etc/rc?.d /etc/runlevels -name '*{name}' 2>/dev/null | sort
    ss -Hltn | awk '{{ print $4 }}' | sort
}}
seen >/tmp/1
{jail.put("reset", args)}
echo -----
{jail.put("again", reset_remote((Protocol.SSH,), "r2"))}
echo -----
{jail.put("undo", undo)}
seen >/tmp/2
diff /tmp/1 /tmp/2
"""
    told, again, undone = jail.run(script).split("-----\n")
    return read(told), read(again), undone


@pytest.mark.parametrize(
    ("prepare", "name"), [(OWN_SCRIPT, "sshd"), (SYSTEM_V, "ssh")], ids=["openrc", "sysv"]
)
def test_a_service_that_is_off_is_started_for_good_and_back(
    tmp_path: Path, openrc: Path, prepare: str, name: str
) -> None:
    found, again, undone = run(Jail(tmp_path, openrc), prepare, name)
    service = f"service.{name}"
    assert (found.before[f"{service}.enabled"], found.after[f"{service}.enabled"]) == ("disabled", "enabled")
    assert (found.before[f"{service}.runs"], found.after[f"{service}.runs"]) == (False, True)
    assert (found.before["ssh.listens"], found.after["ssh.listens"]) == (False, True)
    assert found.problems == ()
    assert not changes(again), "nothing is left to do"
    assert '"failed":0' in undone
