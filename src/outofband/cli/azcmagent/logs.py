"""`azcmagent logs`: the logs in one archive, without the secrets of this server."""

from __future__ import annotations

import os
import platform
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click
import msgspec

from outofband.catalogue import say
from outofband.cli.azcmagent import failing
from outofband.cli.azcmagent import show as showing
from outofband.cli.azcmagent.options import verb
from outofband.cli.azcmagent.rights import require_owner
from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.net.logfile import hide, redacted
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.cli.azcmagent.running import Run

NEWEST = 2
"""Logs of each service unless all are wanted."""
MAX_FILE = 64 * 1024 * 1024
MAX_SECRET_FILE = 64 * 1024
MIN_SECRET = 12
"""Characters of what is taken for a secret of a private file."""
_NUMBERED = re.compile(r"^(?P<service>.+?\.log)(?:\.\d+)?$")
_WORD = re.compile(rf"[A-Za-z0-9+/=_~.-]{{{MIN_SECRET},}}")
_NO_SECRET = frozenset({"BEGIN", "PRIVATE", "KEY", "END"})
PRIVATE = (
    "agent/agent.key",
    "agent/agent.key.next",
    "agent/identity-header",
    "client/first-password",
    "client/secret",
)
FOLDERS = ("tokens", "client/account", "agent/tokens")
"""Where secrets are, below the state directory."""


@click.command(epilog="Example:  azcmagent logs --full -o /tmp/logs.zip")
@click.option("-f", "--full", is_flag=True, help="All logs, not only the two newest of each service.")
@click.option(
    "-o",
    "--output",
    "file",
    metavar="FILE",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Archive to write.  [default: azcmagent-<TIMESTAMP>-<COMPUTERNAME>.zip here]",
)
@verb()
def logs(run: Run, *, full: bool, file: Path | None) -> int:
    """Put the agent's logs into a ZIP archive. What is a secret of this server is taken out of them."""
    require_owner(run.state)
    place = file or Path(f"azcmagent-{clock.now():%Y%m%dT%H%M%SZ}-{platform.node() or 'server'}.zip")
    for secret in secrets(run.state):
        hide(secret)
    found = list(_logs(run.state, full=full))
    state = showing.as_json(run)
    contents = [_text(each) for each in found]
    try:
        taken = _write(place, [each.name for each in found], contents, state)
    except OSError as error:
        raise AzcmFault("AZCM0106", file=str(place), detail=failing.system(error)) from error
    run.log("info", "logs collected", {"File": str(place), "Logs": len(found)})
    run.emit(
        {"file": str(place.absolute()), "logs": [each.name for each in found], "redacted": taken},
        say("logs-collected", count=len(found), file=place.absolute()),
        *([say("secrets-taken-out", logs=", ".join(taken))] if taken else []),
    )
    return 0


def _logs(state: StateDir, *, full: bool) -> Iterator[Path]:
    """Newest first, each service's own; with `full` the machines' hypervisor logs too."""
    taken: dict[str, int] = {}
    folder = sorted(state.log.glob("*.log*"), key=_age, reverse=True) if state.log.is_dir() else []
    for each in folder:
        service = _NUMBERED.match(each.name)
        if service is None or not each.is_file() or each.is_symlink():
            continue
        taken[service["service"]] = taken.get(service["service"], 0) + 1
        if full or taken[service["service"]] <= NEWEST:
            yield each
    if full:
        yield from (each for each in sorted(state.machines.glob("*/qemu.log")) if not each.is_symlink())


def _age(file: Path) -> float:
    try:
        return file.stat().st_mtime
    except OSError:
        return 0.0


def _text(file: Path) -> str:
    try:
        # Root reads where the agent's user writes: no link leads elsewhere by now, no pipe waits.
        handle = os.open(file, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as opened:
            found = os.fstat(handle)
            if not stat.S_ISREG(found.st_mode):
                return f"{file}: it is no file\n"
            opened.seek(max(0, found.st_size - MAX_FILE))
            return opened.read(MAX_FILE).decode("utf-8", "replace")
    except OSError as error:
        return f"{file}: {error.strerror or error}\n"


def _write(place: Path, names: list[str], contents: list[str], state: bytes) -> list[str]:
    """The archive, 0600, whole or not at all; names of the logs that had a secret in them."""
    half = place.with_name(f".{place.name}.{os.getpid()}")
    handle = os.open(half, os.O_WRONLY | os.O_CREAT | os.O_EXCL, stat.S_IRUSR | stat.S_IWUSR)
    taken: list[str] = []
    try:
        with os.fdopen(handle, "wb") as raw, zipfile.ZipFile(raw, "w", zipfile.ZIP_DEFLATED) as archive:
            used: set[str] = set()
            for name, content in zip(names, contents, strict=True):
                clean = redacted(content)
                if clean != content:
                    taken.append(name)
                number = 1
                inside = name
                while inside in used:
                    number += 1
                    inside = f"{number}-{name}"
                used.add(inside)
                archive.writestr(f"logs/{inside}", clean)
            archive.writestr("show.json", redacted(state.decode()))
            archive.writestr("manifest.json", msgspec.json.encode({"logs": sorted(used), "redacted": taken}))
        half.replace(place)
    finally:
        half.unlink(missing_ok=True)
    return taken


def secrets(state: StateDir) -> Iterator[str]:
    """Every word of this server's private files that is long enough to be one."""
    files = [state.root / each for each in PRIVATE]
    for folder in FOLDERS:
        files += [each for each in sorted((state.root / folder).glob("*")) if each.is_file()]
    for file in files:
        try:
            with file.open("rb") as opened:
                text = opened.read(MAX_SECRET_FILE).decode("ascii", "replace")
        except OSError:
            continue
        yield from (word for word in _WORD.findall(text) if word not in _NO_SECRET and "http" not in word)
