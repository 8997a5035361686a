"""A password that has to be changed, at a real sshd with PAM and without, in a Linux of its own."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

import pytest

import outofband
from tests.peers.jail import Jail

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="a Linux of its own is only root's to make")
PASSWORD = "kelp-otter-42"
SERVERS = {
    "password": ("UsePAM yes", "PasswordAuthentication yes", "KbdInteractiveAuthentication no"),
    "asks": ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"),
    "without-pam": ("UsePAM no", "PasswordAuthentication yes"),
}
LOOK = """\
import asyncio, sys
from outofband.net.remote.look import look
from outofband.wire.rdp.credssp import User
from outofband.wire.remote import Protocol

for password in sys.argv[2:]:
    seen = asyncio.run(look("127.0.0.1", Protocol.SSH, port=int(sys.argv[1]), user=User("bob", password)))
    print(seen.problem.code if seen.problem else "works", seen.evidence["ssh"].get("signedIn"))
"""


@pytest.mark.parametrize("kind", SERVERS)
def test_it_is_told_as_what_it_is(tmp_path: Path, kind: str) -> None:
    jail = Jail(tmp_path)
    (jail.given / "look.py").write_text(LOOK)
    source = jail.given / "source"
    source.mkdir()
    package = Path(outofband.__file__).parent
    lines = " ".join(map(shlex.quote, ("Port 2201", "ListenAddress 127.0.0.1", *SERVERS[kind])))
    look = f"{shlex.quote(sys.executable)} /tmp/given/look.py 2201"
    told = jail.run(f"""\
ln -s {shlex.quote(str(package))} /tmp/given/source/outofband
export PYTHONPATH=/tmp/given/source
useradd -m -s /bin/sh bob
echo bob:{PASSWORD} | chpasswd
ssh-keygen -A >/dev/null
mkdir -p /run/sshd
printf '%s\\n' {lines} >/tmp/sshd_config
/usr/sbin/sshd -f /tmp/sshd_config
{look} {PASSWORD} wrong-{PASSWORD}
chage -d 0 bob
{look} {PASSWORD}
chage -d 2020-01-01 -M 30 bob
{look} {PASSWORD} wrong-{PASSWORD}
""")
    assert told.splitlines() == [
        "works True",
        "SshWrongCredentials False",
        "SshPasswordMustChange False",
        "SshPasswordMustChange False",
        "SshWrongCredentials False",
    ]
