"""From nothing to a person typing on the console of a VM without a network."""

from __future__ import annotations

import re
import shutil
import signal
import termios

import pytest

from tests.peers.guest import PASSWORD
from tests.peers.house import OOB, House, until
from tests.support.terminal import LOGIN_OR_SHELL, SHELL, Terminal

LFLAG = 3
FRESH = ("--replay", "0")


def person(house: House, *arguments: str, **more: object) -> Terminal:
    return Terminal([*OOB, "console", *arguments], house.env, **more)  # type: ignore[arg-type]


def log_in(seat: Terminal) -> None:
    """Bring the guest's console to a shell of `demo`. The seat must show no replay: an old prompt is none."""
    seat.expect(rb"you have the keyboard")
    seat.send(b"\r")
    if b"login:" in seat.expect(LOGIN_OR_SHELL):
        seat.send(b"demo\r")
        seat.expect(rb"Password: ")
        seat.send(PASSWORD.encode() + b"\r")
        seat.expect(SHELL)


def leave(seat: Terminal) -> int:
    seat.send(b"\x1dq")
    return seat.wait()


def test_up_says_how_to_attach_and_again_changes_nothing(house: House) -> None:
    again = house.up()
    assert "oob console demo" in again.stdout
    assert "Everything ran already" in again.stdout
    facts = house.json("status")
    assert facts["ready"] is True
    wanted = {
        "portal",
        "arm",
        "caFile",
        "tenantId",
        "subscriptionId",
        "resourceGroup",
        "clientId",
        "clientSecretFile",
    }
    assert wanted <= facts.keys()
    assert facts["hosts"][0]["accelerator"]
    assert [vm["power"] for vm in facts["vms"]] == ["running"]


def test_secrets_and_state_are_private(house: House) -> None:
    loose = [path for path in house.root.rglob("*") if not path.is_symlink() and path.stat().st_mode & 0o077]
    assert [path for path in loose if not path.is_socket()] == []


def test_a_person_logs_in_types_and_leaves_the_terminal_as_it_was(house: House) -> None:
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        assert not seat.modes()[LFLAG] & termios.ICANON, "the terminal is raw while attached"
        seat.send(b"echo $((6*7))-answer\r")
        seat.expect(rb"\n42-answer")
        assert leave(seat) == 0
        assert seat.modes() == seat.before
        assert seat.blocks(), "the shell that comes next would find its terminal unreadable"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_gives_the_terminal_back(house: House, number: signal.Signals) -> None:
    with person(house, "demo") as seat:
        seat.expect(rb"you have the keyboard")
        seat.process.send_signal(number)
        seat.wait()
        assert seat.modes() == seat.before


def test_a_newcomer_is_shown_what_was_printed_before(house: House) -> None:
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        seat.send(b"echo remember-$((40+2))\r")
        seat.expect(rb"\nremember-42")
        leave(seat)
    with person(house, "demo", "--observe") as seat:
        seat.expect(rb"watching demo")
        seat.expect(rb"remember-42")
        leave(seat)


def test_the_second_takes_over_and_the_first_is_told_by_whom(house: House) -> None:
    with person(house, "demo", *FRESH) as first, person(house, "demo", "--observe") as watcher:
        log_in(first)
        watcher.expect(rb"watching demo")
        with person(house, "demo") as second:
            second.expect(rb"you have the keyboard")
            assert first.wait() == 7
            told = first.expect(rb"NOT ended")
            assert b"TakenOver" in told
            assert b"took over this console at 20" in told
            assert first.modes() == first.before
            watcher.expect(rb"has the keyboard now")
            second.send(b"echo still-$((1+1))\r")
            second.expect(rb"\nstill-2")
            watcher.expect(rb"\nstill-2")
            leave(second)
        assert watcher.process.poll() is None


def test_an_observer_cannot_type(house: House) -> None:
    with person(house, "demo", *FRESH) as writer, person(house, "demo", "--observe") as watcher:
        log_in(writer)
        watcher.expect(rb"watching demo")
        watcher.send(b"echo intruder\r")
        watcher.expect(rb"\x07")
        writer.send(b"echo mark-$((5+5))\r")
        assert b"intruder" not in writer.expect(rb"\nmark-10")
        leave(watcher)
        leave(writer)


def test_replayed_queries_type_nothing_into_the_guest(house: House) -> None:
    """A terminal that answers every query it is shown, as real ones do, over a log full of queries."""

    def answering(chunk: bytes) -> bytes:
        replies = b""
        if b"\x1b[c" in chunk or b"\x1bZ" in chunk:
            replies += b"\x1b[?62;c"
        if b"\x1b[6n" in chunk:
            replies += b"\x1b[10;10R"
        if b"\x1b[21t" in chunk:
            replies += b"\x1b]ltitle-reply\x1b\\"
        if b"\x05" in chunk:
            replies += b"answerback-reply"
        return replies

    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        seat.send(b"queries\r")
        seat.expect(SHELL)
        leave(seat)
    with person(house, "demo", answer=answering) as seat:
        seat.expect(rb"you have the keyboard")
        # The shell itself asks for the cursor at each prompt; that is live, and its answer is right.
        seat.send(b"\x15echo clean-$((2+2))\r")
        shown = seat.expect(rb"\nclean-4")
        for evil in (b"reply", b"\x1b]52", b"\x1b]0;", b"\x1b]2;", b"\x1b[21t"):
            assert evil not in shown
        leave(seat)


