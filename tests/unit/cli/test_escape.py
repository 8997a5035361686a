"""The escape key and its menu, however the bytes are cut."""

from __future__ import annotations

import pytest

from outofband.cli.escape import Command, Escape, Keys, Wish

MENU = Command(Wish.MENU)


def pressed(*chunks: bytes, key: bytes = b"\x1d") -> list[object]:
    escape = Escape(key)
    return [thing for chunk in chunks for thing in escape.feed(chunk)]


@pytest.mark.parametrize(
    ("keys", "meant"),
    [
        (b"ls\r", [Keys(b"ls\r")]),
        (b"\x1dny", [MENU, Command(Wish.SURE, "nmi"), Command(Wish.NMI)]),
        (b"\x1dcy", [MENU, Command(Wish.SURE, "ctrl-alt-del"), Command(Wish.CTRL_ALT_DEL)]),
        (b"\x1dn\r", [MENU, Command(Wish.SURE, "nmi"), Command(Wish.CLOSED)]),
        (b"\x1dsbY", [MENU, Command(Wish.SYSRQ_KEY), Command(Wish.SURE, "b"), Command(Wish.SYSRQ, "b")]),
        (b"\x1dsbn", [MENU, Command(Wish.SYSRQ_KEY), Command(Wish.SURE, "b"), Command(Wish.CLOSED)]),
        (b"\x1dq", [MENU, Command(Wish.QUIT)]),
        (b"\x1dsh", [MENU, Command(Wish.SYSRQ_KEY), Command(Wish.SYSRQ, "h")]),
        (b"\x1dsH", [MENU, Command(Wish.SYSRQ_KEY), Command(Wish.SYSRQ, "h")]),
        (b"\x1ds!", [MENU, Command(Wish.SYSRQ_KEY), Command(Wish.CLOSED)]),
        (b"\x1dry", [MENU, Command(Wish.RESET_SURE), Command(Wish.RESET)]),
        (b"\x1dr\r", [MENU, Command(Wish.RESET_SURE), Command(Wish.CLOSED)]),
        (b"\x1d\x1d", [MENU, Keys(b"\x1d")]),
        (b"a\x1dxb", [Keys(b"a"), MENU, Command(Wish.CLOSED), Keys(b"b")]),
        (b"\x1dqrm", [MENU, Command(Wish.QUIT), Keys(b"rm")]),
    ],
)
def test_what_keys_mean(keys: bytes, meant: list[object]) -> None:
    assert pressed(keys) == meant
    one_by_one = pressed(*[bytes([byte]) for byte in keys])
    assert b"".join(k.payload for k in one_by_one if isinstance(k, Keys)) == b"".join(
        k.payload for k in meant if isinstance(k, Keys)
    )
    assert [c for c in one_by_one if isinstance(c, Command)] == [c for c in meant if isinstance(c, Command)]


def test_another_escape_key_leaves_the_default_to_the_guest() -> None:
    assert pressed(b"\x1d\x01q", key=b"\x01") == [Keys(b"\x1d"), MENU, Command(Wish.QUIT)]
