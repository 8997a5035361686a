"""Keys at the guest, byte for byte: what a terminal sends, and what a Linux guest and SAC get of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.wire import keys
from outofband.wire.keys import Converter, Key, Layout, Shown
from tests.support import portal_keys

# Written down from xterm's ctlseqs and from Microsoft's VT-UTF8, not taken from the tables under test.
AT_GUEST = {
    "Up": (b"\x1b[A", b"\x1b[A"),
    "Down": (b"\x1b[B", b"\x1b[B"),
    "Right": (b"\x1b[C", b"\x1b[C"),
    "Left": (b"\x1b[D", b"\x1b[D"),
    "Home": (b"\x1b[H", b"\x1bh"),
    "End": (b"\x1b[F", b"\x1bk"),
    "Insert": (b"\x1b[2~", b"\x1b+"),
    "Delete": (b"\x1b[3~", b"\x1b-"),
    "PageUp": (b"\x1b[5~", b"\x1b?"),
    "PageDown": (b"\x1b[6~", b"\x1b/"),
    "F1": (b"\x1bOP", b"\x1b1"),
    "F2": (b"\x1bOQ", b"\x1b2"),
    "F3": (b"\x1bOR", b"\x1b3"),
    "F4": (b"\x1bOS", b"\x1b4"),
    "F5": (b"\x1b[15~", b"\x1b5"),
    "F6": (b"\x1b[17~", b"\x1b6"),
    "F7": (b"\x1b[18~", b"\x1b7"),
    "F8": (b"\x1b[19~", b"\x1b8"),
    "F9": (b"\x1b[20~", b"\x1b9"),
    "F10": (b"\x1b[21~", b"\x1b0"),
    "F11": (b"\x1b[23~", b"\x1b!"),
    "F12": (b"\x1b[24~", b"\x1b@"),
}


def through(layout: Layout, *reads: bytes) -> bytes:
    converter = Converter(layout)
    return b"".join(map(converter.feed, reads)) + converter.flush()


def test_every_key_is_known() -> None:
    assert {key.value for key in Key} == set(AT_GUEST) == {key.value for key in keys.VT}
    assert set(keys.VT_UTF8) == set(Key)


@pytest.mark.parametrize(("key", "vt", "sac"), [(key, *sent) for key, sent in AT_GUEST.items()])
def test_a_key_at_the_guest(key: str, vt: bytes, sac: bytes) -> None:
    assert keys.VT[Key(key)] == vt
    assert through(Layout.VT, vt) == vt
    assert through(Layout.VT_UTF8, vt) == sac
    assert through(Layout.SAC_LINE, vt) == b""


@pytest.mark.parametrize(
    ("typed", "vt", "sac"),
    [
        (b"\x1bOA", b"\x1bOA", b"\x1b[A"),
        (b"\x1b[7~", b"\x1b[H", b"\x1bh"),
        (b"\x1b[4~", b"\x1b[F", b"\x1bk"),
        (b"\x1b[[E", b"\x1b[15~", b"\x1b5"),
        (b"\x1b[11~", b"\x1bOP", b"\x1b1"),
        (b"\x1b[1;5C", b"\x1b[1;5C", b"\x1b[C"),
        (b"\x1b[1;2P", b"\x1b[1;2P", b"\x1b1"),
        (b"\x1b[3;5~", b"\x1b[3;5~", b"\x1b-"),
        (b"\x1b[24;80R", b"\x1b[24;80R", b"\x1b[24;80R"),
        (b"\x7f", b"\x7f", b"\x08"),
        (b"\x1bx", b"\x1bx", b"\x1bx"),
        (b"\x1b\t", b"\x1b\t", b"\x1b\t"),
        (b"\x1b", b"\x1b", b"\x1b"),
        (b"\x1b\x1b[A", b"\x1b\x1b[A", b"\x1b\x1b[A"),
        (b"a\x1b[19~b", b"a\x1b[19~b", b"a\x1b8b"),
    ],
)
def test_forms_of_other_terminals_modifiers_and_what_is_no_key(typed: bytes, vt: bytes, sac: bytes) -> None:
    assert through(Layout.VT, typed) == vt
    assert through(Layout.VT_UTF8, typed) == sac


def test_an_escape_waits_for_what_may_follow_and_goes_alone_where_nothing_does() -> None:
    converter = Converter(Layout.VT_UTF8)
    assert converter.feed(b"a\x1b") == b"a"
    assert converter.waits
    assert converter.feed(b"[1") == b""
    assert converter.feed(b"9~") == b"\x1b8"
    assert not converter.waits
    assert converter.feed(b"\x1b") == b""
    assert converter.flush() == b"\x1b"
    assert converter.flush() == b""


def test_what_is_too_long_for_a_key_is_not_held() -> None:
    long = b"\x1b[" + b"1;" * keys.MAX_HELD
    assert Converter().feed(long) == long


def test_keys_that_the_prompt_of_sac_lacks_are_counted() -> None:
    converter = Converter(Layout.SAC_LINE)
    assert converter.feed(b"ch\x1b[D\x1b[3~\x7f\r\x1b\t") == b"ch\x08\r\x1b\t"
    assert converter.dropped == 2


_PIECES = st.sampled_from(
    [*keys.VT.values(), *keys.OTHER_FORMS, b"\x1b", b"ls\r", b"\x1b[200~", b"\x7f", b"O", b"["]
)


@given(st.lists(_PIECES), st.sampled_from(Layout), st.data())
def test_how_it_is_cut_into_reads_changes_nothing(
    pieces: list[bytes], layout: Layout, data: st.DataObject
) -> None:
    typed = b"".join(pieces)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(typed)), max_size=8)))
    reads = [typed[start:end] for start, end in zip([0, *cuts], [*cuts, len(typed)], strict=True)]
    assert through(layout, *reads) == through(layout, typed)


@given(st.binary())
def test_text_without_escapes_passes_a_vt_unchanged(typed: bytes) -> None:
    text = typed.replace(b"\x1b", b"")
    assert through(Layout.VT, text) == text


@pytest.mark.parametrize(
    ("printed", "layout"),
    [
        (b"", Layout.VT),
        (b"\r\nSAC>", Layout.SAC_LINE),
        (b"\r\nSAC>ch", Layout.SAC_LINE),
        (b"\r\n!SAC>", Layout.SAC_LINE),
        (b"SAC>cmd\r\n", Layout.VT_UTF8),
        (b"\r\nSAC>ch -si 1\r\nC:\\Windows\\system32>", Layout.VT_UTF8),
        (b"\r\nSAC>\r\ndemo login: ", Layout.VT),
        (b"$ echo SAC>\r\nit says SAC>", Layout.VT),
    ],
)
def test_a_port_is_known_by_what_it_prints(printed: bytes, layout: Layout) -> None:
    for size in (1, 3, len(printed) or 1):
        shown = Shown()
        for start in range(0, len(printed), size):
            shown.feed(printed[start : start + size])
        assert shown.layout is layout


def test_what_the_host_says_of_a_port_decides() -> None:
    shown = Shown()
    shown.state = "bootManager"
    assert shown.layout is Layout.VT_UTF8
    shown.feed(b"\r\nSAC>")
    shown.state = "login"
    assert shown.layout is Layout.VT
    shown.restarted()
    assert shown.layout is Layout.VT


def test_the_portal_has_these_tables() -> None:
    assert portal_keys.FILE.read_text() == portal_keys.text(), "run python -m tests.support.portal_keys"
    assert portal_keys.VECTORS.read_text() == portal_keys.vectors(), "run python -m tests.support.portal_keys"


@pytest.mark.parametrize(
    ("printed", "shell"),
    [
        (b"demo@demo:~$ ", True),
        (b"\r\n\x1b[?2004h\x1b[01;32mroot@demo\x1b[0m:/# ", True),
        (b"bash-5.2# ", True),
        (b"demo@demo:~$ \x1b[6n", True),
        (b"demo@demo:~$ ls", False),
        (b"demo login: ", False),
        (b"grub> ", False),
        (b"\r\nSAC>", False),
        (b"price: 5$\r\n", False),
    ],
)
def test_a_shell_that_waits(printed: bytes, shell: bool) -> None:
    shown = Shown()
    shown.feed(printed)
    assert shown.at_shell is shell


def test_a_login_is_told_once_at_the_shell_that_follows_it() -> None:
    shown = Shown()

    def sees(printed: bytes) -> bool:
        shown.feed(printed)
        return shown.take_login()

    printed = [b"demo@demo:~$ ", b"logout\r\ndemo login: ", b"demo\r\nPassword: "]
    printed += [b"\r\ndemo@demo:~$ ", b"ls\r\n", b"demo@demo:~$ "]
    assert [sees(each) for each in printed] == [False, False, False, True, False, False]
