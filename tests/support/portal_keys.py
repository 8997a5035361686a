"""The tables of `wire/keys.py` as the portal's console carries them, and what holds its code to that module.

`python -m tests.support.portal_keys` writes both files; a test fails when the module has moved on.
"""

from __future__ import annotations

import json
from pathlib import Path

from outofband.wire import keys
from outofband.wire.keys import Converter, Key, Layout, Shown

FILE = Path(__file__).parents[2] / "web" / "src" / "console" / "keys" / "keys.json"
VECTORS = Path(__file__).with_name("key_vectors.json")

TYPED = [
    *keys.VT.values(),
    *keys.OTHER_FORMS,
    b"\x1b",
    b"\t",
    b"\x1b\t",
    b"\x1b\t0",
    b"\x1bx",
    b"\x1b\x1b[A",
    b"\x7f",
    b"\x08",
    b"dir c:\\\r",
    "é€".encode(),
    b"\x1b[1;5C",
    b"\x1b[1;2P",
    b"\x1b[3;5~",
    b"\x1b[15;2~",
    b"\x1b[24;80R",
    b"\x1b[1;2R",
    b"\x1b[?1;2c",
    b"\x1b[200~two\rlines\x1b[201~",
    b"\x1b[<0;10;10M",
    b"a\x1b[Ab\x1b[3~c",
]
PRINTED: list[list[bytes]] = [
    [b""],
    [b"\r\nComputer is booting, SAC started and initialized.\r\n\r\nSAC>"],
    [b"\r\nSAC>", b"ch"],
    [b"\r\nSAC>ch -si 1\r\n", b"C:\\Windows\\system32>"],
    [b"\r\nSA", b"C>"],
    [b"\r\n!SAC>"],
    [b"\r\nSAC>\r\nDebian GNU/Linux 12 demo ttyS0\r\n\r\ndemo login: "],
    [b"$ echo it is not SAC>\r\nit is not SAC>\r\n$ "],
    [b"Debian GNU/Linux 12 demo ttyS0\r\n\r\ndemo login: "],
]


def text() -> str:
    """The tables."""

    def table(of: dict[Key, bytes]) -> dict[str, str]:
        return {key.value: sequence.decode() for key, sequence in of.items()}

    tables = {
        "vt": table(keys.VT),
        "application": table(keys.VT_APPLICATION),
        "vtUtf8": table(keys.VT_UTF8),
        "otherForms": {sequence.decode(): key.value for sequence, key in keys.OTHER_FORMS.items()},
        "backspace": {layout.value: sent.decode() for layout, sent in keys.BACKSPACE.items()},
    }
    states = {"windowsStates": sorted(keys.VT_UTF8_STATES), "sacStates": sorted(keys.SAC_STATES)}
    return _laid_out({**tables, **states})


def vectors() -> str:
    def sent(typed: bytes, layout: Layout) -> tuple[str, int]:
        converter = Converter(layout)
        return (converter.feed(typed) + converter.flush()).hex(), converter.dropped

    def layout_of(chunks: list[bytes], state: str | None) -> str:
        shown = Shown()
        shown.state = state
        for chunk in chunks:
            shown.feed(chunk)
        return shown.layout.value

    typed = [
        {"layout": layout.value, "typed": each.hex(), "sent": got, "dropped": dropped}
        for layout in Layout
        for each in TYPED
        for got, dropped in [sent(each, layout)]
    ]
    printed = [
        {"chunks": [chunk.hex() for chunk in chunks], "state": state, "layout": layout_of(chunks, state)}
        for chunks in PRINTED
        for state in (None, "sac", "login")
    ]
    return json.dumps({"typed": typed, "printed": printed}, indent=1) + "\n"


def _laid_out(value: dict[str, object]) -> str:
    """As the portal's formatter does it."""
    members = []
    for name, each in value.items():
        line = json.dumps(each, ensure_ascii=True)
        if isinstance(each, dict):
            rows = ",\n".join(f"    {json.dumps(key)}: {json.dumps(one)}" for key, one in each.items())
            line = "{\n" + rows + "\n  }"
        members.append(f"  {json.dumps(name)}: {line}")
    return "{\n" + ",\n".join(members) + "\n}\n"


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(text())
    VECTORS.write_text(vectors())
