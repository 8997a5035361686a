"""Root's helper as its own process on a real socket: what it does, and what it refuses."""

from __future__ import annotations

import contextlib
import json
import os
import pty
import pwd
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from outofband.agent.helper import root
from outofband.agent.helper.root import SOCKET
from tests.support.wait import until_now

ME = pwd.getpwuid(os.geteuid()).pw_name
NOBODY = 65534


class Running:
    def __init__(self, folder: Path, user: str) -> None:
        self.run, self.policy = folder / "run", folder / "policy.toml"
        command = [sys.executable, "-m", "outofband.agent.helper.root"]
        command += ["--user", user, "--run", str(self.run), "--policy", str(self.policy)]
        self.process = subprocess.Popen(command)
        until_now(lambda: (self.run / SOCKET).exists())

    def allow(self, *command: str) -> None:
        self.policy.write_text(f"[console]\nemergency_shell = true\ncommand = {json.dumps(command)}\n")
        self.policy.chmod(0o644)

    @contextlib.contextmanager
    def asking(self, text: bytes, *handles: int) -> Iterator[socket.socket]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asker:
            asker.settimeout(10)
            asker.connect(str(self.run / SOCKET))
            socket.send_fds(asker, [text], list(handles))
            yield asker

    def ask(self, text: bytes, *handles: int) -> dict[str, object]:
        with self.asking(text, *handles) as asker:
            found: dict[str, object] = json.loads(asker.recv(4096))
            return found


