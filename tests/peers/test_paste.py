"""`oob paste` into a real guest's shell: nothing lost, nothing doubled, the sum measured in the guest."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tests.peers.guest import PASSWORD
from tests.peers.house import House
from tests.peers.viewer import Viewer

LEAN, WHOLE = 12_000, 100_000


def at_shell(house: House) -> None:
    """The demo guest's console shows a shell's prompt."""
    with Viewer(house) as viewer:
        viewer.type(b"\r")
        viewer.expect(b"\r\n")
        viewer.type(b"\r")
        while b"login:" not in viewer.shown and b"$ " not in viewer.shown and b"# " not in viewer.shown:
            viewer.expect(b" ")
        if b"login:" in viewer.shown:
            viewer.type(b"demo\r")
            viewer.expect(b"assword")
            viewer.type(PASSWORD.encode() + b"\r")
        viewer.expect(b"$ ")


def pasted(house: House, folder: Path, content: bytes, target: str) -> None:
    file = folder / "content"
    file.write_bytes(content)
    at_shell(house)
    told = house.json("paste", "demo", str(file), "--here-document", target)
    assert told["sha256"] == hashlib.sha256(content).hexdigest()


@pytest.mark.peers
def test_bytes_of_any_kind_arrive_whole(house: House, tmp_path: Path) -> None:
    pasted(house, tmp_path, random.Random(1).randbytes(LEAN), "/tmp/lean")


@pytest.mark.peers
def test_what_differs_is_an_error(house: House, tmp_path: Path) -> None:
    file = tmp_path / "text"
    file.write_bytes(b"content\n")
    at_shell(house)
    refused = house.error("paste", "demo", str(file), "--here-document", "/nowhere/x", expect=1)
    assert refused["code"] == "PasteSumDiffers"


@pytest.mark.soak
@pytest.mark.parametrize("kind", ["text", "bytes"])
def test_a_hundred_kilobytes_into_a_shell(house: House, tmp_path: Path, kind: str) -> None:
    chance = random.Random(2)
    content = chance.randbytes(WHOLE)
    if kind == "text":
        words = ["aa", "book", "x" * 40, "lll", "echo", "$HOME", "'", '"', "the", "of", "1100", "\\"]
        text = "".join(chance.choice(words) + chance.choice("   \n") for _ in range(WHOLE // 6))
        content = text[: WHOLE - 1].encode() + b"\n"
    pasted(house, tmp_path, content, f"/tmp/{kind}")
