"""`oob audit`: the activity log as evidence. Verified here, on the client, from what the server gives."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.audit_events import tail
from outofband.core.errors import Fault
from outofband.core.secrets import write_private

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir
    from outofband.wire.audit.verify import Report

_FILE = click.Path(dir_okay=False, allow_dash=True, path_type=Path)
_DAY = click.DateTime(["%Y-%m-%d"])
MAX_PROBLEMS_SHOWN = 50


@click.group()
def audit() -> None:
    """Who did what, and proof that nobody changed the record of it.

    \b
    Is it whole?        oob audit verify
    Take it elsewhere:  oob audit export log.jsonl; oob audit keys > keys.json
    Verify it there:    oob audit verify log.jsonl --keys keys.json
    """


def _span(function: Any) -> Any:
    since = click.option("--from", "since", type=_DAY, help="First day, 2026-03-04.  [default: all]")
    until = click.option("--to", "until", type=_DAY, help="Last day.  [default: today]")
    return since(until(function))


@audit.command(
    epilog="Examples:  oob audit verify --from 2026-03-01   ·   oob audit verify log.jsonl --keys keys.json"
)
@click.argument("file", type=_FILE, required=False)
@click.option("--keys", "keys", type=_FILE, help="Public keys that `oob audit keys` wrote: for FILE.")
@_span
@options.common
def verify(
    file: Path | None, keys: Path | None, since: Any, until: Any, state: StateDir, output: str
) -> None:
    """Is the log what was written? Says from when to when it is complete, or what is missing or changed.

    Without FILE the control plane is asked for its log, and for its public keys; the links and signatures are
    checked here. With FILE, an export, nothing is asked of anybody.
    """
    if file is None:
        with options.sign_in(state) as client:
            public = _public(client.get("/audit/keys", version=None))
            report = _report(_export(client, since, until), public)
    else:
        if keys is None:
            raise Fault("UsageInvalid", detail="to verify a file takes the public keys: --keys FILE")
        public = _public(_read_json(keys))
        report = _report(_lines(file), public)

    def table(_: object) -> None:
        _tell(report)

    show.emit(msgspec.to_builtins(report), output, table)
    if not report.complete:
        raise Fault("AuditBroken", problems=len(report.problems) + report.more)


@audit.command(epilog="Example:  oob audit export log.jsonl --from 2026-03-01 --to 2026-03-31")
@click.argument("file", type=_FILE, required=False)
@_span
@options.common
def export(file: Path | None, since: Any, until: Any, state: StateDir, output: str) -> None:
    """Write the log as JSON lines that can be verified anywhere, to FILE (mode 0600) or to standard output.

    Records of other tenants are in it by their digest alone.
    """
    with options.sign_in(state) as client:
        told = b"".join(line + b"\n" for line in _export(client, since, until))
    if file is None or str(file) == "-":
        sys.stdout.buffer.write(told)
        return
    write_private(file, told)
    count = told.count(b"\n")
    show.emit(
        {"file": str(file), "lines": count}, output, lambda _: show.line(f"{count} lines are in {file}.")
    )


@audit.command(epilog="Example:  oob audit keys > keys.json")
@options.common
def keys(state: StateDir, output: str) -> None:
    """Print the public keys that the log is signed with, as JSON. Keep them away from the log."""
    with options.sign_in(state) as client:
        found = client.get("/audit/keys", version=None)
    text = msgspec.json.format(msgspec.json.encode(found), indent=2).decode()
    show.emit(found, output, lambda _: click.echo(text))


audit.add_command(tail)


def _export(client: ArmClient, since: Any, until: Any) -> Iterator[bytes]:
    query = {
        name: day.date().isoformat() for name, day in (("from", since), ("to", until)) if day is not None
    }
    yield from client.text("/audit/export", **query).split(b"\n")[:-1]


def _lines(file: Path) -> Iterator[bytes]:
    try:
        if str(file) == "-":
            yield from sys.stdin.buffer
            return
        with file.open("rb") as opened:
            yield from opened
    except OSError as error:
        raise Fault("AuditUnreadable", path=str(file), detail=error.strerror or str(error)) from error


def _read_json(file: Path) -> Any:
    try:
        return msgspec.json.decode(b"".join(_lines(file)))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("AuditUnreadable", path=str(file), detail="it is not JSON") from error


def _public(document: Any) -> dict[str, Ed25519PublicKey]:
    from outofband.wire.audit import chain

    try:
        return {str(each["kid"]): chain.public_key(each["jwk"]) for each in document["keys"]}
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise Fault("AuditUnreadable", path="keys", detail="these are not keys of an audit log") from error


def _report(told: Iterable[bytes], public: Mapping[str, Ed25519PublicKey]) -> Report:
    from outofband.wire.audit import lines
    from outofband.wire.audit.verify import Verifier

    verifier = Verifier(public)
    for number, line in enumerate(told, 1):
        try:
            verifier.feed(lines.read(line))
        except ValueError as error:
            raise Fault("AuditUnreadable", path=f"line {number}", detail=str(error)) from error
    return verifier.report()


def _tell(report: Report) -> None:
    if report.complete:
        show.heading(
            f"complete from {report.since or '-'} to {report.until or '-'}: {report.records} records"
        )
    else:
        show.heading("The log is not what was written:")
        for each in report.problems[:MAX_PROBLEMS_SHOWN]:
            where = " ".join(filter(None, [each.node, each.day]))
            show.line(f"  {each.what}: {where + ': ' if where else ''}{each.detail}")
        rest = len(report.problems) - MAX_PROBLEMS_SHOWN + report.more
        if rest > 0:
            show.line(f"  and {rest} more")
    rows = [
        (
            each.node,
            each.first_day,
            each.last_day,
            str(each.records),
            str(each.pruned),
            each.signed_at or "never",
            str(each.unsigned),
        )
        for each in report.nodes
    ]
    show.rows(["NODE", "FROM", "TO", "RECORDS", "REMOVED BY AGE", "SIGNED UP TO", "UNSIGNED"], rows, empty="")
    if report.older:
        show.note(f"{report.older} rows are from before there was a chain: nothing proves them.")
