"""`oob explain`: catalogue and detector, for a person who has a code, a text or a log. Needs no network."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.shell_completion import CompletionItem

from outofband.catalogue import codes, entry
from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault
from outofband.wire import azcm

if TYPE_CHECKING:
    from outofband.wire.explained import Explanation

STDIN = "-"
MAX_LOG = 256 * 1024 * 1024
"""Bytes of a log that are read: several of the longest rings."""
_WORDS = {
    "en": ("Cause: ", "line {line}, offset {offset}", "{count} times", "over before the end of the log"),
    "fr": ("Cause : ", "ligne {line}, position {offset}", "{count} fois", "terminé avant la fin du journal"),
    "nl": (
        "Oorzaak: ",
        "regel {line}, positie {offset}",
        "{count} keer",
        "voorbij vóór het einde van het logboek",
    ),
}
_AGE = {
    "en": "azcmagent, exit code {number}; {age}",
    "fr": "azcmagent, code de sortie {number} ; {age}",
    "nl": "azcmagent, afsluitcode {number}; {age}",
}


def _complete(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    begun = incomplete.lower()
    found = [CompletionItem(code) for code in sorted(codes()) if code.lower().startswith(begun)]
    return found or [CompletionItem(incomplete, type="file")]


@click.command(
    epilog="Examples:  oob explain AgentOffline   ·   oob explain web1.log   ·   "
    "oob vm log web1 | oob explain -   ·   oob explain 'grub rescue>'"
)
@click.argument("what", nargs=-1, required=True, shell_complete=_complete)
@options.printing
def explain(what: tuple[str, ...], output: str) -> None:
    """What WHAT means, why it happens and what to do.

    WHAT is a code (in any case), an error's text or a piece of it in English, French or Dutch (ours or
    Azure's), a file with the log of a guest's console, or `-` for a log on standard input. It is read here
    and goes nowhere.
    """
    text = " ".join(what)
    asked = text.strip("() ").lower()
    code = next((known for known in codes() if known.lower() == asked), None)
    if len(several := azcm.meanings(asked)) > 1:
        from outofband.wire.explained import of_code

        found = [of_code(each, show.voice.locale) for each in several]
        _several({"text": text, "found": found}, found, output)
    elif code is not None:
        _code(code, output)
    elif len(what) == 1 and (text == STDIN or _is_file(text)):
        _log(text, output)
    else:
        _text(text, output)


def _is_file(text: str) -> bool:
    try:
        return Path(text).is_file()
    except OSError:
        # A text that was copied is longer than any name of a file, or names one that may not be looked at.
        return False


def _code(code: str, output: str) -> None:
    from outofband.wire.detect import CODES
    from outofband.wire.explained import of_code

    known = entry(code)
    told = of_code(code, show.voice.locale)
    value: dict[str, Any] = {
        "code": code,
        "title": told.title,
        "message": told.message,
        "cause": told.cause,
        "remedy": told.remedy,
        "retryable": told.retry,
    }
    if azcm.exit_code(code) is not None:
        value |= {"exitCode": known.exit, "age": told.age}
    elif code not in CODES:
        value |= {"httpStatus": known.status, "exitCode": known.exit}

    def table(_: object) -> None:
        _entry(told)
        if code not in CODES and not told.age:
            again = ", trying again may help" if known.retry else ""
            show.line(f"HTTP status {known.status}, exit code {known.exit}{again}")

    show.emit(value, output, table)


def _text(text: str, output: str) -> None:
    from outofband.wire.explained import of_text

    found = of_text(text, show.voice.locale)
    if not found and " " in text.strip():
        raise Fault("TextNotRecognised")
    if not found:
        near = sorted(known for known in codes() if text.lower() in known.lower())
        raise Fault("CodeUnknown", asked=text, near=", ".join(near) or "none looks like it")
    _several({"text": text, "found": found}, found, output)


def _log(name: str, output: str) -> None:
    from outofband.wire.explained import of_log

    found = of_log(_read(name), show.voice.locale)
    if not found:
        raise Fault("LogShowsNoFailure", file=name)
    _several({"file": name, "found": found}, found, output)


def _read(name: str) -> bytes:
    """The newest MAX_LOG bytes would be another log's beginning: too long a one is refused."""
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(MAX_LOG + 1)
        else:
            with Path(name).open("rb") as file:
                data = file.read(MAX_LOG + 1)
    except OSError as error:
        raise Fault("LogUnreadable", file=name, detail=error.strerror or str(error)) from error
    if len(data) > MAX_LOG:
        raise Fault("LogUnreadable", file=name, detail=f"> {MAX_LOG // (1 << 20)} MiB")
    return data


def _several(value: dict[str, Any], found: list[Explanation], output: str) -> None:
    def table(_: object) -> None:
        for number, each in enumerate(found):
            if number:
                show.line("")
            _entry(each)

    show.emit(value, output, table)


def _entry(told: Explanation) -> None:
    cause, place, count, over = _WORDS[show.voice.locale]
    show.heading(f"{told.code}: {told.title}")
    if told.line is not None:
        facts = [place.format(line=told.line, offset=told.offset)]
        facts += [count.format(count=told.count)] if told.count > 1 else []
        facts += [over] if told.ended else []
        show.line(", ".join(facts))
    show.line(told.message)
    for each in told.evidence:
        show.line(f"  {each.line:>7} | {each.text}")
    if told.cause:
        show.line(cause + told.cause)
    for step in told.remedy:
        show.line(f"  - {step}")
    if told.age:
        show.line(_AGE[show.voice.locale].format(number=azcm.exit_code(told.code), age=told.age))
