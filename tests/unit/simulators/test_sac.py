"""Conversations with the simulator of Windows' console, in a time that only the test moves."""

from __future__ import annotations

import hashlib
import signal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.simulators.sac import BootStore, Kind, Phase, Settings, release
from outofband.simulators.sac.lines import LineEditor
from outofband.simulators.sac.program import load, main
from tests.support.sac import LOGIN, Played, on_terminal

REDRAWN = b"\x1b[2J\x1b[H"
POWERSHELL = b"powershell\r"


def test_it_boots_to_sac_and_says_when_commands_are_there() -> None:
    seat = Played(up=False)
    assert (seat.phase, bytes(seat.output)) == (Phase.LOADING, b"")
    came = seat.wait(3.0)
    assert came.startswith(b"<machine-info>\r\n<name>WIN-SIM</name>\r\n")
    assert came.endswith(b"\r\n\r\n\r\nSAC>")
    assert b"not available" in seat.type("cmd\r")
    assert seat.wait(2.0).endswith(b"\r\nEVENT: The CMD command is now available.\r\nSAC>")


def test_the_line_rules_of_sac() -> None:
    seat = Played()
    assert seat.type("ab\x7f\x08\x08\t") == b"ab\b \b\b \b\a"
    assert seat.type("id\x03").startswith(b"id\r\n                Computer Name: WIN-SIM")
    assert seat.type("P\r\n") == b"P\r\nPaging is now off.\r\nSAC>", "letters of any size; CR LF is one end"
    assert seat.type("\x1b[A\x1b[3~") == b"[A[3~", "no sequence is known here"
    assert seat.type("\r").endswith(b"SAC>")
    assert seat.type("x" * 78 + "yz") == b"x" * 78 + b"\by\bz"
    line = LineEditor()
    for byte in b"x" * 78 + b"yz":
        line.feed(byte)
    assert line.feed(13) == (b"\r\n", b"x" * 77 + b"z")


@pytest.mark.parametrize(
    "line", ["ch", "cmd", "d", "f", "?", "help", "i", "id", "k 4", "l 4", "m 4 10", "p", "r 4"]
)
def test_every_command_answers(line: str) -> None:
    answer = Played().type(line + "\r")
    assert b"recognized" not in answer
    assert answer.endswith(b"SAC>")


def test_channels() -> None:
    seat = Played()
    assert b"successfully launched.\r\nSAC>\r\nEVENT:   A new channel has been created." in seat.type("cmd\r")
    assert b"0 (AV)    SAC\r\n1 (AV)    Cmd0001\r\n" in seat.type("ch\r")
    page = seat.type("ch -sn cmd0001\r")
    assert b"Application Type GUID: 63d02271-8aa4-11d5-bccf-00b0d014a2d0\r\n\r\nPress <esc><tab>" in page
    assert seat.type(" ") == REDRAWN + b"Please enter login credentials.\r\nUsername: "
    assert b"Name:                  SAC" in seat.type("\x1b\t")
    assert b"Name:                  Cmd0001" in seat.type("\x1b\t"), "from the last to the first"
    assert seat.type("0").endswith(b"SAC>")
    assert b"Cmd0001\r\nSAC>" in seat.type("ch -ci 1\r")
    assert b"Cmd0001" not in seat.type("ch\r").partition(b"# Status")[2]
    for _ in range(9):
        seat.type("cmd\r")
    assert b"No more" in seat.type("cmd\r")


def test_esc_is_held_until_the_next_byte() -> None:
    seat = Played()
    seat.open_cmd()
    assert seat.type("\x1b") == b""
    assert b"Name:                  SAC" in seat.type("\t")


def test_a_login_and_its_end() -> None:
    seat = Played(Settings(logout_seconds=60))
    seat.type("cmd\rch -si 1\r ")
    assert seat.type("somebody\r\rguess\r").endswith(
        b"failed.\r\n\r\nPlease enter login credentials.\r\nUsername: "
    )
    assert seat.type(LOGIN).endswith(b"Password: *********\r\n\r\nC:\\Windows\\system32>")
    assert b"simulator" not in seat.output
    seat.wait(59)
    assert b"logged out" in seat.wait(1)
    assert [each.kind for each in seat.events[-2:]] == [Kind.LOGIN, Kind.LOGOUT]
    seat.type(LOGIN)
    assert seat.type("exit\r").endswith(b"EVENT:   A channel has been closed.\r\nChannel: Cmd0001\r\nSAC>")


def test_keys_of_a_command_prompt_are_those_of_vt_utf8() -> None:
    seat = Played()
    seat.open_cmd()
    assert seat.type("echo bc\x1bh\x1b-\x1b[C\x1bkd\r").endswith(
        b"program or batch file.\r\n\r\nC:\\Windows\\system32>"
    )
    assert b"'cho' is not recognized" in seat.output, "Home, Delete"
    assert seat.type("\x1b[3~").endswith(b"3~"), "Delete of a VT220 is not known"
    seat.type("\x03sim keys\r")
    assert (
        seat.type("\x1b8\x1b[Ax") == b"1b 38  F8\r\n1b 5b  \r\n41  'A'\r\n78  'x'\r\n" or b"F8" in seat.output
    )


