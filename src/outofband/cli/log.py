"""`oob vm log`: what a VM printed, by time, boot or expression, as it comes, and who was at its console."""

from __future__ import annotations

import base64
import re
import sys
from collections import deque
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, BinaryIO

import click

from outofband.cli import log_files, log_text, options
from outofband.cli import output as show
from outofband.cli.log_text import Teller
from outofband.cli.log_writer import Writer
from outofband.core import clock
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.client.log import LogReader
    from outofband.core.paths import StateDir

MAX_LINES = 100_000
LINES = 50
EXIT_INTERRUPTED = 130
_AGO = re.compile(r"(\d{1,6})\s*([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def _since(_: click.Context, __: click.Parameter, given: str | None) -> str | None:
    """ISO time, this machine's own where it names no zone; or how long ago."""
    if given is None:
        return None
    try:
        if ago := _AGO.fullmatch(given.strip().lower()):
            at = clock.now() - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        else:
            at = datetime.fromisoformat(given.strip())
        return clock.iso(at.astimezone())
    except (ValueError, OverflowError):
        # The latter: before the first year that there is.
        raise click.BadParameter(f"'{given}' is no time like 2026-05-04T10:00 and no span like 10m") from None


@click.command(
    "log",
    epilog="Examples:  oob vm log web1 -f   ·   oob vm log web1 --boot -1   ·   "
    "oob vm log web1 --since 10m --grep '(?i)error|fail'   ·   oob vm log web1 --cast web1.cast",
)
@click.argument("name", shell_complete=options.complete_vm)
@click.option("-f", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C.")
@click.option(
    "-n",
    "lines",
    type=click.IntRange(1, MAX_LINES),
    help=f"The last so many lines.  [default: {LINES}; with --since, --boot, --grep or --raw all]",
)
@click.option(
    "--since", callback=_since, metavar="TIME", help="From then on: 2026-05-04T10:00, or 10m, 2h, 1d ago."
)
@click.option(
    "--boot", type=click.IntRange(max=0), help="Of one boot: 0 is the newest, -1 the one before it."
)
@click.option("--grep", metavar="RE", help="Only lines in which this expression is found.")
@click.option("-i", "--ignore-case", is_flag=True, help="For --grep: upper and lower case are the same.")
@click.option("-t", "--times", is_flag=True, help="When each line came, in this machine's own time.")
@click.option(
    "--raw", is_flag=True, help="The bytes as the guest printed them; a terminal gets no harmful ones."
)
@click.option(
    "--cast", metavar="FILE", help="A recording for `asciinema play`, with its times (asciicast v2)."
)
@click.option("--html", metavar="FILE", help="A page of its own with its colours, for any browser.")
@click.option("--boots", is_flag=True, help="List the boots that the log knows instead.")
@options.port
@options.group
@options.common
def log(
    name: str,
    follow: bool,
    lines: int | None,
    since: str | None,
    boot: int | None,
    grep: str | None,
    ignore_case: bool,
    times: bool,
    raw: bool,
    cast: str | None,
    html: str | None,
    boots: bool,
    port: str,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """What VM NAME printed on its serial port, whether it runs or not.

    Lines of the guest begin with two blanks. Those that begin with `* ` tell, each at its place, who was at
    the console, where a boot begins, and where output is missing.

    With -o json one document; with --follow a JSON object a line. --cast and --html write all of it, or
    what --since and --boot choose, to a file (`-` is standard output).
    """
    from outofband.client.log import PAGE_LINES, LogReader

    narrow = since is not None or boot is not None
    _check(
        follow=follow, boot=boot, grep=grep, raw=raw, boots=boots, output=output, cut=narrow and bool(lines)
    )
    if cast or html:
        given: dict[str, object] = {
            "-n": lines,
            "-f": follow,
            "--raw": raw,
            "--boots": boots,
            "-o json": output == "json",
        }
        given |= {"--cast with --html": cast and html, "--grep": cast and grep}
        _check_file("--cast" if cast else "--html", [option for option, value in given.items() if value])
    wish = {"since": since, "boot": boot, "grep": grep, "ignoreCase": ignore_case or None}
    with options.sign_in(state) as client:
        reader = LogReader(client, client.vm(name, group), port)
        try:
            if boots:
                _list_boots(reader, output)
            elif cast:
                log_files.write(cast, log_files.cast(reader.forward(**_narrowed(wish), raw=True), name))
            elif html:
                pages = reader.forward(**_begun(wish), lines=PAGE_LINES, colours=True)
                log_files.write(html, log_files.document(pages, name, boots=grep is None))
            elif raw:
                _raw(reader, wish, lines, follow=follow)
            elif follow:
                _follow(reader, wish, lines, output, times=times)
            else:
                _once(reader, wish, lines, output, times=times)
        except KeyboardInterrupt:
            if not follow:
                raise
            # It was to go on until then: nothing failed.
            sys.stdout.flush()
            raise click.exceptions.Exit(EXIT_INTERRUPTED) from None


def _check(
    *, follow: bool, boot: int | None, grep: str | None, raw: bool, boots: bool, output: str, cut: bool
) -> None:
    wrong = None
    if follow and boot:
        wrong = "a boot that is over has nothing more to follow: --follow goes with --boot 0"
    elif raw and grep is not None:
        wrong = "--grep finds lines, --raw gives bytes: one of them"
    elif raw and output == "json":
        wrong = "--raw gives bytes, -o json an object: one of them"
    elif raw and cut:
        wrong = "with --raw, -n counts from the end of the whole log: without --since and --boot"
    elif boots and (follow or raw or grep is not None):
        wrong = "--boots stands alone"
    if wrong:
        raise Fault("UsageInvalid", detail=wrong)


def _check_file(option: str, others: list[str]) -> None:
    if others:
        raise Fault("UsageInvalid", detail=f"{option} writes one file, and goes without {others[0]}")


def _begun(wish: dict[str, Any]) -> dict[str, Any]:
    """From its beginning, where nothing chooses another."""
    narrow = any(wish[name] is not None for name in ("since", "boot", "grep"))
    return wish if narrow else wish | {"from": 0}


def _narrowed(wish: dict[str, Any]) -> dict[str, Any]:
    """For pages of bytes."""
    return _begun({name: value for name, value in wish.items() if name in ("since", "boot")} | {"grep": None})


def _pages(reader: LogReader, wish: dict[str, Any], lines: int | None) -> Iterator[dict[str, Any]]:
    """What is there now, oldest first."""
    from outofband.client.log import PAGE_LINES

    if wish["since"] is None and wish["boot"] is None and wish["grep"] is None:
        wanted = lines or LINES
        try:
            yield from reader.last(wanted)
        except Fault as fault:
            if fault.code != "LogNotInAgent":
                raise
            yield reader.last_lines(wanted)
        return
    yield from reader.forward(**wish, lines=PAGE_LINES)


def _once(reader: LogReader, wish: dict[str, Any], lines: int | None, output: str, *, times: bool) -> None:
    teller = Teller(boots=wish["grep"] is None)
    if output == "json":
        _document(_pages(reader, wish, lines), lines)
        return
    found: deque[tuple[str, dict[str, Any]]] = deque()
    kept = 0
    page: dict[str, Any] = {}
    for page in _pages(reader, wish, lines):
        for each in teller.told(page):
            if lines is None or wish["since"] is wish["boot"] is wish["grep"] is None:
                click.echo(log_text.text_of(*each, times=times))
                continue
            found.append(each)
            kept += each[0] == "line"
            while kept > lines:
                kept -= found.popleft()[0] == "line"
    for each in found:
        click.echo(log_text.text_of(*each, times=times))
    _say_kept(page)


def _document(pages: Iterator[dict[str, Any]], limit: int | None) -> None:
    """All pages as one."""
    whole: dict[str, Any] = {}
    for page in pages:
        if not whole:
            whole = page
            continue
        # A line that was open at the end of a page is there again.
        whole["lines"] = [line for line in whole["lines"] if line["offset"] < page["from"]]
        count = len(whole["lines"])
        for part in ("records", "gaps"):
            whole[part] += [each | {"before": each["before"] + count} for each in page[part]]
        whole["lines"] += page["lines"]
        whole |= {name: page[name] for name in ("next", "more", "start", "end", "live", "at", "boots")}
    cut = max(0, len(whole["lines"]) - limit) if limit else 0
    if cut:
        del whole["lines"][:cut]
        for part in ("records", "gaps"):
            moved = [each | {"before": each["before"] - cut} for each in whole.get(part, ())]
            whole[part] = [each for each in moved if each["before"] >= 0]
    show.emit(whole, "json", lambda _: None)


def _say_kept(page: dict[str, Any]) -> None:
    if page and not page.get("live", True):
        show.note(
            "The host cannot be asked: this is what is kept of its log elsewhere, and may lack the end."
        )


def _follow(reader: LogReader, wish: dict[str, Any], lines: int | None, output: str, *, times: bool) -> None:
    teller = Teller(boots=wish["grep"] is None)
    writer = Writer(teller, as_json=output == "json", times=times, terminal=sys.stdout.isatty())
    page: dict[str, Any] | None = None
    for page in _pages(reader, wish, lines):
        if "next" not in page:
            raise Fault("LogNotInAgent", vm="")
        writer.page(page)
    assert page is not None
    more = {name: wish[name] for name in ("grep", "ignoreCase") if wish[name] is not None}
    live = True
    try:
        for each in reader.follow(page, **more):
            if isinstance(each, Fault):
                writer.pause()
                show.note(f"{show.words_for(each).message} Waiting until it is back.")
                live = False
                continue
            if each["live"] is not live:
                live = each["live"]
                writer.pause()
                show.note("It goes on." if live else "The host is away: what is kept of its log elsewhere.")
            writer.page(each)
    finally:
        writer.pause()


def _raw(reader: LogReader, wish: dict[str, Any], lines: int | None, *, follow: bool) -> None:
    """The bytes to standard output, whatever they are."""
    from outofband.wire.screen import Hygiene

    out: BinaryIO = sys.stdout.buffer
    hygiene = Hygiene() if sys.stdout.isatty() else None

    def put(page: dict[str, Any]) -> None:
        data = base64.b64decode(page["data"])
        for gap in page["gaps"]:
            show.note(log_text.gap_words(gap))
        out.write(hygiene.clean(data) if hygiene is not None else data)
        out.flush()

    begin = {"from": reader.last(lines)[0]["from"]} if lines is not None else _narrowed(wish)
    page: dict[str, Any] = {}
    for page in reader.forward(**begin, raw=True):
        put(page)
    _say_kept(page)
    if follow:
        for each in reader.follow(page, raw=True):
            if isinstance(each, Fault):
                show.note(f"{show.words_for(each).message} Waiting until it is back.")
            else:
                put(each)


def _list_boots(reader: LogReader, output: str) -> None:
    page = reader.ask(lines=1)

    def table(boots: list[dict[str, Any]]) -> None:
        rows = [
            (
                str(boot["boot"]),
                log_text.moment(boot["at"]),
                log_text.moment(boot["last"]),
                str(boot["end"] - boot["from"]),
                str(max(0, boot["end"] - max(boot["from"], page["start"]))),
            )
            for boot in boots
        ]
        show.rows(
            ("BOOT", "STARTED", "LAST OUTPUT", "BYTES", "STILL THERE"),
            rows,
            empty="The log knows of no boot.",
        )

    show.emit(page["boots"], output, table)
    _say_kept(page)
