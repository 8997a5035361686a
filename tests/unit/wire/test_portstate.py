"""What a port shows: its rules one by one, any cut of the same bytes, and the corpus."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire.portstate import LOOK, PortState, Reader, Seen, advance, reader
from tests.corpus.measure import HELD_OUT, KNOWN
from tests.corpus.states import measure

SAC = (
    b"\r\nComputer is booting, SAC started and initialized.\r\n\r\n"
    b'Use the "ch -?" command for information about using channels.\r\n'
    b'Use the "?" command for general help.\r\n\r\n\r\nSAC>'
)
HEALTH = (
    b"======== Microsoft Azure VM Health Report - Start 2018-03-06T02:06:40.6Z ========\r\n"
    b'{"reportTime":"2018-03-06T02:06:40.6Z","networkAdapters":[]}\r\n'
)
MENU = (
    b"\x1b[2J\x1b[1;1H               Windows Boot Manager\x1b[4;1HChoose an operating system to start"
    b"\x1b[7;1H    Windows Server [EMS Enabled]   >"
)
PACKET = b"0000\x07\x00\x04\x00\x00\x08\x80\x80\x12\x34\x00\x00abcd"
LOGIN = b"[    1.5] eth0: up\r\n\r\nDebian GNU/Linux 12 web1 ttyS0\r\n\r\nweb1 login: "
SHELL = LOGIN + b"root\r\nPassword: \r\nLast login: Fri\r\nroot@web1:~# "


def shown(*parts: bytes) -> PortState:
    log, seen = b"", Seen()
    for part in parts:
        log += part
        start = max(seen.line, len(log) - LOOK)
        seen = advance(seen, start, log[start:])
    return seen.state


@pytest.mark.parametrize(
    ("parts", "state"),
    [
        ([b""], "silent"),
        ([b"\r\n\r\n"], "silent"),
        ([b"anything else\r\n"], "unknown"),
        ([SAC], "sac"),
        ([SAC, b"\r\nEVENT: The CMD command is now available.\r\nSAC>"], "sac"),
        ([SAC, b"cmd\r\nThe Command Prompt session was successfully launched.\r\n"], "sac"),
        ([SAC, HEALTH], "sac"),
        ([HEALTH], "healthReport"),
        ([HEALTH, SAC], "sac"),
        ([SAC, b"\r\n*** STOP: 0x000000D1 (0x8,0x2)\r\n"], "unknown"),
        ([SAC, b"\r\n*** STOP: 0x000000D1 (0x8,0x2)\r\n!SAC>"], "sacFailed"),
        ([MENU], "bootManager"),
        ([MENU, SAC], "sac"),
        ([b"BdsDxe: loading Boot0001\r\n", PACKET], "kernelDebugger"),
        ([PACKET, PACKET, PACKET[:9]], "kernelDebugger"),
        ([PACKET, SAC], "sac"),
        ([SAC, PACKET], "kernelDebugger"),
        ([b"C:\\Windows\\system32>"], "sac"),
        ([LOGIN], "login"),
        ([LOGIN, b"root\r\nPassword: "], "login"),
        ([LOGIN, b"\r\n[  99.000001] usb 1-1: new device\r\n"], "login"),
        ([LOGIN, b"\r\n[    0.000000] Linux version 6.1\r\n"], "unknown"),
        ([SHELL], "shell"),
        ([LOGIN, b"u\r\nPassword: \r\n$ "], "shell"),
        ([SHELL, b"cat boot.log\r\nSAC>\r\ngrub> ls\r\nold login: root\r\n" + HEALTH], "shell"),
        ([SHELL, b"exit\r\nlogout\r\n\r\nweb1 login: "], "login"),
        ([SHELL, b"sleep 99\r\nSeaBIOS (version 1.16)\r\n"], "firmware"),
        ([SHELL, b"x\r\n[9.1] ---[ end Kernel panic - not syncing: sysrq ]---\r\n"], "unknown"),
        ([b"GNU GRUB  version 2.06\r\n"], "grub"),
        ([b"grub rescue> "], "grub"),
        ([b"Shell> "], "firmware"),
        ([b"\r\n[1]kdb> "], "kernelDebugger"),
    ],
)
def test_what_is_printed_says_who_reads_keys(parts: list[bytes], state: str) -> None:
    assert shown(*parts).value == state


WHOLE = SAC + b"\r\n*** STOP: 0x000000D1 (0x8,0x2)\r\n!SAC>" + b"\r\nSeaBIOS (version 1)\r\n" + SHELL


@given(st.lists(st.integers(0, len(WHOLE)), max_size=12))
def test_any_cut_comes_to_the_same(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(WHOLE)]
    parts = [WHOLE[a:b] for a, b in pairwise(edges)]
    assert shown(*parts) is PortState.SHELL


@given(st.binary(max_size=600), st.sampled_from(list(PortState)), st.booleans())
def test_nothing_that_is_printed_breaks_it(data: bytes, state: PortState, running: bool) -> None:
    seen = advance(Seen(state, 10, running), 10, data)
    assert 10 <= seen.line <= 10 + len(data)
    assert advance(seen, seen.line, b"") == seen


def test_what_fell_out_between_two_looks_is_passed_over() -> None:
    seen = advance(Seen(PortState.LOGIN, 5), 900, b"SAC>tail of a line\r\nmore text\r\n")
    assert seen == Seen(PortState.LOGIN, 900 + 31)


@pytest.mark.parametrize("part", [KNOWN, HELD_OUT])
def test_the_corpus(part: str) -> None:
    right, wrong = measure(part)
    assert not wrong, wrong
    assert right > 40


@pytest.mark.parametrize(
    ("printed", "who"),
    [
        (b"\r\nSAC>", Reader.SAC),
        (b"\r\n!SAC>", Reader.SAC),
        (b"\x1b[2J\x1b[1;1H\x1b[0;37;40mSAC> \x1b[0m", Reader.SAC),
        (b"\r\nC:\\Windows\\system32>\r\n", Reader.CHANNEL),
        (b"\x1b[5;1HPS C:\\Users\\me> ", Reader.CHANNEL),
        (b"\r\nSAC>ch -l\r\n", None),
        (b"\r\nSAC>ch", None),
        (b"root@demo:~# ", None),
        (b"", None),
    ],
)
def test_whose_prompt_of_windows_console_waits(printed: bytes, who: Reader | None) -> None:
    assert reader(printed) is who
