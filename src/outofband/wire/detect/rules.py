"""The table of rules: a line's first words, the rest of it, and what to do about it.

The first words are literals, and the same ones make the search over whole chunks: a rule cannot be missed by
the one and found by the other. They are looked for after what a kernel, systemd or a shell puts before them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

if TYPE_CHECKING:
    from outofband.wire.detect.mind import Mind


class Line(msgspec.Struct, frozen=True):
    """A line to be judged. `text` is all of it; `body` what stands after the kernel's time, systemd's mark
    and `systemd[1]: `.
    """

    offset: int
    at: float
    text: str
    body: str
    stamp: float | None = None
    mark: str = ""
    """systemd's word in brackets: OK, FAILED, DEPEND, TIME ..."""


Handler = Callable[["Mind", Line, "re.Match[str]"], None]


class Rule(msgspec.Struct, frozen=True):
    heads: tuple[str, ...]
    handler: Handler
    name: str = ""
    """Of the function behind it."""


RULES: list[Rule] = []
_WORDS: list[tuple[re.Pattern[str], Handler]] = []
Words = dict[bytes, re.Pattern[bytes] | None]
WORDS: Words = {
    b"login: ": re.compile(rb"(?:\x1b[^\n]{0,40})?[\w.()-]{0,64} ?login: "),
    b"@": re.compile(rb"(?:\x1b[^\n]{0,40})?\[?[\w.-]{1,64}@[\w.()-]{1,64}[ :\x1b]"),
    b":~# ": None,
    b"<y>?": None,
    b"y/n)?": None,
}
"""Looked for anywhere in a line: prompts that follow a name, and the rules by `anywhere`. A pattern says how
such a line begins, where the word alone is frequent.
"""

_BEFORE = re.compile(
    r"(?:\[ {0,6}(?P<stamp>\d{1,8}\.\d{1,6})\](?:\[ *[TC]\d+\])? ?)?"
    r"(?:\[ {0,3}(?P<mark>OK|FAILED|DEPEND|TIME|WARN|INFO|SKIP|ABRT) {0,3}\] )?"
    r"(?:systemd\[1\]: )?"
)
BEFORE = rb"(?:\x1b\[[0-9;?]*[A-Za-z]|\[[^\]\n]{1,48}\]|systemd\[1\]: | )*+"
"""What may stand before a line's first words: colours, a kernel's time, systemd's mark."""
PROMPTS = (
    ":/# ",
    "/ # ",
    "~ # ",
    "dracut:/",
    "switch_root:/",
    "bash-",
    "dash-",
    "sh-",
    "grub rescue>",
    "grub>",
    "(initramfs)",
    "SAC>",
    "!SAC>",
    "Shell> ",
    "UEFI Shell> ",
    "kdb>",
)


def rule(heads: str | tuple[str, ...], rest: str = "") -> Callable[[Handler], Handler]:
    """A line that begins with one of `heads` (no pattern), goes on as `rest` (a pattern)."""
    literals = (heads,) if isinstance(heads, str) else heads

    def take(handler: Handler) -> Handler:
        pattern = re.compile("(?:" + "|".join(map(re.escape, literals)) + ")" + rest)

        def tried(mind: Mind, line: Line, _: re.Match[str]) -> None:
            if found := pattern.match(line.body):
                handler(mind, line, found)

        RULES.append(Rule(literals, tried, handler.__name__))
        return handler

    return take


def anywhere(words: str | tuple[str, ...], pattern: str) -> Callable[[Handler], Handler]:
    """A line that has one of `words` at any place (found as bytes), and `pattern` something to find in it.

    Every word costs a search of its own over all that a guest prints: long ones cost little.
    """

    def take(handler: Handler) -> Handler:
        WORDS.update({word.encode(): None for word in ((words,) if isinstance(words, str) else words)})
        _WORDS.append((re.compile(pattern), handler))
        return handler

    return take


def split(offset: int, at: float, text: str, rest: str) -> Line:
    """The line `text`, of which `rest` is what stands after a prompt."""
    before = _BEFORE.match(rest)
    assert before is not None
    stamp, mark = before["stamp"], before["mark"] or ""
    body = rest[before.end() :].strip()
    return Line(offset, at, text, body, float(stamp) if stamp else None, mark)


class Table:
    """The rules as one pattern, made once when all of them are known."""

    def __init__(self) -> None:
        heads = {head: each.handler for each in RULES for head in each.heads}
        self._handlers: dict[str, list[Handler]] = {}
        for each in RULES:
            for head in each.heads:
                self._handlers.setdefault(head, []).append(each.handler)
        # The longest first: of two heads the one that says more decides.
        ordered = sorted(heads, key=lambda head: (-len(head), head))
        self._pattern = re.compile("|".join(map(re.escape, ordered)))
        literals = {*heads, *PROMPTS}
        self.keys = frozenset(head.encode()[:4] for head in literals)
        first = b"|".join(re.escape(head.encode()) for head in sorted(literals))
        self.heads = re.compile(rb"(?:" + first + rb")")

    def handle(self, mind: Mind, line: Line) -> None:
        """Give a line to the rules that know its beginning, and to those that look anywhere in it."""
        found = self._pattern.match(line.body)
        if found is not None:
            for handler in self._handlers[found[0]]:
                handler(mind, line, found)
        for pattern, handler in _WORDS:
            if hit := pattern.search(line.text):
                handler(mind, line, hit)
