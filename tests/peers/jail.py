"""A Linux of its own for a moment: the files of this machine, or of another, under an overlay, with other
processes and no network.

What a script does there to accounts, services and firewalls is gone with it. Needs root, as in a guest.
"""

from __future__ import annotations

import subprocess
from pathlib import Path

from outofband.wire.script import RunArgs
from outofband.wire.steps import report
from outofband.wire.steps.report import StepReport

SECONDS = 300
_ENTER = """\
set -e
mount -t tmpfs tmpfs "$1"
cd "$1"
mkdir up work root
mount -t overlay overlay -o "lowerdir=$5,upperdir=up,workdir=work" root
cd root
[ "$5" != / ] || mount --bind /usr usr
mount -t proc proc proc
mount -t tmpfs tmpfs run
mount -t tmpfs tmpfs tmp
mount --rbind /dev dev
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
ip link set lo up
mkdir tmp/given
printf '%s' "$2" >tmp/script
cp -r "$3/." tmp/given/
"""
_PLAIN = "exec chroot . /bin/sh -e /tmp/script\n"
# systemd with one unit, and nothing of this machine's that would reach for hardware or wait for it.
_BOOTED = """\
mkdir mnt/out
mount --bind "$4" mnt/out
rm -rf etc/systemd/system/*.wants
for each in systemd-journald.service systemd-journald.socket systemd-journald-dev-log.socket \\
    systemd-journald-audit.socket systemd-logind.service systemd-udevd.service systemd-udev-trigger.service \\
    systemd-tmpfiles-setup-dev.service systemd-tmpfiles-setup.service tmp.mount $6; do
    ln -sf /dev/null "etc/systemd/system/$each"
done
# As in a container: nobody waits for udev to know a card.
mount -o remount,ro,bind sys
printf '%s\n' '[Unit]' 'Wants=look.service' >etc/systemd/system/look.target
printf '%s\n' '[Unit]' 'DefaultDependencies=no' '[Service]' 'Type=oneshot' \\
    'StandardOutput=file:/mnt/out/out' 'StandardError=file:/mnt/out/err' 'ExecStart=/bin/sh -e /tmp/script' \\
    'ExecStopPost=/bin/sh -c "echo $$EXIT_STATUS >/mnt/out/status"' \\
    'ExecStopPost=systemctl exit 0 --force --no-block' >etc/systemd/system/look.service
export container=other
exec chroot . /lib/systemd/systemd --system --unit=look.target --show-status=0 --log-level=err
"""


class Jail:
    """`given` is a folder whose files are in /tmp/given there, `root` has the system that runs.

    With `bus` a systemd there has D-Bus, too.
    """

    def __init__(self, folder: Path, root: Path = Path("/"), *, bus: bool = False) -> None:
        self._system = root
        self._masked = "" if bus else "dbus.service dbus.socket"
        self._root = folder / "jail"
        self.given = folder / "given"
        self._out = folder / "out"
        for each in (self._root, self.given, self._out):
            each.mkdir()

    def put(self, name: str, args: RunArgs, shell: str = "sh") -> str:
        """Words that run a script there, as the host's agent would: its variables in the environment."""
        (self.given / name).write_text(args.text)
        named = " ".join(f"{each.name}='{each.value}'" for each in args.parameters)
        return f"{named} {shell} /tmp/given/{name}"

    def run(self, script: str) -> str:
        """What a script of ours printed there. Raises AssertionError unless it ended well."""
        done = self._enter(_PLAIN, script)
        assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
        return done.stdout

    def run_booted(self, script: str) -> str:
        """The same under a systemd of its own."""
        done = self._enter(_BOOTED, script)
        told = {path.name: path.read_text() for path in self._out.iterdir()}
        assert told.get("status", "").strip() == "0", f"{done.stdout}\n{done.stderr}\n{told}"
        return told["out"]

    def _enter(self, how: str, script: str) -> subprocess.CompletedProcess[str]:
        words = ["unshare", "-mnpiC", "--fork", "--kill-child", "sh", "-c", _ENTER + how, "sh"]
        return subprocess.run(
            [*words, self._root, script, self.given, self._out, self._system, self._masked],
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def read(output: str) -> StepReport:
    return report.parse(output)


def codes(found: StepReport) -> set[str]:
    return {each.code for each in found.problems}