def paste(seat: Played, text: bytes, *, pause: float = 0.0) -> bytes:
    """Through a here-string into a file; the file."""
    seat.type(b"@'\r" + text.replace(b"\n", b"\r") + b"\r", pause=pause)
    # With PSReadLine a pair here would be three: the words have none.
    seat.type(b"'@ | Out-File x.txt\r", pause=pause)
    return next(each.data for each in reversed(seat.events) if each.kind is Kind.FILE)


def test_psreadline_makes_three_of_two_unless_it_is_removed_or_one_waits() -> None:
    text = b"aa bb\nccc"
    seat = Played()
    seat.open_cmd()
    seat.type(POWERSHELL)
    assert paste(seat, text) == b"aaa bbb\ncccc\r\n"
    assert paste(seat, text, pause=1.0) == text + b"\r\n"
    seat.type(b"Remove-Module PSReadLine\r")
    assert paste(seat, text) == text + b"\r\n"
    assert hashlib.sha256(text + b"\r\n").hexdigest().upper().encode() in seat.type(
        b"(Get-FileHash x.txt).Hash\r"
    )


def test_a_hundred_kilobytes_arrive_at_a_prompt_without_psreadline() -> None:
    text = b"\n".join(b"%06d the quick brown fox, all in aaa row %%$#" % each for each in range(2_200))
    seat = Played()
    seat.open_cmd()
    seat.type(POWERSHELL)
    seat.type(b"Remove-Module PSReadLine\r", pause=1.0)
    assert paste(seat, text) == text + b"\r\n"


def test_cmd_of_older_servers_takes_a_repeat_for_a_bounce() -> None:
    seat = Played(Settings(release=release("2019")))
    seat.open_cmd()
    seat.type("copy con x.txt\raabb\r\x1a\r")
    assert seat.events[-1].data == b"ab\r\n"
    seat = Played()
    seat.open_cmd()
    seat.type("copy con x.txt\raabb\r\x1a\r")
    assert seat.events[-1].data == b"aabb\r\n"


def test_bcdedit_takes_effect_at_the_next_start() -> None:
    seat = Played()
    seat.open_cmd()
    for words in (
        "/set {bootmgr} displaybootmenu yes",
        "/set {bootmgr} timeout 5",
        "/set {bootmgr} bootems yes",
        "/debug {current} on",
    ):
        assert b"successfully" in seat.type(f"bcdedit {words}\r")
    assert seat.phase is Phase.SAC
    seat.type("\x1b\t0restart\r")
    assert seat.wait(45) == b"", "not before it is up for a minute"
    assert b"Windows Server 2022 [EMS Enabled]" in seat.wait(10)
    assert seat.phase is Phase.MENU
    assert b"automatically: 1" in seat.wait(4)
    assert b"KDTARGET: Refreshing KD connection" in seat.wait(5)
    assert seat.phase is Phase.DEBUGGER
    assert seat.type("restart\rb") == b"", "typing has no effect"


def test_function_keys_and_advanced_options_in_the_boot_menu() -> None:
    store = BootStore(display_menu=True, boot_ems=True)
    seat = Played(store=store, up=False)
    assert b"Advanced Boot Options" in seat.type("\x1b8")
    # Four lines above "Start Windows Normally".
    seat.type("\x1b[A" * 4)
    seat.type("\r")
    seat.wait(5)
    assert seat.phase is Phase.DEBUGGER
    store = BootStore(advanced_once=True)
    seat = Played(store=store, up=False)
    assert seat.phase is Phase.MENU
    assert not store.advanced_once
    assert Kind.STORED in [each.kind for each in seat.simulator.take_events()], "it is kept that it was shown"


def test_health_reports_while_sac_is_off() -> None:
    seat = Played(Settings(report_seconds=60), BootStore(ems=False))
    assert seat.phase is Phase.HEALTH
    assert seat.output.startswith(b"======== Microsoft Azure VM Health Report - Start 2026-")
    assert seat.type("cmd\r") == b""
    assert seat.wait(120).count(b"Start 2026-") == 2


def test_a_failed_system_has_a_smaller_console() -> None:
    seat = Played()
    seat.open_cmd()
    assert seat.type("sim fail\r").endswith(b"00000000)\r\n\r\n!SAC>")
    assert b"recognized" in seat.type("cmd\r")
    seat.type("restart\r")
    seat.wait(10)
    assert seat.phase is Phase.SAC
    assert b"*** STOP: 0x000000E2" in seat.type("crashdump\r")
    assert seat.phase is Phase.FAILED


def test_the_hypervisor() -> None:
    seat = Played()
    seat.simulator.power_on(seat.now)
    assert seat.phase is Phase.LOADING
    seat.wait(10)
    assert b"0x00000080" in seat.simulator.nmi(seat.now)
    assert seat.phase is Phase.FAILED
    seat.simulator.power_off(seat.now)
    assert seat.phase is Phase.OFF


