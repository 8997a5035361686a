"""Identity, key, pinned authorities, and the lock of one agent per state."""

from __future__ import annotations

import base64
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from outofband.agent import instance, state
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process
from outofband.net.trust import MAX_TRUST_LENGTH, next_trust
from tests.unit.agent.control_plane import Authority, identity


@pytest.fixture
def where(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


def test_a_key_is_kept_private_and_signs(where: StateDir) -> None:
    key = state.HostKey.make()
    path = state.key_path(where)
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    again = state.HostKey.load(path)
    assert again.public == key.public
    raw = base64.urlsafe_b64decode(again.public + "=")
    signature = base64.urlsafe_b64decode(again.sign(b"text") + "==")
    Ed25519PublicKey.from_public_bytes(raw).verify(signature, b"text")


def test_no_identity_is_said_with_its_place(where: StateDir) -> None:
    for content in (None, b"", b"{}", b"not json"):
        if content is not None:
            where.agent.mkdir(exist_ok=True)
            state.identity_path(where).write_bytes(content)
        with pytest.raises(Fault) as caught:
            state.load_identity(where)
        assert caught.value.code == "AgentNotEnrolled"
        assert caught.value.fields == {"path": str(where.agent / "identity.json")}


def test_an_identity_comes_back_as_it_was(where: StateDir, tmp_path: Path) -> None:
    mine = identity("https://127.0.0.1:8443", Authority(tmp_path))
    state.save_identity(where, mine)
    assert state.load_identity(where) == mine
    assert stat.S_IMODE(state.identity_path(where).stat().st_mode) == 0o600


def test_trust_moves_one_authority_at_a_time(tmp_path: Path) -> None:
    a, b, c = (Authority(tmp_path, name).pem for name in "abc")
    assert next_trust(a, a + b) == a + b
    assert next_trust(a + b, b + c) == b + c
    assert next_trust(a + b, b) == b
    assert next_trust(a, c) is None
    assert next_trust(a, a) is None
    assert next_trust(a + b, b + a) is None, "the same authorities in another order are no news"
    assert next_trust(a, "") is None
    assert next_trust(a, a + "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n") is None
    assert next_trust(a, a + b * 9) is None
    assert next_trust(a, a + " " * MAX_TRUST_LENGTH) is None


HOLD = """
import sys
from outofband.agent.instance import Instance
from outofband.core.paths import StateDir
from outofband.net import process
from pathlib import Path
held = Instance(StateDir(Path(sys.argv[1])))
held.acquire()
held.announce(ready=True)
print("held", flush=True)
sys.stdin.read()
"""


def hold(where: StateDir) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", HOLD, str(where.root)]
    holder = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    return holder


def test_a_second_agent_is_refused_until_the_first_is_gone(where: StateDir) -> None:
    with hold(where) as holder:
        running = process.running(instance.run_path(where))
        assert running is not None
        assert (running.pid, running.ready) == (holder.pid, True)
        assert running.start_ticks == process.start_ticks(holder.pid)
        with pytest.raises(Fault) as caught:
            instance.Instance(where).acquire()
        assert caught.value.code == "AgentRunning"
        assert caught.value.fields["pid"] == holder.pid
        os.kill(holder.pid, signal.SIGKILL)
        holder.wait()
    assert process.running(instance.run_path(where)) is None
    with instance.Instance(where) as mine:
        mine.announce(ready=False)
        assert process.running(instance.run_path(where)) is not None
    assert not instance.run_path(where).exists()


def test_a_reused_process_id_is_not_the_agent(where: StateDir) -> None:
    with instance.Instance(where) as mine:
        mine.announce(ready=True)
        record = msgspec.json.decode(instance.run_path(where).read_bytes())
        record["startTicks"] += 1
        instance.run_path(where).write_bytes(msgspec.json.encode(record))
        assert process.running(instance.run_path(where)) is None


def test_start_ticks_survive_a_strange_program_name(tmp_path: Path) -> None:
    odd = tmp_path / "a) b (c"
    odd.symlink_to("/bin/sleep")
    with subprocess.Popen([str(odd), "60"]) as sleeper:
        ticks = process.start_ticks(sleeper.pid)
        sleeper.kill()
    assert ticks is not None and ticks > 0
