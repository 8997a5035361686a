"""`oob paste` into GRUB's editor and into PowerShell under the simulated SAC: nothing is lost or doubled.

What arrived is not believed of the screen. GRUB runs what its editor holds: each pasted line adds to a
variable, the last ones have it written to the disk, which is read when GRUB has switched the machine off.
PowerShell is asked for the file's SHA-256.
"""

from __future__ import annotations

import hashlib
import random
import re
import shutil
import string
import struct
import subprocess
import time
from collections.abc import Iterator
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from guests import grub
from guests.build import Guest
from outofband.wire.drawn import is_editor
from outofband.wire.pasted import paste_of
from tests.peers.house import House, until
from tests.peers.viewer import Viewer

LEAN, WHOLE = 1_500, 100_000
LONG_S = 5400.0
"""For 100 kB: GRUB draws a line anew for each key; PowerShell gets equal characters a second apart."""
OFFSET, ALL_ZEROS = 0x00FF_FFFF_FFFF_FE00, 1
"""Of an entry in a QCOW2 table."""
LONG = [pytest.mark.soak, pytest.mark.timeout(LONG_S)]
SECTOR, FIRST_SECTOR = 512, 2048
BLOCK = "pasted.env"
HEAD = b"# GRUB Environment Block\n"
CONTROL_X, CONTROL_P = b"\x18", b"\x10"
FIRST_ROW = re.compile(rb"\x1b\[5;3H([^\x1b]+)")
AT_TOP = re.compile(rb"\x1b\[5;3H(?:\x1b\[\?25h)+\Z")
PART = 10_000
"""Bytes that are pasted at once."""


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    """With a VM `menu` whose GRUB waits for somebody, and the simulator `win-sim`."""
    made = House(demo_guest)
    try:
        made.up("--no-demo", "--windows")
        room = HEAD + b"#" * (3 * WHOLE)
        disk = grub.build(made.root / "grub.img", demo_guest, files={BLOCK: room})
        made.oob("agent", "image", "grub", "--disk", str(disk))
        made.kill("agent")
        made.up("--no-demo")
        yield made
    finally:
        made.close()


def pasted(house: House, name: str, text: bytes, folder: Path) -> dict[str, Any]:
    file = folder / "text"
    file.write_bytes(text)
    began = time.monotonic()
    told: dict[str, Any] = house.json("paste", name, str(file), "--yes", seconds=LONG_S)
    seconds = time.monotonic() - began
    print(f"{len(text)} bytes into {name}: {seconds:.0f} s, {len(text) / seconds:.0f} bytes/s, {told}")
    return told


# --- GRUB ---


def words(size: int) -> list[str]:
    """Lines of all printable ASCII but the quotation mark that encloses them, with many repeats. As they are
    pasted they have `size` bytes.
    """
    chance, lines, made = random.Random(size), list[str](), 0
    letters = "".join(each for each in string.printable[:95] if each != "'")
    while made < size:
        picked = [chance.choice([*letters, "aa", "   ", "ooo", "11", "\\\\", "$$"]) for _ in range(48)]
        # Some go on in the next row of the screen.
        lines.append(
            "".join(picked * (2 if chance.random() < 0.05 else 1))[: chance.choice([30, 60, 120])] + "."
        )
        made += len(script(lines[-1:]))
    return lines


END = f"save_env -f ${{prefix}}/{BLOCK} p\nhalt\n"
"""What was pasted before it is kept on the disk, and the machine goes off."""


def script(lines: list[str]) -> bytes:
    return "".join(f"p=\"${{p}}\"'{each}'\n" for each in lines).encode()


def kept(house: House, name: str, folder: Path) -> bytes:
    """The variable `p` as GRUB wrote it to the machine's disk."""
    found = house.json("vm", "show", name)["properties"]
    [overlay] = (house.root / "agent" / "machines").glob(f"{found['vmId']}/*.qcow2")
    part = folder / "partition"
    part.write_bytes(merged(overlay, house.root / "grub.img")[SECTOR * FIRST_SECTOR :])
    debugfs = shutil.which("debugfs") or "/usr/sbin/debugfs"
    shown = subprocess.run(
        [debugfs, "-R", f"cat /boot/grub/{BLOCK}", str(part)], check=True, capture_output=True
    )
    assert shown.stdout.startswith(HEAD)
    value = re.match(rb"p=((?:[^\\\n]|\\.)*)\n", shown.stdout[len(HEAD) :])
    assert value is not None, shown.stdout[:200]
    return re.sub(rb"\\(.)", rb"\1", value[1])


