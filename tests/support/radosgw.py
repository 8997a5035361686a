"""A throw-away Ceph cluster with an S3 gateway: one monitor, one store in memory, one gateway."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import time
import urllib.error
import urllib.request
import uuid
from pathlib import Path

from tests.support.ports import lasting_ports

PROGRAMS = ("radosgw", "radosgw-admin", "ceph", "ceph-mon", "ceph-osd", "ceph-mgr", "monmaptool")
_READY_SECONDS = 120.0
_CONFIG = """\
[global]
fsid = {fsid}
mon host = [v2:127.0.0.1:{mon2},v1:127.0.0.1:{mon1}]
mon initial members = a
public network = 127.0.0.0/8
ms bind ipv6 = false
auth cluster required = none
auth service required = none
auth client required = none
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon warn on pool no redundancy = false
mon max pg per osd = 1000
mgr initial modules =
ms mon client mode = crc
ms mon cluster mode = crc
ms mon service mode = crc
run dir = {root}/run
admin socket = {root}/run/$cluster-$name.asok
log file = {root}/log/$name.log
[mon.a]
mon data = {root}/mon
[osd.0]
osd data = {root}/osd0
osd objectstore = memstore
memstore device bytes = 1073741824
[mgr.x]
mgr data = {root}/mgr
[client.rgw]
rgw frontends = beast endpoint=127.0.0.1:{rgw}
rgw thread pool size = 16
rgw enable usage log = false
rgw dns name = 127.0.0.1
"""


def missing() -> list[str]:
    """Programs that are not installed (Debian: radosgw, ceph-mon, ceph-osd, ceph-mgr, ceph-common)."""
    return [name for name in PROGRAMS if shutil.which(name) is None]


class RadosGateway:
    """Use as a context manager; `url`, `access_key` and `secret_key` say how to reach it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.access_key, self.secret_key = "labkey", secrets.token_hex(16)
        self._running: list[subprocess.Popen[bytes]] = []
        mon2, mon1, self.port = lasting_ports(3)
        self.url = f"http://127.0.0.1:{self.port}"
        for folder in ("mon", "osd0", "run", "log", "mgr"):
            (root / folder).mkdir()
        self._fsid = str(uuid.uuid4())
        self._mon2, self._mon1 = mon2, mon1
        config = _CONFIG.format(root=root, fsid=self._fsid, mon2=mon2, mon1=mon1, rgw=self.port)
        (root / "ceph.conf").write_text(config)

    def __enter__(self) -> RadosGateway:
        try:
            self._start()
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._stop()

    def kill(self) -> None:
        """kill -9 of the gateway alone: what it had stored stays."""
        gateway = self._running.pop()
        gateway.send_signal(signal.SIGKILL)
        gateway.wait()

    def start_again(self) -> None:
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait()

    def _start(self) -> None:
        address = f"[v2:127.0.0.1:{self._mon2},v1:127.0.0.1:{self._mon1}]"
        create = [
            "monmaptool",
            "--create",
            "--addv",
            "a",
            address,
            "--fsid",
            self._fsid,
            "--clobber",
            "monmap",
        ]
        self._run(*create)
        self._run("ceph-mon", "-i", "a", "--mkfs", "--monmap", "monmap")
        self._spawn("ceph-mon", "-i", "a")
        self._insist("ceph", "-s")
        disk = str(uuid.uuid4())
        self._run("ceph", "osd", "new", disk, "0")
        self._run("ceph-osd", "-i", "0", "--mkfs", "--osd-uuid", disk)
        self._spawn("ceph-osd", "-i", "0")
        self._spawn("ceph-mgr", "-i", "x")
        self._insist("ceph", "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=lab")
        self._run("ceph", "osd", "set-require-min-compat-client", "jewel")
        self._spawn("radosgw", "-n", "client.rgw")
        self._wait()
        self._run(
            "radosgw-admin",
            "user",
            "create",
            "--uid=lab",
            "--display-name=lab",
            f"--access-key={self.access_key}",
            f"--secret-key={self.secret_key}",
        )

    def _stop(self) -> None:
        for process in reversed(self._running):
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGKILL)
            process.wait()
        self._running.clear()

    def _wait(self) -> None:
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                with urllib.request.urlopen(self.url, timeout=5):
                    return
            except (urllib.error.URLError, OSError):
                if time.monotonic() > deadline:
                    raise AssertionError("radosgw did not come up") from None
                time.sleep(0.2)

    def _insist(self, *command: str) -> None:
        """Again until it works: daemons need a moment."""
        deadline = time.monotonic() + _READY_SECONDS
        while True:
            try:
                self._run(*command)
                return
            except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
                if time.monotonic() > deadline:
                    raise

    def _run(self, *command: str) -> None:
        subprocess.run(
            command, cwd=self.root, env=self._environment, check=True, capture_output=True, timeout=60
        )

    def _spawn(self, *command: str) -> None:
        with (self.root / "log" / f"{command[0]}.out").open("wb") as out:
            process = subprocess.Popen(
                [*command, "-f"], cwd=self.root, env=self._environment, stdout=out, stderr=out
            )
        self._running.append(process)

    @property
    def _environment(self) -> dict[str, str]:
        return {**os.environ, "CEPH_CONF": str(self.root / "ceph.conf")}