MENU_SHOWN = BootStore(display_menu=True, boot_ems=True, timeout=30)


@pytest.mark.parametrize(
    ("phase", "store", "typed"),
    [
        (Phase.LOADING, BootStore(), None),
        (Phase.MENU, MENU_SHOWN, None),
        (Phase.SAC, BootStore(), b""),
        (Phase.FAILED, BootStore(), b"crashdump\r"),
        (Phase.QUIT, BootStore(), b"crashdump\rq\r"),
        (Phase.HEALTH, BootStore(ems=False), b""),
        (Phase.DEBUGGER, BootStore(debug=True), b""),
    ],
)
def test_the_power_button_works_whatever_has_the_port(
    phase: Phase, store: BootStore, typed: bytes | None
) -> None:
    seat = Played(store=store, up=typed is not None)
    seat.type(typed or b"")
    assert seat.phase is phase
    seat.simulator.ask_to_stop(seat.now)
    assert seat.phase is Phase.OFF


def test_a_reset_leads_through_the_boot_menu_and_an_interrupt_is_only_heeded_by_windows() -> None:
    seat = Played(store=MENU_SHOWN, up=False)
    assert seat.simulator.nmi(seat.now) == b""
    seat.type(b"\r")
    assert seat.phase is Phase.LOADING
    assert seat.simulator.nmi(seat.now) == b""
    seat.wait(10)
    assert b"*** STOP: 0x00000080" in seat.simulator.nmi(seat.now)
    assert seat.phase is Phase.FAILED
    assert b"Windows Boot Manager" in seat.simulator.power_on(seat.now)
    assert seat.phase is Phase.MENU


def test_switches_in_xml() -> None:
    seat = Played(Settings(switch_xml=True))
    assert b"<channel-switch>\r\n<application-type>63d02271" in seat.type("cmd\rch -si 1\r")


WORDS = [
    b"%s\r" % each
    for each in (
        *(b"restart", b"crashdump", b"bcdedit /ems off", b"bcdedit /debug on", b"exit", b"ch -ci 1", b"lock"),
        *(b"copy con f", b"\x1a", b"type f", b"sim keys", b"\x03", b"s 01/01/0001 00:00", b"powershell"),
    )
]
TYPED = st.lists(
    st.one_of(
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"cmd\r",
                b"ch -si 1\r",
                b" ",
                LOGIN,
                POWERSHELL,
                b"\x1b\t",
                b"\x1b\t0",
                b"@'\r",
                b"'@ > f\r",
                *WORDS,
            ]
        ),
    ),
    max_size=30,
)


@given(typed=TYPED, gaps=st.lists(st.floats(0, 200), max_size=30), year=st.sampled_from(["2019", "2022"]))
def test_any_bytes_at_any_time_are_survived_and_answered_within_bounds(
    typed: list[bytes], gaps: list[float], year: str
) -> None:
    def play() -> tuple[bytes, Phase]:
        seat = Played(Settings(release=release(year), switch_xml=True))
        for at, each in enumerate(typed):
            came = seat.type(each)
            assert len(came) <= 8_192 * (len(each) + 1)
            seat.wait(gaps[at] if at < len(gaps) else 0.0)
        return bytes(seat.output), seat.phase

    assert play() == play()


def test_the_program_on_a_terminal_keeps_settings_and_files(tmp_path: Path) -> None:
    state, files = tmp_path / "state.json", tmp_path / "files"
    options = ("--state", str(state), "--files", str(files))
    with on_terminal(*options) as line:
        line.expect(b"available.\r\nSAC>")
        line.type(b"cmd\rch -si 1\r " + LOGIN)
        line.expect(b"system32>")
        line.type(b"copy con ../x.txt\rabc\r\x1a\rbcdedit /ems off\r")
        line.expect(b"successfully.")
        line.process.send_signal(signal.SIGTERM)
        assert line.process.wait(10) == 0
    assert (files / "x.txt").read_bytes() == b"abc\r\n"
    with on_terminal(*options) as line:
        line.expect(b"Health Report - Start")
    assert main(["--state", str(state), "--offline", "/store F:\\boot\\bcd /ems {default} on"]) == 0
    assert load(state).ems


@pytest.mark.parametrize(
    ("words", "written"),
    [
        (b"| Set-Content x.txt", b"ab\r\n"),
        (b"| Set-Content x.txt -NoNewline", b"ab"),
        (b"| Set-Content -NoNewline x.txt", b"ab"),
        (b"| Out-File -NoNewline -FilePath x.txt", b"ab"),
        (b"> x.txt", b"ab\r\n"),
    ],
)
def test_what_a_here_string_is_piped_into(words: bytes, written: bytes) -> None:
    seat = Played()
    seat.open_cmd()
    seat.type(POWERSHELL)
    seat.type(b"Remove-Module PSReadLine\r", pause=1)
    seat.type(b"@'\rab\r'@ " + words + b"\r")
    assert seat.simulator.files.read("x.txt") == written
