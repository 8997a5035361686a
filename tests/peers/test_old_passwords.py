"""A password that has to be changed, at a real sshd with PAM and without, in a Linux of its own."""

from __future__ import annotations

import os
import shlex
import shutil
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
    # As OpenSSH is: it asks for no locale, and so PAM speaks English to whoever comes by it.
    "asks-in-a-french-guest": ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"),
    "asks-in-french": ("UsePAM yes", "PasswordAuthentication no", "KbdInteractiveAuthentication yes"),
    "without-pam": ("UsePAM no", "PasswordAuthentication yes"),
}
FRENCH = """\
localedef -i fr_FR -f UTF-8 fr_FR.UTF-8
export LC_ALL=fr_FR.UTF-8
# PAM has it in French for who asks for his locale.
chage -d 0 bob
su bob -c true 2>&1 </dev/null | grep -q 'Mot de passe actuel'
chage -d $(($(date +%s) / 86400)) bob
"""
SPEAKS = """\
printf '%s\\n' '#include <locale.h>' \
    '__attribute__((constructor)) static void speak(void) { setlocale(LC_ALL, ""); }' >/tmp/speak.c
cc -shared -fPIC -o /tmp/speak.so /tmp/speak.c
export LD_PRELOAD=/tmp/speak.so
"""
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
    french, speaks = "french" in kind, kind == "asks-in-french"
    if french and not Path("/usr/share/i18n/locales/fr_FR").exists():
        pytest.skip("the package locales is not here")
    if speaks and shutil.which("cc") is None:
        pytest.skip("there is no compiler here")
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
{FRENCH if french else ""}
({SPEAKS if speaks else ""}
/usr/sbin/sshd -f /tmp/sshd_config)
{look} {PASSWORD} wrong-{PASSWORD}
chage -d 0 bob
{look} {PASSWORD}
chage -d 2020-01-01 -M 30 bob
{look} {PASSWORD} wrong-{PASSWORD}
""")
    # What is asked for in other words may be a second factor as well.
    old = "SshAsksMore" if speaks else "SshPasswordMustChange"
    assert told.splitlines() == [
        "works True",
        "SshWrongCredentials False",
        f"{old} False",
        f"{old} False",
        "SshWrongCredentials False",
    ]
