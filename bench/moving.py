"""`python -m bench.moving`: a VM's disk to another host, beside scp and rsync of the same file over loopback.

Everything is as it is used: control plane, two agents, TLS, chunks stored and read back. A redeploy stores
the disk at the control plane and fetches it from there, so its bytes cross the loopback twice, are hashed
four times and reach a disk twice; those of scp and rsync cross it once, by SSH, and may be in memory at last.
The figure is the whole command, with the stop and the start.

With `--mbit` all of it runs in a network of its own whose loopback carries so much in each direction, to a
server and from it, as a line of full duplex does; root's alone.
"""

from __future__ import annotations

import argparse
import getpass
import hashlib
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from bench.processes import cpu_seconds
from bench.system import free_port
from outofband.net import process

OOB = (sys.executable, "-m", "outofband.cli")
PROGRAM = '[programs.keeper]\ncommand = ["sh", "-c", "echo up; exec cat"]\n'
VM = "mover"
MIB = 1024 * 1024
READY_SECONDS = 60.0


def main() -> None:
    chosen = argparse.ArgumentParser(prog="python -m bench.moving", description="A disk to another host.")
    chosen.add_argument(
        "--mib", type=int, default=1024, help="of random bytes on the disk (default %(default)s)"
    )
    chosen.add_argument("--rounds", type=int, default=3, help="alternating runs (default %(default)s)")
    chosen.add_argument("--mbit", type=int, help="megabits a second to each server, and from it")
    given = chosen.parse_args()
    if given.mbit:
        _apart()
    with tempfile.TemporaryDirectory(prefix="oob-bench-") as folder:
        bench = Bench(Path(folder), given.mbit)
        try:
            bench.run(given.mib, given.rounds)
        finally:
            bench.close()


class Taken(NamedTuple):
    """How long it took, and of all processors together."""

    seconds: float
    cpu: float


Copy = Callable[[Path], None]


class Bench:
    def __init__(self, root: Path, mbit: int | None = None) -> None:
        root.chmod(0o700)
        self._root, self._mbit = root, mbit
        self._states = [root / "one", root / "two"]
        for state in self._states:
            state.mkdir(mode=0o700)
        self._second: subprocess.Popen[bytes] | None = None
        self._sshd: subprocess.Popen[bytes] | None = None
        self._lines = 0

    def run(self, mib: int, rounds: int) -> None:
        self._sshd_up()
        self._house_up()
        self._oob(0, "vm", "create", VM, "--driver", "pty", "--program", "keeper")
        disk = self._disk()
        wanted = _fill(disk, mib)
        taken: dict[str, list[Taken]] = {}
        for _ in range(rounds):
            for name, copy in (*self._peers().items(), ("redeploy", self._redeploy)):
                taken.setdefault(name, []).append(self._timed(copy, self._disk()))
            found = hashlib.sha256(self._disk().read_bytes()).hexdigest()
            assert found == wanted, "the disk is another one"
        _report(mib, taken)

    def close(self) -> None:
        for state in self._states:
            subprocess.run(
                [*OOB, "vm", "delete", VM, "--yes"], env=_env(state), capture_output=True, check=False
            )
        subprocess.run([*OOB, "down"], env=_env(self._states[0]), capture_output=True, check=False)
        for child in (self._second, self._sshd):
            if child is not None:
                child.send_signal(signal.SIGTERM)
                child.wait(30)

    # --- the systems ---

    def _peers(self) -> dict[str, Copy]:
        return {"scp": self._scp, **({"rsync": self._rsync} if shutil.which("rsync") else {})}

    def _redeploy(self, _: Path) -> None:
        self._oob(0, "vm", "redeploy", VM, "--yes", seconds=3600)

    def _scp(self, disk: Path) -> None:
        target = self._root / "copied"
        target.unlink(missing_ok=True)
        _run([*self._ssh("scp", "-P"), str(disk), f"{getpass.getuser()}@127.0.0.1:{target}"])

    def _rsync(self, disk: Path) -> None:
        target = self._root / "copied"
        target.unlink(missing_ok=True)
        shell = " ".join(self._ssh("ssh", "-p"))
        _run(["rsync", "--whole-file", "-e", shell, str(disk), f"{getpass.getuser()}@127.0.0.1:{target}"])

    def _ssh(self, program: str, port: str) -> list[str]:
        known = ("-o", "StrictHostKeyChecking=no", "-o", f"UserKnownHostsFile={self._root}/known")
        return [program, "-q", "-i", f"{self._root}/key", *known, port, str(self._port)]

    # --- the place ---

    def _sshd_up(self) -> None:
        self._port = free_port()
        self._narrow(self._port)
        for name in ("key", "host"):
            _run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(self._root / name)])
        shutil.copy(self._root / "key.pub", self._root / "authorized")
        config = self._root / "sshd_config"
        config.write_text(
            f"ListenAddress 127.0.0.1:{self._port}\nHostKey {self._root}/host\nPidFile none\nUsePAM no\n"
            f"AuthorizedKeysFile {self._root}/authorized\nStrictModes no\nSubsystem sftp internal-sftp\n"
        )
        Path("/run/sshd").mkdir(exist_ok=True)
        program = shutil.which("sshd") or "/usr/sbin/sshd"
        with (self._root / "sshd.log").open("wb") as log:
            self._sshd = subprocess.Popen([program, "-D", "-e", "-f", str(config)], stderr=log)

    def _house_up(self) -> None:
        ports = ("--port", str(free_port()), "--console-port", str(free_port()))
        self._narrow(int(ports[1]))
        self._oob(0, "up", "--no-demo", *ports)
        token = self._root / "token"
        token.write_text(self._oob(0, "agent", "token"))
        token.chmod(0o600)
        server = f"https://127.0.0.1:{ports[1]}"
        self._oob(1, "agent", "enroll", "--server", server, "--token-file", str(token), "--name", "two")
        for state in self._states:
            (state / "agent").mkdir(mode=0o700, exist_ok=True)
            with (state / "agent" / "agent.toml").open("a") as config:
                config.write(f"\n{PROGRAM}")
        self._oob(0, "down")
        self._oob(0, "up", "--no-demo", *ports)
        with (self._root / "two.log").open("wb") as log:
            self._second = subprocess.Popen(
                [*OOB, "agent", "run"], env=_env(self._states[1]), stdout=log, stderr=log
            )
        until = time.monotonic() + READY_SECONDS
        while (
            sum(each["connected"] for each in json.loads(self._oob(0, "status", "-o", "json"))["hosts"]) < 2
        ):
            if time.monotonic() > until:
                raise TimeoutError(f"two hosts: {(self._root / 'two.log').read_text()[-2000:]}")
            time.sleep(0.2)

    def _narrow(self, port: int) -> None:
        """A server's line: what goes to this port has its own share, what comes from it another one."""
        if self._mbit is None:
            return
        for direction in ("dport", "sport"):
            self._lines += 1
            line, rate = f"1:{self._lines + 10:x}", f"{self._mbit}mbit"
            tc = ["tc", "class", "add", "dev", "lo", "parent", "1:", "classid", line]
            _run(
                [
                    *tc,
                    "htb",
                    "rate",
                    rate,
                    "ceil",
                    rate,
                    "burst",
                    "256k",
                    "cburst",
                    "256k",
                    "quantum",
                    "65536",
                ]
            )
            match = ["match", "ip", direction, str(port), "0xffff"]
            tc = ["tc", "filter", "add", "dev", "lo", "parent", "1:", "protocol", "ip", "u32"]
            _run([*tc, *match, "flowid", line])

    def _disk(self) -> Path:
        [folder] = [
            each.parent for state in self._states for each in state.glob("agent/machines/*/machine.json")
        ]
        return folder / "disk"

    def _oob(self, which: int, *words: str, seconds: float = 180) -> str:
        return _run([*OOB, *words], env=_env(self._states[which]), seconds=seconds)

    def _timed(self, work: Copy, disk: Path) -> Taken:
        os.sync()
        began, cpu = time.monotonic(), self._cpu()
        work(disk)
        return Taken(time.monotonic() - began, self._cpu() - cpu)

    def _cpu(self) -> float:
        """Processor time so far: of everything that was run, of the house, and of SSH's sessions."""
        own = os.times()
        running = [process.running(self._states[0] / "run" / f"{name}.json") for name in ("control", "agent")]
        pids = [found.pid for found in running if found is not None]
        assert self._second is not None and self._sshd is not None
        stat = Path(f"/proc/{self._sshd.pid}/stat").read_text().rpartition(")")[2].split()
        sessions = (int(stat[13]) + int(stat[14])) / os.sysconf("SC_CLK_TCK")
        return own.children_user + own.children_system + sessions + cpu_seconds([*pids, self._second.pid])


