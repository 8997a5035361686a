"""`az serial-console` in all its versions at a real guest: log in, type, NMI, SysRq, reset, two at once."""

from __future__ import annotations

import hashlib
import json
import queue
import re
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.peers.az import PYTHON, Clients
from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.support.echo import until_hidden
from tests.support.terminal import SHELL, Terminal

TALK = Path(__file__).with_name("azure_console_talk.py")
VERSIONS = ["0.1.6", "0.1.8", "1.0"]
VM = ("virtualMachines", "demo")
WAIT_S = 120.0
ANSWER_S = 15.0
PROMPT = re.compile(r"(demo@demo:~\$ |login: )(?:\x1b\[6n)?[\r\n]*$")


class Extension:
    """One client in a process of its own. What it prints is in `shown`; everything it tells in `told`."""

    def __init__(self, azure: Clients, version: str, parent: tuple[str, str] = VM, **more: Any) -> None:
        profile = azure.house.profile()
        about = {
            "arm": profile["arm"],
            "tenant": profile["tenantId"],
            "client": profile["clientId"],
            "secret": Path(profile["clientSecretFile"]).read_text().strip(),
            "subscription": profile["subscriptionId"],
            "version": version,
            "parent": parent,
        }
        self._process = subprocess.Popen(
            [str(PYTHON), str(TALK)],
            env=azure.env,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.shown = ""
        self.kinds: set[str] = set()
        self._told: queue.Queue[dict[str, Any]] = queue.Queue()
        self._at = 0
        threading.Thread(target=self._read, daemon=True).start()
        self._line(about | more)

    def __enter__(self) -> Extension:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait(10)
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            assert pipe is not None
            pipe.close()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            said = json.loads(line)
            self.kinds |= {said["kind"]} if "kind" in said else set()
            if "text" in said:
                self.shown += said["text"]
            else:
                self._told.put(said)

    def _line(self, what: Any) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()

    def do(self, deed: str, *words: Any) -> None:
        self._line([deed, *words])

    def expect(self, text: str) -> str:
        """Wait until `text` is shown; what was shown since the last time, up to there."""
        end = time.monotonic() + WAIT_S
        while (found := self.shown.find(text, self._at)) < 0:
            assert time.monotonic() < end, (text, self.shown[self._at :][-2000:], self._errors())
            time.sleep(0.02)
        before, self._at = self._at, found + len(text)
        return self.shown[before : self._at]

    def catch_up(self) -> None:
        """Expect nothing any more of what is shown already."""
        self._at = len(self.shown)

    def told(self, key: str) -> dict[str, Any]:
        """Wait for the next thing told that has `key`."""
        while True:
            try:
                said = self._told.get(timeout=WAIT_S)
            except queue.Empty:
                raise AssertionError((key, self.shown[-2000:], self._errors())) from None
            if key in said:
                return said

    def _errors(self) -> str:
        if self._process.poll() is None:
            return ""
        assert self._process.stderr is not None
        return self._process.stderr.read()[-3000:]


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as made:
        yield made


def log_in(seat: Extension) -> None:
    """Bring the console to a shell of `demo`, whoever was there before, however far the guest has booted."""
    end = time.monotonic() + 2 * WAIT_S
    while True:
        assert time.monotonic() < end, seat.shown[-2000:]
        before = len(seat.shown)
        seat.do("type", "\r")
        # Not typed again before it was answered: a prompt that an older Enter asked for is none.
        answered = time.monotonic() + ANSWER_S
        while not (prompt := PROMPT.search(seat.shown[before:])) and time.monotonic() < answered:
            time.sleep(0.02)
        if prompt is None:
            continue
        if "login" in prompt[0]:
            seat.catch_up()
            seat.do("type", "demo\r")
            seat.expect("Password: ")
            until_hidden(lambda keys: seat.do("type", keys), lambda: seat.shown)
            seat.do("type", PASSWORD + "\r")
            seat.expect("demo@demo:~$ ")
        break
    seat.catch_up()


@pytest.mark.parametrize("version", VERSIONS)
def test_a_person_logs_in_types_and_leaves(house: House, azure: Clients, version: str) -> None:
    with Extension(azure, version) as seat:
        seat.do("connect")
        if version != "0.1.6":
            assert seat.told("hidden")["hidden"] == "\r\n"
        seat.expect("connected to demo; nobody types")
        log_in(seat)
        seat.do("type", "echo $((6*7))-answer\r")
        seat.expect("\n42-answer")
        # Written byte by byte, slower than the port's batches: no character is cut.
        seat.do("type", 'for b in 342 234 223 303 274; do printf "\\\\$b"; sleep 0.3; done; echo .\r')
        seat.expect("\n✓ü.")
        assert seat.kinds <= {"str", "bytes"}
        assert PASSWORD not in seat.shown
        seat.do("type", "exit\r")
        seat.expect("login: ")
        seat.do("quit")
        assert seat.told("closed")["closed"][0] in (1000, None)
    assert "eyJ" not in house.logs()


@pytest.mark.parametrize("version", VERSIONS)
def test_send_takes_the_keyboard_from_nobody(house: House, azure: Clients, version: str) -> None:
    with Terminal([*OOB, "console", "demo", "--replay", "0"], house.env) as writer:
        writer.expect(rb"you have the keyboard")
        for command, parameters, seen in (
            ("nmi", {}, "NMI received"),
            ("sysrq", {"SysRqCommand": "h"}, "sysrq"),
        ):
            with Extension(azure, version) as sender:
                sender.do("send_admin", command, parameters)
                answer = sender.told("status")
                assert answer["status"] == 200, answer
                assert seen.lower() in answer["body"]["observed"][0].lower()
                assert sender.told("said")["said"] == "sent"
                assert sender.told("over")["tries"] == 1
        writer.send(b"\r")
        assert b"took over" not in writer.expect(rb"login: |" + SHELL)
        writer.send(b"\x1dq")
        assert writer.wait() == 0


def test_a_command_that_fails_is_said_to_have_failed(house: House, azure: Clients) -> None:
    with Extension(azure, "0.1.6") as sender:
        sender.do("send_admin", "sysrq", {"SysRqCommand": "h!"})
        assert sender.told("status")["status"] == 400
        assert sender.told("said")["said"] == "failed"


def test_reset_from_within_the_console(house: House, azure: Clients) -> None:
    with Extension(azure, "1.0") as seat:
        seat.do("connect")
        seat.expect("connected to demo")
        seat.do("admin", "reset", {})
        assert seat.told("status")["status"] == 200
        seat.expect("reset: ")
        seat.expect("Linux version")
        seat.expect("demo login: ")
        log_in(seat)
        seat.do("quit")


def test_two_at_once_and_who_takes_over(house: House, azure: Clients, stack: ExitStack) -> None:
    first, second = (stack.enter_context(Extension(azure, version)) for version in ("1.0", "0.1.6"))
    first.do("connect")
    first.expect("connected to demo")
    log_in(first)
    second.do("connect")
    second.expect("has the keyboard. You watch; press Enter to take it over.")
    first.expect("is here too")
    second.do("type", "x")
    first.do("type", "echo both-$((1+1))\r")
    first.expect("\nboth-2")
    second.expect("\nboth-2")
    second.do("type", "\r")
    second.expect("you have the keyboard now")
    code, reason = first.told("closed")["closed"]
    assert (code, reason.partition(":")[0]) == (4001, "TakenOver")
    first.expect("NOT ended")
    second.do("type", "echo still-$((1+1))\r")
    assert "xecho" not in second.expect("\nstill-2")
    second.do("quit")


def test_the_address_opens_one_socket_for_its_owner(house: House, azure: Clients) -> None:
    with Extension(azure, "1.0") as seat:
        seat.do("load")
        seat.do("again", "eyJh.eyJi.c2ln")
        code, reason = seat.told("again")["again"]
        assert (code, reason.partition(":")[0]) == (1008, "InvalidAuthenticationToken")
        seat.do("connect")
        seat.expect("connected to demo")
        seat.do("again")
        code, reason = seat.told("again")["again"]
        assert (code, reason.partition(":")[0]) == (1008, "TicketInvalid")
        seat.do("quit")


@pytest.mark.parametrize(
    ("opcode", "payload", "wanted"),
    [(2, b"ls", 1003), (1, b"x" * 20000, 1009), (1, b"\xff\xfe", 1007)],
)
def test_frames_that_break_the_rules_end_with_a_reason(
    house: House, azure: Clients, opcode: int, payload: bytes, wanted: int
) -> None:
    with Extension(azure, "1.0") as seat:
        seat.do("connect")
        seat.expect("connected to demo")
        seat.do("raw", opcode, payload.hex())
        assert seat.told("closed")["closed"][0] == wanted


def test_the_switch_ends_it_and_slow_readers_too(house: House, azure: Clients, stack: ExitStack) -> None:
    """One client is stopped while the guest floods: the other sees everything, and memory stays small."""
    stopped, seat = (stack.enter_context(Extension(azure, "1.0")) for _ in range(2))
    stopped.do("hold")
    stopped.told("held")
    seat.do("connect")
    seat.expect("connected to demo")
    log_in(seat)
    before = resident(house.pid("control"))
    seat.do("type", "numbers 8000; echo done-$((1+1))\r")
    seat.expect("line 00007999")
    seat.expect("done-2")
    grown = resident(house.pid("control")) - before
    assert grown < 24 * 1024 * 1024, f"{grown / 1024 / 1024:.0f} MiB"
    azure.bash(
        "az rest --method post --url '/subscriptions/{subscriptionId}/providers/Microsoft.SerialConsole"
        "/consoleServices/default/disableConsole?api-version=2018-05-01'"
    )
    code, reason = seat.told("closed")["closed"]
    assert (code, reason.partition(":")[0]) == (1008, "ConsoleDisabledForSubscription")
    house.oob("serial", "enable")


def resident(pid: int) -> int:
    """Resident memory in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmRSS:"))


def test_an_instance_of_a_scale_set(house: House, azure: Clients) -> None:
    house.oob("vmss", "create", "web", "--image", "demo", "--count", "1", "--memory", "192")
    with Extension(azure, "1.0", ("virtualMachineScaleSets", "web/virtualMachines/0")) as seat:
        seat.do("connect")
        seat.expect("connected to web")
        seat.expect("demo login: ")
        seat.do("admin", "nmi", {})
        assert seat.told("status")["status"] == 200
        seat.do("quit")
    house.oob("vmss", "delete", "web", "--yes")


def test_the_simulated_console_of_windows(house: House, azure: Clients) -> None:
    """SAC and a prompt through Azure's client, then `oob`; what bcdedit writes holds at the next start."""
    house.up("--windows")
    assert "simulated: this is not Windows" in house.oob("vm", "show", "win-sim").stdout
    until("SAC is there", lambda: "is now available." in house.oob("vm", "log", "win-sim").stdout)
    with Extension(azure, "1.0", ("virtualMachines", "win-sim")) as seat:
        seat.do("connect")
        seat.expect("connected to win-sim")
        for typed, shown in (
            ("cmd\r", "Channel: Cmd0001\r\nSAC>"),
            ("ch -sn cmd0001\r", "Use any other key to view this channel."),
            (" ", "Username: "),
            ("administrator\r\rsimulator\r", "system32>"),
            ("copy con x.txt\rhello\r\x1a\r", "1 file(s) copied."),
        ):
            seat.do("type", typed)
            seat.expect(shown)
        seat.do("quit")
    with Terminal([*OOB, "console", "win-sim", "--replay", "0"], house.env) as person:
        person.expect(rb"you have the keyboard")
        person.send(b"certutil -hashfile x.txt MD5\r")
        person.expect(hashlib.md5(b"hello\r\n").hexdigest().encode())
        person.send(b"bcdedit /ems {current} off\r")
        person.expect(rb"completed successfully")
        house.oob("vm", "restart", "win-sim")
        person.expect(rb"======== Microsoft Azure VM Health Report - Start ")
        house.oob("serial", "send", "win-sim", "nmi")
        person.expect(rb"\*\*\* STOP: 0x00000080 ")
        house.oob("serial", "send", "win-sim", "reset", "--yes")
        person.expect(rb"======== Microsoft Azure VM Health Report - Start ")


def test_a_host_name_with_ws_in_it(house: House, azure: Clients) -> None:
    """The extension would make `windohttp1` of `windows1`; it is given `windowS1`."""
    name = "windows1.test"
    house.oob("down")
    (house.root / "control" / "settings.toml").write_text(f'names = ["{name}"]\n')
    house.up()
    arm = f"https://{name}:{house.arm_port}"
    with Extension(azure, "1.0", arm=arm, names={name: "127.0.0.1"}) as seat:
        seat.do("connect")
        seat.expect("connected to demo")
        seat.do("admin", "nmi", {})
        assert seat.told("status")["status"] == 200
        seat.do("quit")