def test_nmi_sysrq_and_reset_report_what_was_seen(house: House) -> None:
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)  # a guest that is still booting has no SysRq yet
        leave(seat)
    nmi = house.json("serial", "send", "demo", "nmi")
    assert "NMI received" in nmi["observed"]
    sysrq = house.json("serial", "send", "demo", "sysrq", "h")
    assert "sysrq" in sysrq["observed"].lower()
    with person(house, "demo") as seat:
        seat.expect(rb"you have the keyboard")
        seat.send(b"\x1dr")
        seat.expect(rb"y/N")
        seat.send(b"y")
        seat.expect(rb"Linux version")
        seat.expect(rb"demo login: $")
        leave(seat)


def test_menu_sysrq_and_the_escape_itself(house: House) -> None:
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        seat.send(b"\x1dsh")
        seat.expect(rb"sysrq: HELP")
        seat.send(b"\x1di")
        seat.expect(rb"attached, write")
        seat.send(b"cat -v\r\x1d\x1d\r")
        seat.expect(rb"\n\^\]")
        seat.send(b"\x03")
        leave(seat)


def test_the_size_by_one_key_and_the_log_in_a_pager(house: House) -> None:
    house.env["PAGER"] = "less" if shutil.which("less") else "more"
    with person(house, "demo", *FRESH, size=(41, 133)) as seat:
        log_in(seat)
        seat.send(b"\x1dz")
        seat.expect(rb"stty rows 41 cols 133")
        seat.expect(SHELL)
        seat.send(b"stty size; echo early-$((1+1))\r")
        seat.expect(rb"\n41 133\r\n")
        seat.expect(SHELL)
        seat.send(b"for i in 1 2 3 4 5 6; do sleep 1; echo tick-$i-$((i*7)); done\r\x1dl")
        shown = seat.expect(rb"\d\d:\d\d:\d\d early-2")
        with person(house, "demo", "--observe") as watcher:
            watcher.expect(rb"\ntick-3-21")
            leave(watcher)
        seat.send(b"q")
        shown += seat.expect(rb"\ntick-6-42")
        ticks = [int(found) for found in re.findall(rb"[\nh]tick-(\d)-", shown)]
        assert ticks == [1, 2, 3, 4, 5, 6], "what came meanwhile is shown, in order, and it went on"
        seat.expect(SHELL)
        seat.send(b"\x15echo typed-$((4+4))\r")
        seat.expect(rb"\ntyped-8")
        leave(seat)


def broadcast(house: House) -> None:
    """To `demo`, at a shell, and to `second`, at its login."""
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        refused = house.json("broadcast", "demo", "--check", expect=5)
        assert refused["consoles"][0]["obstacle"]["kind"] == "othersType"
        leave(seat)
    lines = ("--line", "x=$((6*7)); sleep 1", "--line", "echo answer-$x; false")
    said = house.json("broadcast", "demo", "second", *lines, "--status", "--yes", expect=1)
    right, out = said["consoles"]
    assert (right["outcome"], right["output"], right["status"]) == ("done", ["answer-42"], 1)
    assert (right["echoed"], right["line"].endswith("$")) == (True, True)
    assert (out["obstacle"], out["typed"]) == ({"kind": "otherState", "about": "login"}, 0)
    printed = [line["text"] for line in house.json("vm", "log", "second")["lines"]]
    assert not any("answer" in line for line in printed)


def test_life_of_a_vm(house: House) -> None:
    made = house.json("vm", "create", "second", "--image", "demo", "--memory", "192")
    assert made["name"] == "second"
    listed = {vm["name"] for vm in house.json("vm", "list")}
    assert listed == {"demo", "second"}
    with person(house, "second", "--observe") as seat:
        seat.expect(rb"demo login: ")
        leave(seat)
    broadcast(house)
    assert "shut" in house.json("vm", "stop", "second")["observed"].lower()
    assert house.error("console", "second", "--observe", expect=5)["code"] == "VmNotRunning"
    house.oob("vm", "start", "second")
    house.oob("vm", "restart", "second")
    house.oob("vm", "stop", "--force", "second")
    house.oob("vm", "delete", "--yes", "second")
    assert house.error("vm", "show", "second", expect=3)["code"] == "ResourceNotFound"
    assert house.error("vm", "delete", "--yes", "second", expect=3)["code"] == "ResourceNotFound"


def test_down_keeps_state_and_up_brings_it_back(house: House) -> None:
    machines = list((house.root / "agent" / "machines").glob("*/qemu.pid"))
    assert machines
    house.oob("down")
    assert house.error("vm", "list", expect=6)["code"] == "ControlPlaneUnreachable"
    assert [path for path in machines if _alive(path)] == []
    assert "Nothing was running" in house.oob("down").stdout
    house.up()
    until("the demo VM runs", lambda: house.json("status")["vms"][0]["power"] == "running")
    with person(house, "demo", *FRESH) as seat:
        log_in(seat)
        leave(seat)


def _alive(pid_file: object) -> bool:
    from pathlib import Path

    file = Path(str(pid_file))
    try:
        words = Path(f"/proc/{int(file.read_text())}/cmdline").read_text()
    except (OSError, ValueError):
        return False
    return file.parent.name in words
