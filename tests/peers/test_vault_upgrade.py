"""A state directory left by the version before the vault: it starts, everything is sealed, nothing is lost.

`tests/support/before_vault.tar.xz` was made by that version: `oob serve`, one storage account, stopped.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from outofband.net import process
from tests.peers.house import OOB, until
from tests.support.ports import lasting_ports

BEFORE = Path(__file__).parents[1] / "support" / "before_vault.tar.xz"
SEALED = {"ca.key", "ca-next.key", "server.key"}


class Old:
    """Unpacked in a folder; `start` runs this version on it."""

    def __init__(self, root: Path) -> None:
        root.mkdir(mode=0o700)
        with tarfile.open(BEFORE) as packed:
            packed.extractall(root, filter="data")
        self.root = root
        self.database = root / "control" / "control.db"
        self.pki = root / "control" / "pki"
        self.told = json.loads((root / "told.json").read_text())
        self.env = {**os.environ, "OOB_STATE": str(root)}
        self.ports = lasting_ports(2)
        self.running: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        ports = ["--port", str(self.ports[0]), "--console-port", str(self.ports[1])]
        with (self.root / "log").open("ab") as log:
            self.running = subprocess.Popen([*OOB, "serve", *ports], env=self.env, stdout=log, stderr=log)

    def ready(self) -> bool:
        assert self.running is not None and self.running.poll() is None, (self.root / "log").read_text()
        found = process.running(self.root / "run" / "control.json")
        return found is not None and found.ready

    def stop(self, number: int = signal.SIGTERM) -> None:
        if self.running is not None:
            self.running.send_signal(number)
            self.running.wait(30)
            self.running = None

    def json(self, *words: str) -> Any:
        done = subprocess.run(
            [*OOB, *words, "-o", "json"], env=self.env, capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def wraps(self) -> set[str]:
        with sqlite3.connect(self.database, timeout=10) as database:
            rows = database.execute("SELECT wrap FROM signing_keys UNION SELECT wrap FROM storage_accounts")
            found = {row[0] for row in rows}
        database.close()
        return found

    def secrets(self) -> list[bytes]:
        """What lies in clear before: the private parts of the signing keys."""
        with sqlite3.connect(self.database) as database:
            rows = database.execute("SELECT private FROM signing_keys").fetchall()
        database.close()
        return [json.loads(row[0])["d"].encode() for row in rows]

    def files(self) -> bytes:
        return b"".join(each.read_bytes() for each in self.database.parent.glob("control.db*"))


@pytest.fixture
def old(tmp_path: Path) -> Iterator[Old]:
    made = Old(tmp_path / "state")
    yield made
    made.stop(signal.SIGKILL)


def whole(old: Old, fingerprint: str) -> None:
    """It serves, with the keys and the authority of before, and nothing lies in clear."""
    until("it is ready", old.ready)
    assert old.json("trust")["fingerprint"] == fingerprint
    assert old.json("keys", "status")["clear"] == 0
    assert len(old.wraps()) == 1
    keys = subprocess.run(
        [sys.executable, "-c", ASK, old.told["account"]], env=old.env, capture_output=True, text=True
    )
    assert keys.stdout.strip() == old.told["key1"], keys.stderr
    assert all(b"PRIVATE KEY" not in (old.pki / each).read_bytes() for each in SEALED)


ASK = """
import sys
from outofband.cli import options
from outofband.core.paths import state_dir
with options.sign_in(state_dir()) as client:
    answer = client.post(sys.argv[1] + "/listKeys", version="2023-05-01")
print(answer["keys"][0]["value"])
"""


def test_what_the_version_before_left_is_sealed_and_works(old: Old) -> None:
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert((old.pki / "ca.pem").read_text())).hexdigest()
    clear = old.secrets()
    assert clear and all(each in old.files() for each in clear)
    assert old.wraps() == {"none", next(each for each in old.wraps() if each.startswith("aesgcm:"))}
    old.start()
    whole(old, fingerprint)
    assert not any(each in old.files() for each in clear)
    old.stop()
    old.start()
    whole(old, fingerprint)
    assert not any(each in old.files() for each in clear)
    # A copy of the database alone opens nothing.
    assert base64.b64decode(old.told["key1"]) not in old.files()


@pytest.mark.parametrize("seconds", [0.8, 1.2, 1.5, 1.8, 2.2])
def test_killed_while_it_upgrades(old: Old, seconds: float) -> None:
    fingerprint = hashlib.sha256(ssl.PEM_cert_to_DER_cert((old.pki / "ca.pem").read_text())).hexdigest()
    clear = old.secrets()
    old.start()
    time.sleep(seconds)  # not a wait for anything: the moment of the kill
    old.stop(signal.SIGKILL)
    old.start()
    whole(old, fingerprint)
    assert not any(each in old.files() for each in clear)
