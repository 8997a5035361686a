"""The text of a paste: what a person is shown of it before, and in which form it is typed. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
import shlex

import msgspec

from outofband.wire.pasting import TTY_LINE

_ENDS = re.compile(rb"\r\n|\n")
_CONTROLS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|\xc2[\x80-\x9f]")
"""Those of ASCII, and of Unicode in UTF-8: 0xc2 begins a character and is never in the middle of one."""
_PLAIN = re.compile(rb"[\x20-\x7e\n]*\n\Z")
_BASE64_LINE = 76
"""Characters in a line of base64 (RFC 2045): no terminal breaks it."""
MAX_SHOWN_LINES = 5
MAX_SHOWN = 100


class Paste(msgspec.Struct, frozen=True):
    """What is typed, `keys`, and what to say of it before."""

    keys: bytes
    lines: int
    controls: int = 0
    """Control characters that were left out: they would be commands to the guest's terminal."""
    tabs: int = 0
    """A shell with completion does not insert them."""
    long_line: int | None = None
    """Number, from 1, of the first line that a terminal which reads lines cuts off."""

    @property
    def is_risky(self) -> bool:
        """To be shown before: a line end runs a command in a shell."""
        return self.lines > 1 or self.keys.endswith(b"\r") or self.controls > 0

    def preview(self) -> list[str]:
        """The first lines, for a person."""
        lines = self.keys.decode("utf-8", "replace").split("\r")
        shown = [each[:MAX_SHOWN] + ("…" if len(each) > MAX_SHOWN else "") for each in lines]
        return shown[:MAX_SHOWN_LINES] + (["…"] if self.lines > MAX_SHOWN_LINES else [])


def paste_of(text: bytes) -> Paste:
    """Text as it is typed: Enter ends each line, and no control character but Tab is left."""
    ended = _ENDS.sub(b"\r", text)
    keys, controls = _CONTROLS.subn(b"", ended)
    lines = keys.split(b"\r")
    if len(lines) > 1 and not lines[-1]:
        lines.pop()
    long = next((at for at, line in enumerate(lines, 1) if len(line) > TTY_LINE), None)
    return Paste(keys, len(lines), controls, keys.count(b"\t"), long)


class HereDocument:
    """A file that is written at a shell's prompt, and whose checksum the same shell is asked for.

    `tag` is a word that does not occur in the content. What is printable text goes as it is, all else as
    base64, which the guest's `base64 -d` takes apart. The guest's sum is in its output: `found`.
    """

    def __init__(self, content: bytes, path: str, tag: str) -> None:
        self.sum = hashlib.sha256(content).hexdigest()
        self._found = re.compile(rb"oob:" + tag.encode() + rb":([0-9a-f]{64}|)[\r\n]")
        name = shlex.quote(path)
        lines = content.split(b"\n")
        if _PLAIN.fullmatch(content) and all(len(each) < TTY_LINE for each in lines):
            begin, body = f"cat >{name} <<'{tag}'", content
        else:
            begin, whole = f"base64 -d >{name} <<'{tag}'", base64.b64encode(content)
            starts = range(0, len(whole), _BASE64_LINE)
            body = b"".join(whole[at : at + _BASE64_LINE] + b"\n" for at in starts)
        end = f"{tag}\nprintf 'oob:%s:%s\\n' {tag} \"$(sha256sum <{name} | cut -c1-64)\"\n"
        self.paste = paste_of(f"{begin}\n".encode() + body + end.encode())

    def found(self, output: bytes) -> str | None:
        """The sum that the guest printed, "" where it has no `sha256sum`; None while there is none."""
        hit = self._found.search(output)
        return hit[1].decode() if hit else None