def _apart() -> None:
    """Go on in a network of its own, with a loopback that can be narrowed."""
    if os.environ.get("OOB_BENCH_APART") is None:
        words = ["unshare", "--net", sys.executable, "-m", "bench.moving", *sys.argv[1:]]
        os.execvpe(words[0], words, {**os.environ, "OOB_BENCH_APART": "yes"})
    _run(["ip", "link", "set", "lo", "up"])
    _run(["tc", "qdisc", "add", "dev", "lo", "root", "handle", "1:", "htb"])


def _env(state: Path) -> dict[str, str]:
    return {**os.environ, "OOB_STATE": str(state)}


def _run(command: list[str], env: dict[str, str] | None = None, seconds: float = 3600) -> str:
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=seconds, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"{command[:6]}: {done.stderr or done.stdout}")
    return done.stdout


def _fill(disk: Path, mib: int) -> str:
    found = hashlib.sha256()
    with disk.open("wb") as file:
        for _ in range(mib):
            piece = os.urandom(MIB)
            found.update(piece)
            file.write(piece)
    return found.hexdigest()


def _report(mib: int, taken: dict[str, list[Taken]]) -> None:
    own = taken["redeploy"]
    for name, each in taken.items():
        seconds = statistics.median(one.seconds for one in each)
        cpu = statistics.median(one.cpu for one in each)
        print(
            f"{name:9} {seconds:7.1f} s {mib / seconds:6.0f} MiB/s {cpu:6.1f} s of processor; redeploy takes"
            f" {_ratio([(a.seconds, b.seconds) for a, b in zip(own, each, strict=True)])} times as long,"
            f" {_ratio([(a.cpu, b.cpu) for a, b in zip(own, each, strict=True)])} times the processor"
        )


def _ratio(pairs: list[tuple[float, float]]) -> str:
    found = [one / other for one, other in pairs]
    return f"{statistics.median(found):.1f} ({min(found):.1f} to {max(found):.1f})"


if __name__ == "__main__":
    main()
