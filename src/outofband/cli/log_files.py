"""`oob vm log --cast` and `--html`: what a VM printed as a file for others to play or to read."""

from __future__ import annotations

import base64
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click

from outofband.cli import log_text
from outofband.cli.log_text import Teller
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire import log_page
from outofband.wire.cast import Cast

Page = dict[str, Any]


def write(path: str, parts: Iterable[str] | Iterable[bytes]) -> None:
    """Whole or not at all; `-` is standard output. Raises Fault UsageInvalid."""
    try:
        if path == "-":
            for each in parts:
                click.echo(each, nl=False)
            return
        place = Path(path)
        half = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            with half.open("xb") as out:
                out.writelines(each.encode() if isinstance(each, str) else each for each in parts)
            half.replace(place)
        finally:
            half.unlink(missing_ok=True)
    except OSError as error:
        raise Fault("UsageInvalid", detail=f"{path}: {error.strerror or error}") from error


def cast(pages: Iterable[Page], title: str) -> Iterator[str]:
    """The lines of a recording, of raw pages."""
    recording: Cast | None = None
    boots: set[tuple[int, int]] = set()
    for page in pages:
        times = [(each["end"], _seconds(each["at"])) for each in page.get("times", ())]
        # An older control plane tells none.
        times = times or [(page["next"], _seconds(page["at"]))]
        if recording is None:
            recording = Cast(times[0][1], title=title)
            yield recording.header()
        events: list[tuple[int, str, float | None]] = [
            (boot["from"], f"boot {boot['number']}", _seconds(boot["at"]))
            for boot in page["boots"]
            if page["from"] <= boot["from"] < page["next"] and (boot["number"], boot["from"]) not in boots
        ]
        boots |= {(boot["number"], boot["from"]) for boot in page["boots"] if boot["from"] < page["next"]}
        events += [(gap["end"], log_text.gap_words(gap), None) for gap in page["gaps"]]
        data, at = base64.b64decode(page["data"]), page["from"]
        for place, label, when in sorted(events, key=lambda event: event[0]):
            yield from recording.output(at, data[: max(0, place - at)], _until(times, place))
            data, at = data[max(0, place - at) :], max(at, place)
            yield recording.marker(label, when)
        yield from recording.output(at, data, times)


def _until(times: list[tuple[int, float]], place: int) -> list[tuple[int, float]]:
    """What came before `place`, and the look at the log that saw it."""
    count = sum(end < place for end, _ in times)
    return times[: count + 1]


def document(pages: Iterable[Page], title: str, *, boots: bool) -> Iterator[str]:
    """The pieces of an HTML document, of pages with colours."""
    teller = Teller(boots=boots)
    yield log_page.begin(title, f"As it was at {log_text.moment(clock.iso())}. Times are those of {_zone()}.")
    for page in pages:
        for kind, value in teller.told(page):
            if kind != "line":
                yield log_page.item(log_page.Word(kind, log_text.text_of(kind, value)))
                continue
            yield log_page.item(
                log_page.Line(
                    value["text"],
                    value.get("at", ""),
                    log_text.moment(value["at"]) if value.get("at") else "",
                    value.get("looks", ()),
                    value.get("matches", ()),
                )
            )
    yield log_page.END


def _zone() -> str:
    return clock.now().astimezone().tzname() or "UTC"


def _seconds(at: str) -> float:
    """To the millisecond, as a browser reads a time."""
    moment = clock.parse_iso(at)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000).timestamp()