@pytest.fixture
def helper(tmp_path: Path) -> Iterator[Running]:
    running = Running(tmp_path, ME)
    yield running
    running.process.send_signal(signal.SIGTERM)
    assert running.process.wait(10) == 0
    assert not (running.run / SOCKET).exists()


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Master and slave."""
    both = pty.openpty()
    yield both
    for each in both:
        with contextlib.suppress(OSError):
            os.close(each)


def shown(master: int, word: str) -> str:
    """What the terminal showed up to a word."""
    text, end = "", time.monotonic() + 10
    while word not in text:
        assert time.monotonic() < end, text
        if select.select([master], [], [], 0.2)[0]:
            text += os.read(master, 4096).decode()
    return text


def test_its_folder_and_socket_are_for_one_group(helper: Running) -> None:
    assert helper.run.stat().st_mode & 0o777 == 0o750
    assert (helper.run / SOCKET).stat().st_mode & 0o777 == 0o660
    assert helper.ask(b'{"verb": "hello"}') == {"pid": helper.process.pid}


@pytest.mark.parametrize(
    "text",
    [b"", b"nonsense", b"[]", b'{"verb": "sh"}', b'{"verb": "hello", "more": 1}', b"[" * 900, b" " * 2000],
)
def test_what_is_no_verb_is_refused(helper: Running, text: bytes) -> None:
    with helper.asking(text or b"\x00") as asker:
        assert json.loads(asker.recv(4096))["error"] == "HelperRefused"
    assert helper.ask(b'{"verb": "hello"}')["pid"]


@pytest.mark.exact
def test_nothing_is_allowed_without_a_policy(helper: Running, terminal: tuple[int, int]) -> None:
    assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperLoginForbidden"
    helper.policy.write_text("[console]\nemergency_shell = false\n")
    assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperLoginForbidden"


@pytest.mark.exact
def test_a_policy_that_others_can_write_is_none(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/bin/sh", "-c", "echo owned")
    for mode in (0o664, 0o646):
        helper.policy.chmod(mode)
        assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperPolicyInvalid"
    helper.policy.rename(helper.policy.with_name("elsewhere"))
    helper.policy.with_name("elsewhere").chmod(0o644)
    helper.policy.symlink_to(helper.policy.with_name("elsewhere"))
    assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperPolicyInvalid"
    helper.policy.unlink()
    for wrong in ("[console]\nshell = true\n", "[console]\ncommand = []\n", "x", "\x00"):
        helper.policy.write_text(wrong)
        assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperPolicyInvalid"


@pytest.mark.exact
def test_only_a_terminal_of_the_askers_own_is_taken(
    helper: Running, terminal: tuple[int, int], tmp_path: Path
) -> None:
    helper.allow("/bin/sh", "-c", "echo owned >&2")
    with (tmp_path / "file").open("w") as file, Path("/dev/null").open("w") as null:
        for handles in ((file.fileno(),), (null.fileno(),), (), (terminal[1], terminal[1]), (terminal[0],)):
            assert helper.ask(b'{"verb": "login"}', *handles)["error"] == "HelperRefused"
    assert helper.ask(b'{"verb": "hello"}', terminal[1])["error"] == "HelperRefused"
    assert not select.select([terminal[0]], [], [], 0)[0]
    with pytest.raises(root.Refusal):
        root.terminal(terminal[1], os.geteuid() + 1)


def test_a_login_has_the_terminal_and_its_end_is_told(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/bin/sh", "-c", 'tty; ps -o sid= -p $$; read -r line; echo "got $line"; exit 7')
    with helper.asking(b'{"verb": "login"}', terminal[1]) as asker:
        pid = json.loads(asker.recv(4096))["pid"]
        assert os.ttyname(terminal[1]) in shown(terminal[0], str(pid))
        os.write(terminal[0], b"words\n")
        shown(terminal[0], "got words")
        assert json.loads(asker.recv(4096)) == {"ended": 7}


def test_a_login_is_hung_up_with_its_connection(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/bin/sh", "-c", "trap 'echo hung up; exit' HUP; echo ready; while :; do sleep 0.1; done")
    with helper.asking(b'{"verb": "login"}', terminal[1]) as asker:
        pid = json.loads(asker.recv(4096))["pid"]
        shown(terminal[0], "ready")
    shown(terminal[0], "hung up")
    until_now(lambda: not Path(f"/proc/{pid}").exists())


def test_one_that_does_not_go_is_ended(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/bin/sh", "-c", "trap '' HUP; echo ready; while :; do sleep 0.1; done")
    with helper.asking(b'{"verb": "login"}', terminal[1]) as asker:
        pid = json.loads(asker.recv(4096))["pid"]
        shown(terminal[0], "ready")
    until_now(lambda: not Path(f"/proc/{pid}").exists(), seconds=root.END_SECONDS + 10)


def test_a_program_that_is_not_there(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/nonexistent/login")
    assert helper.ask(b'{"verb": "login"}', terminal[1])["error"] == "HelperLoginFailed"
    assert helper.ask(b'{"verb": "hello"}')["pid"]


def test_the_program_for_a_terminal(helper: Running) -> None:
    """As the agent runs it: on a terminal of its own, ended by the hang-up of that terminal."""
    helper.allow("/bin/sh", "-c", "echo ready; read -r line; exit 9")
    command = [sys.executable, "-m", "outofband.agent.helper.login", str(helper.run)]
    for ending in ("typed", "hung up"):
        pid, master = pty.fork()
        if pid == 0:
            os.execv(command[0], command)
        shown(master, "ready")
        if ending == "typed":
            os.write(master, b"\n")
        else:
            os.close(master)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        assert status == (9 if ending == "typed" else 128 + signal.SIGHUP)
        if ending == "typed":
            os.close(master)


@pytest.mark.exact
@pytest.mark.skipif(os.geteuid() != 0, reason="acts as another user")
def test_others_are_refused(helper: Running, terminal: tuple[int, int]) -> None:
    helper.allow("/bin/sh", "-c", "echo owned")
    # Even if the way to the socket were open to them.
    for place in (helper.run, *helper.run.parents):
        if place.stat().st_uid == 0 and place != Path("/"):
            place.chmod(place.stat().st_mode | 0o011)
    (helper.run / SOCKET).chmod(0o666)
    program = (
        "import socket, sys\n"
        "s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)\n"
        "s.connect(sys.argv[1])\n"
        'socket.send_fds(s, [b\'{"verb": "login"}\'], [0]); print(s.recv(4096).decode())'
    )
    said = subprocess.run(
        ["python3", "-c", program, helper.run / SOCKET],
        stdin=terminal[1],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        cwd="/",
    )
    refused = json.loads(said.stdout)
    assert refused["error"] == "HelperRefused"
    assert f"belongs to user {NOBODY}" in refused["detail"]


def test_the_firmwares_id_is_left_for_the_group(tmp_path: Path) -> None:
    (tmp_path / "product_uuid").write_text("4c4c4544-0000-2010-8020-80c04f202020\n")
    run = tmp_path / "run"
    run.mkdir()
    for _ in range(2):
        root.publish(tmp_path / "product_uuid", run, os.getegid())
    assert (run / "product_uuid").read_text().startswith("4c4c4544")
    assert (run / "product_uuid").stat().st_mode & 0o777 == 0o440
    root.publish(tmp_path / "missing", run, os.getegid())


def test_whoever_ends_the_program_ends_the_login(helper: Running, tmp_path: Path) -> None:
    helper.allow("/bin/sh", "-c", f"echo $$ > {tmp_path}/pid; echo ready; read -r line")
    pid, master = pty.fork()
    if pid == 0:
        os.execv(sys.executable, [sys.executable, "-m", "outofband.agent.helper.login", str(helper.run)])
    shown(master, "ready")
    os.kill(pid, signal.SIGHUP)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == -signal.SIGHUP
    login = int((tmp_path / "pid").read_text())
    until_now(lambda: not Path(f"/proc/{login}").exists())
    os.close(master)
