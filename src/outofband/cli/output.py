"""What the CLI prints: tables for people, JSON for programs, and faults with their remedy on stderr."""

from __future__ import annotations

import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import click
import msgspec

from outofband.catalogue import Explained, Words, entry
from outofband.client.faults import RemoteFault, explained
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT

OUTPUTS = ("table", "json")
# Line breaks and tabs may stay; everything else that a terminal would obey, or that turns a line's reading
# order around, is not for a sentence to have.
_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")
_LINE_BREAKS = re.compile(r"[\t\n]+")
_ERROR = {"en": "error", "fr": "erreur", "nl": "fout"}
_CAUSE = {"en": "cause:  ", "fr": "cause :  ", "nl": "oorzaak: "}
_REMEDY = {"en": "remedy:", "fr": "remède :", "nl": "oplossing:"}
_REPORTED = re.compile(rf"^(?:{'|'.join(_ERROR.values())}) \((\w+)\) ", re.MULTILINE)
_CAUSES = re.compile(rf"^(?:{'|'.join(_CAUSE.values())})", re.MULTILINE)
_REMEDIES = re.compile(rf"^(?:{'|'.join(_REMEDY.values())}) ", re.MULTILINE)
EXIT_BROKEN_PIPE = 128 + signal.SIGPIPE


class Voice:
    """How much this command says beside its result (-q, -v), and in whose name a person runs it."""

    quiet = False
    verbose = False
    locale = DEFAULT
    """Of what is told when something goes wrong."""
    signed_in = ""
    """`NAME at ADDRESS` once the requests are a person's; told with every failure."""


voice = Voice()


def wants_json(arguments: Sequence[str]) -> bool:
    """Whether a command line asks for JSON; looked at by hand: a fault may come before it is parsed."""
    chosen = ""
    for position, word in enumerate(arguments):
        if word == "--":
            break
        if word in ("-o", "--output"):
            chosen = "".join(arguments[position + 1 : position + 2])
        elif word.startswith("--output="):
            chosen = word.removeprefix("--output=")
        elif word.startswith("-o") and not word.startswith("-o="):
            chosen = word.removeprefix("-o")
    return chosen == "json"


def plain(text: str) -> str:
    """Without anything a terminal would obey: names and guests' words reach a screen as text only."""
    return _OBEYED.sub("\ufffd", text)


def words_for(fault: Fault) -> Explained:
    """What to tell a person: as `client.faults.explained`, with moments in this machine's own time."""
    words = explained(fault, voice.locale)
    return msgspec.structs.replace(words, message=local_times(words.message))


def report(fault: Fault, *, as_json: bool) -> int:
    """Print a fault on stderr and return the exit code it stands for."""
    request = fault.request_id if isinstance(fault, RemoteFault) else ""
    if as_json:
        words = explained(fault, voice.locale)
        error: dict[str, Any] = {
            "code": words.code,
            "title": words.title,
            "message": words.message,
            "cause": words.cause,
            "remedy": words.remedy,
            "retryable": words.retry,
        }
        known = {"requestId": request, "signedIn": voice.signed_in}
        error |= {name: value for name, value in known.items() if value}
        say(msgspec.json.encode({"error": error}).decode())
        return words.exit
    words = words_for(fault)
    for each in told_lines(words.code, words.message, words.cause, words.remedy):
        say(each)
    if request and (voice.verbose or words.code == "InternalError"):
        say(f"request: {plain(request)}")
    if voice.signed_in:
        say(f"you:    {plain(voice.signed_in)}")
    return words.exit


def told_lines(
    code: str, message: str, cause: str, remedy: Iterable[str], between: Iterable[str] = ()
) -> Iterator[str]:
    """The lines that tell of a failure, in colours; `between` cause and remedy."""
    kind = click.style(_ERROR[voice.locale], fg="red", bold=True)
    yield f"{kind} ({code}) {plain(message)}"
    if cause:
        yield _CAUSE[voice.locale] + plain(cause)
    for each in between:
        yield plain(each)
    for step in remedy:
        yield click.style(_REMEDY[voice.locale], bold=True) + " " + plain(step)


def reported(text: str) -> Fault | None:
    """The last fault that `report` printed into `text`, as a fault again: how a service of ours ended."""
    found = list(_REPORTED.finditer(text))
    if not found:
        return None
    code = found[-1][1]
    body, *remedy = _REMEDIES.split(text[found[-1].end() :].strip())
    message, *causes = _CAUSES.split(body, maxsplit=1)
    cause = "".join(causes)
    known = entry(code)
    words = Explained(
        code=code,
        title=known.title,
        message=message.strip(),
        cause=cause.strip(),
        remedy=[step.strip() for step in remedy],
        status=known.status,
        exit=known.exit,
        retry=known.retry,
        action=known.action,
    )
    return RemoteFault(words)


def emit(value: Any, how: str, table: Callable[[Any], None]) -> None:
    """Print `value` as JSON, or call `table` to print it for people."""
    if how == "json":
        _echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode())
    else:
        table(value)


def line(text: str) -> None:
    """A sentence of the result."""
    _echo(plain(text))


def styled(text: str) -> None:
    """A sentence of the result with colours of ours in it; what is not ours went through `plain`."""
    _echo(text)


def heading(text: str) -> None:
    _echo(click.style(text, bold=True))


def here(words: Words) -> str:
    """A text in the language of whoever runs the command."""
    return words.text(voice.locale)


def rows(titles: Sequence[str], lines: Iterable[Sequence[str]], *, empty: str) -> None:
    """A table as wide as its content; `empty` is said on stderr when there is no line."""
    found = [tuple(_cell(cell) for cell in each) for each in lines]
    if not found:
        note(empty)
        return
    widths = [max(len(cell) for cell in column) for column in zip(titles, *found, strict=True)]
    head = "  ".join(title.ljust(width) for title, width in zip(titles, widths, strict=True))
    heading(head.rstrip())
    for each in found:
        _echo("  ".join(cell.ljust(width) for cell, width in zip(each, widths, strict=True)).rstrip())


def facts(pairs: Mapping[str, str]) -> None:
    """Name and value, a line each; what is empty is left out."""
    width = max((len(name) for name in pairs), default=0)
    for name, value in pairs.items():
        if value:
            _echo(f"{click.style(name.ljust(width), bold=True)}  {_cell(value)}")


def note(text: str) -> None:
    """A word beside the result, for a person; -q takes it away."""
    if not voice.quiet:
        say(text)


def trace(text: str) -> None:
    """What -v shows."""
    say(click.style(plain(text), dim=True))


def say(text: str) -> None:
    """A line on stderr."""
    _echo(text, err=True)


def interactive() -> bool:
    """Whether there is somebody to ask."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def nobody_reads() -> int:
    """The exit code when the reader of our output has gone, which click turns into SystemExit."""
    # What is still buffered would raise once more when the interpreter flushes it at its end.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
    return EXIT_BROKEN_PIPE


def _echo(text: str, *, err: bool = False) -> None:
    click.echo(text, err=err, color=False if os.environ.get("NO_COLOR") else None)


def _cell(text: str) -> str:
    return _LINE_BREAKS.sub(" ", plain(text))


def local_times(text: str) -> str:
    """Moments in UTC, as the API writes them, as this machine's wall clock shows them."""
    return _MOMENT.sub(lambda found: _local(found[0]), text)


def _local(moment: str) -> str:
    try:
        return clock.parse_iso(moment).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
    except ValueError:
        return moment