def merged(overlay: Path, base: Path) -> bytes:
    """The disk as the machine has it: a raw image under a QCOW2 overlay without compression or snapshots
    (docs/interop/qcow2.rst of QEMU). qemu-img would do it, and is not on every host that has QEMU.
    """
    data, whole = overlay.read_bytes(), bytearray(base.read_bytes())
    magic, bits, entries, at = *struct.unpack_from(">4s", data), *struct.unpack_from(">I12xIQ", data, 20)
    assert magic == b"QFI\xfb"
    size = 1 << bits
    for first in range(entries):
        table = struct.unpack_from(">Q", data, at + 8 * first)[0] & OFFSET
        for second in range(size // 8 if table else 0):
            entry = struct.unpack_from(">Q", data, table + 8 * second)[0]
            place = (first * (size // 8) + second) * size
            if entry & OFFSET:
                whole[place : place + size] = data[entry & OFFSET : (entry & OFFSET) + size]
            elif entry & ALL_ZEROS:
                whole[place : place + size] = bytes(size)
    return bytes(whole)


@pytest.mark.parametrize(
    "size",
    [pytest.param(LEAN, marks=pytest.mark.peers), pytest.param(WHOLE, marks=LONG)],
)
def test_into_the_editor_of_grub(house: House, tmp_path: Path, size: int) -> None:
    name = f"menu-{size}"
    house.oob("vm", "create", name, "--image", "grub")
    until("GRUB shows its menu", lambda: "Use the" in house.oob("vm", "log", name).stdout)
    with Viewer(house, name=name) as viewer:
        viewer.type(b"e")
        until("the editor waits for a key", lambda: is_editor(viewer.shown))
    lines = words(size)
    share = -(-len(lines) // max(1, size // PART))
    parts = [lines[at : at + share] for at in range(0, len(lines), share)]
    # For each key GRUB measures all text before the cursor: from the last part to the first it stays short.
    for part in reversed(parts):
        text = script(part) + (END.encode() if part is parts[-1] else b"")
        assert pasted(house, name, text, tmp_path)["verdict"] == "echoed"
        with Viewer(house, name=name) as viewer:
            viewer.type(CONTROL_P * (text.count(b"\n") + 1))
            first = text[:60].splitlines()[0]
            until("the cursor is at the top", partial(above, viewer, first), 240)
    with Viewer(house, name=name) as viewer:
        viewer.type(CONTROL_X)
        until("GRUB has switched it off", lambda: stopped(house, name), 240)
    whole = "".join(lines).encode()
    assert hashlib.sha256(kept(house, name, tmp_path)).digest() == hashlib.sha256(whole).digest()
    house.oob("vm", "delete", name, "--yes")


def above(viewer: Viewer, first: bytes) -> bool:
    """What was drawn last in the first row is the first line, and there the cursor waits."""
    shown = viewer.shown
    drawn = FIRST_ROW.findall(shown)
    return bool(drawn) and drawn[-1].startswith(first) and AT_TOP.search(shown) is not None


def stopped(house: House, name: str) -> bool:
    return "stopped" in house.oob("vm", "show", name).stdout


# --- PowerShell ---


def document(size: int, repeat_each: int) -> bytes:
    """Lines of any printable ASCII in which one pair of equal characters comes each so many bytes."""
    chance, text = random.Random(size), ""
    while len(text) < size:
        letters = "".join(chance.choice(string.printable[:95]) for _ in range(chance.randint(30, 100)))
        single = "".join(one for one, follows in pairwise(letters) if one != follows)
        due = len(text) // repeat_each != (len(text) + len(single)) // repeat_each
        middle = len(single) // 2
        line = single[: middle + 1] + single[middle:] if due else single
        text += line.strip().lstrip("'") + "\n"
    return text.encode()


@pytest.mark.parametrize(
    ("size", "repeat_each"),
    [
        pytest.param(LEAN, 300, marks=pytest.mark.peers),
        pytest.param(WHOLE, 400, marks=LONG),
    ],
)
def test_into_powershell(house: House, tmp_path: Path, size: int, repeat_each: int) -> None:
    until("SAC is there", lambda: "is now available." in house.oob("vm", "log", "win-sim").stdout)
    with Viewer(house, name="win-sim") as viewer:
        viewer.type(b"\x1b\t0\r")
        viewer.expect(b"SAC>")
        viewer.type(b"cmd\r")
        viewer.expect(b"Channel: Cmd")
        channel = re.findall(rb"Channel: (Cmd\d+)", viewer.shown)[-1]
        viewer.type(b"ch -sn %s\r" % channel)
        viewer.expect(b"any other key")
        viewer.type(b" ")
        viewer.expect(b"Username: ")
        viewer.type(b"administrator\r\rsimulator\r")
        viewer.expect(b"system32>")
        viewer.type(b"powershell\r")
        viewer.expect(b"PS C:\\Windows\\system32> ")
    text = document(size, repeat_each)
    pairs = sum(one == follows for one, follows in pairwise(text.decode()))
    assert pairs >= size // repeat_each // 2, "there is something to triple"
    here = b"@'\n" + text + b"'@ | Set-Content got.txt -NoNewline\n"
    told = pasted(house, "win-sim", here, tmp_path)
    assert (told["verdict"], told["typed"]) == ("echoed", len(paste_of(here).keys))
    with Viewer(house, name="win-sim") as viewer:
        viewer.type(b"(Get-FileHash got.txt).Hash\r")
        viewer.expect(hashlib.sha256(text[:-1]).hexdigest().upper().encode())
