"""What is typed of a text, and the checksum of a here-document."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

import pytest

from outofband.wire.pasted import HereDocument, paste_of


def test_line_ends_become_enter_and_controls_are_left_out() -> None:
    paste = paste_of(b"one\r\ntwo\n\x1b[31mred\x7f\tx\rlast")
    assert paste.keys == b"one\rtwo\r[31mred\tx\rlast"
    assert (paste.lines, paste.controls, paste.tabs, paste.long_line) == (4, 2, 1, None)
    assert paste.is_risky


def test_controls_of_unicode_are_left_out_too() -> None:
    """A terminal may take U+009B for the beginning of a command."""
    paste = paste_of("caf\u00e9 \u00a0 \u009b31m \u0085x".encode())
    assert (paste.keys, paste.controls) == ("caf\u00e9 \u00a0 31m x".encode(), 2)


def test_one_line_without_an_end_is_not_asked_about() -> None:
    assert not paste_of(b"uname -a").is_risky
    assert paste_of(b"uname -a\n").is_risky


def test_a_line_that_is_cut_and_a_long_preview_are_said() -> None:
    paste = paste_of(b"ok\n" + b"a" * 5000 + b"\n" * 9)
    assert paste.long_line == 2
    shown = paste.preview()
    assert (len(shown), shown[1], shown[-1]) == (6, "a" * 100 + "…", "…")


@pytest.mark.parametrize(
    "content", [b"plain text\nwith 'quotes' and $dollars\n", bytes(range(256)) * 9, b"x"]
)
def test_a_shell_writes_what_was_sent_and_says_its_sum(tmp_path: Path, content: bytes) -> None:
    target = tmp_path / "it's here"
    document = HereDocument(content, str(target), "OOBtag")
    script = document.paste.keys.replace(b"\r", b"\n")
    said = subprocess.run(["sh"], input=script, capture_output=True, check=True).stdout
    assert target.read_bytes() == content
    assert document.found(said) == document.sum == hashlib.sha256(content).hexdigest()
    assert document.found(script) is None, "the echo of the question is no answer"
