"""Starting and stopping services: what became of one that did not start, and one `up` or `down` at a time."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.cli import preflight, services
from outofband.cli.down import forget_stopped, stopped_by_down
from outofband.cli.services import CONTROL_PLANE, Service, alone
from outofband.client.faults import explained
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import process

pytestmark = pytest.mark.peers
# What a service does, as a program: announces itself, becomes ready after a while, ends when it is told to.
READY = """
import signal, sys, time
from pathlib import Path
from outofband.net import process
run = Path(sys.argv[1]) / "run" / "control.json"
process.announce(run, state=Path(sys.argv[1]), ready=False)
time.sleep(float(sys.argv[2]))
process.announce(run, state=Path(sys.argv[1]), ready=True, ports={"arm": 7})
signal.sigwait({signal.SIGTERM})
"""

LISTENER = """
import signal, socket
listening = socket.create_server(("127.0.0.1", 0))
print(listening.getsockname()[1], flush=True)
signal.pause()
"""


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path / "state")
    preflight.private_state(made)
    return made


@pytest.fixture
def slow(state: StateDir) -> Iterator[subprocess.Popen[bytes]]:
    """A control plane that announced itself and needs a moment until it is ready."""
    child = subprocess.Popen([sys.executable, "-c", READY, str(state.root), "0.5"])
    deadline = time.monotonic() + 10
    while CONTROL_PLANE.running(state) is None:
        assert time.monotonic() < deadline
        time.sleep(0.01)
    yield child
    child.kill()
    child.wait()


def test_one_that_is_starting_is_waited_for(state: StateDir, slow: subprocess.Popen[bytes]) -> None:
    told: list[str] = []
    found = CONTROL_PLANE.start(state, detail=told.append)
    assert (found.pid, found.ports, found.ready) == (slow.pid, {"arm": 7}, True)
    assert told
    assert CONTROL_PLANE.stop(state)
    assert slow.wait(10) is not None
    assert not CONTROL_PLANE.stop(state)


def test_one_that_never_gets_ready(
    state: StateDir, slow: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(services, "READY_SECONDS", 0.05)
    with pytest.raises(Fault, match="NotReady") as raised:
        CONTROL_PLANE.start(state)
    assert str(state.log / "control.log") in explained(raised.value).remedy[0]


def test_the_fault_of_a_service_is_the_fault_of_its_start(state: StateDir) -> None:
    failing = Service("host agent", "agent", ("agent", "run"))
    state.agent.mkdir()
    (state.agent / "agent.toml").write_text("[policy]\nmonitors = true\n")
    with pytest.raises(Fault) as raised:
        failing.start(state)
    words = explained(raised.value)
    assert (words.code, words.exit) == ("AgentConfigInvalid", 8)
    assert words.remedy == ["Correct the file and start the agent again."]
    assert (state.log / "agent.log").stat().st_mode & 0o777 == 0o600
    (state.log / "agent.log").write_text("error (Old) of an earlier start\n")
    with pytest.raises(Fault, match="AgentConfigInvalid"):
        failing.start(state)


def test_last_words_where_there_is_no_fault(state: StateDir) -> None:
    odd = Service("odd one", "odd", ("completion", "--help"))
    with pytest.raises(Fault, match="StartFailed") as raised:
        odd.start(state)
    assert "No such option '--state'" in explained(raised.value).message


def test_a_taken_port_names_the_program_that_has_it(state: StateDir) -> None:
    with subprocess.Popen([sys.executable, "-c", LISTENER], stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout is not None
        port = other.stdout.readline().strip()
        try:
            with pytest.raises(Fault) as raised:
                CONTROL_PLANE.start(state, "--port", port)
        finally:
            other.kill()
    words = explained(raised.value)
    assert (words.code, words.exit) == ("PortInUse", 8)
    assert f"port {port}" in words.message
    assert f"process {other.pid})" in words.message


def test_a_long_log_is_put_aside(state: StateDir, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "MAX_LOG", 10)
    log = state.log / "odd.log"
    log.write_text("x" * 11)
    with pytest.raises(Fault):
        Service("odd one", "odd", ("completion", "--help")).start(state)
    assert (state.log / "odd.log.1").read_text() == "x" * 11
    assert "x" * 11 not in log.read_text()


def test_one_at_a_time(state: StateDir) -> None:
    with alone(state, "up"):
        command = [sys.executable, "-m", "outofband.cli", "down", "--state", str(state.root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 5
        assert f"error (AnotherWorks) oob up (process {os.getpid()}) is starting" in done.stderr
    with alone(state, "down"):
        pass


def test_down_of_nothing(tmp_path: Path, state: StateDir) -> None:
    for root in (tmp_path / "never", state.root):
        command = [sys.executable, "-m", "outofband.cli", "down", "--state", str(root)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (0, "Nothing was running.\n", "")
    assert not (tmp_path / "never").exists()


def test_down_stops_a_control_plane(state: StateDir, slow: subprocess.Popen[bytes]) -> None:
    command = [sys.executable, "-m", "outofband.cli", "down", "--state", str(state.root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0
    assert "✓ stopping the control plane" in done.stderr
    assert done.stdout == "Everything is stopped; `oob up` starts it again.\n"
    assert process.start_ticks(slow.pid) is None


def test_what_down_stopped_is_remembered_whatever_the_file_holds(state: StateDir) -> None:
    assert stopped_by_down(state) == set()
    file = state.run / "stopped.json"
    for text, wanted in (('["a", "b"]', {"a", "b"}), ("{", set()), ("3", set())):
        file.write_text(text)
        assert stopped_by_down(state) == wanted
    forget_stopped(state)
    forget_stopped(state)
    assert not file.exists()
