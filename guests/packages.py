"""Debian packages through the machine's own apt: found, fetched and read without root, never installed."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tarfile
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

QUERY_TIMEOUT_S: Final = 60
DOWNLOAD_TIMEOUT_S: Final = 900
ERROR_TEXT_MAX: Final = 400  # characters of a tool's last words that go into a message

_UPDATE: Final = "Run `apt-get update` as root and try again."
_REFETCH: Final = "Build again with --force."
_UNREACHABLE: Final = (
    "Temporary failure resolving",
    "Could not resolve",
    "Could not connect",
    "Unable to connect",
    "Connection timed out",
    "Connection failed",
    "Network is unreachable",
)
_NO_ROOM: Final = ("No space left on device", "enough free space")


class GuestError(Exception):
    """Why a guest could not be built: `message` says what happened, `remedy` what to do about it."""

    def __init__(self, message: str, remedy: str) -> None:
        super().__init__(f"{message} {remedy}")
        self.message = message
        self.remedy = remedy


class ToolError(GuestError):
    """A program failed or took too long; `said` is the end of what it wrote to standard error."""

    def __init__(self, program: str, problem: str, said: str) -> None:
        super().__init__(f"{program} {problem}: {said or 'it said nothing'}", "Try again.")
        self.said = said


@dataclass(frozen=True)
class Package:
    """A package that was fetched: `file` is the name of its archive in the package folder."""

    name: str
    version: str
    file: str
    sha256: str

    def intact_in(self, folder: Path) -> bool:
        """Whether the archive is in `folder` with the content it was fetched with."""
        path = folder / self.file
        return path.is_file() and file_sha256(path) == self.sha256


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's content, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def run_tool(argv: Sequence[str], *, timeout_s: float, cwd: Path | None = None) -> bytes:
    """Run a program with untranslated messages and give its standard output; GuestError, ToolError."""
    try:
        done = subprocess.run(
            argv,
            check=True,
            capture_output=True,
            timeout=timeout_s,
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            env={**os.environ, "LC_ALL": "C"},
        )
    except FileNotFoundError as missing:
        raise GuestError(
            f"The program {argv[0]} is not on this machine.",
            "The guest is built on Debian or a relative of it: it needs apt and dpkg.",
        ) from missing
    except subprocess.CalledProcessError as failed:
        lines = failed.stderr.decode(errors="replace").splitlines()
        # apt marks what it failed of; its warnings would only push that out of the message.
        said = " ".join([line for line in lines if line.startswith("E: ")] or lines)[-ERROR_TEXT_MAX:]
        raise ToolError(argv[0], f"ended with status {failed.returncode}", said) from failed
    except subprocess.TimeoutExpired as late:
        raise ToolError(argv[0], f"did not end within {timeout_s} s", "") from late
    return done.stdout


def newest_version(name: str) -> str:
    """The version of package `name` that apt would take."""
    return _field(name, "Version")


def dependency(name: str, pattern: str) -> str:
    """The first package that `name` depends on and whose whole name matches the regular expression."""
    depends = _field(name, "Depends")
    for clause in depends.split(","):
        target = clause.strip().partition(" ")[0]
        if re.fullmatch(pattern, target):
            return target
    raise GuestError(f"{name} depends on nothing like {pattern}: {depends[:ERROR_TEXT_MAX]}.", _UPDATE)


def fetch(names: Sequence[str], folder: Path) -> list[Package]:
    """Download the newest version of each package into `folder`; apt checks origin and content.

    An archive appears under its name only when it is complete; older archives in `folder` are removed.
    """
    folder.mkdir(parents=True, exist_ok=True)
    fetched = []
    with tempfile.TemporaryDirectory(dir=folder, prefix=".fetch-") as staging:
        stage = Path(staging)
        for name in names:
            version = newest_version(name)
            _download(f"{name}={version}", stage)
            archive = next(stage.glob(f"{name}_*.deb"))
            fetched.append(Package(name, version, archive.name, file_sha256(archive)))
            archive.replace(folder / archive.name)
    for stale in folder.glob("*.deb"):
        if stale.name not in {package.file for package in fetched}:
            stale.unlink()
    return fetched


def read_members(archive: Path, paths: Sequence[str]) -> dict[str, bytes]:
    """The content of the files `paths` (relative to the root) that a package archive would install."""
    wanted, found = set(paths), dict[str, bytes]()
    for member, content in _members(archive):
        path = member.name.removeprefix("./")
        if path in wanted and member.isfile():
            found[path] = content()
    if lacking := sorted(wanted - found.keys()):
        raise GuestError(f"{archive} does not contain {', '.join(lacking)}.", _REFETCH)
    return found


def read_libraries(archive: Path, names: Sequence[str]) -> dict[str, bytes]:
    """The content of shared libraries by the names programs know them by, which may be links to the files."""
    files, links = dict[str, str](), dict[str, str]()
    for member, _ in _members(archive):
        name = member.name.rpartition("/")[2]
        if member.isfile():
            files[name] = member.name.removeprefix("./")
        elif member.issym():
            links[name] = member.linkname.rpartition("/")[2]
    paths = {name: files.get(links.get(name, name), name) for name in names}
    contents = read_members(archive, list(paths.values()))
    return {name: contents[path] for name, path in paths.items()}


def _members(archive: Path) -> Iterator[tuple[tarfile.TarInfo, Callable[[], bytes]]]:
    """What a package archive would install, and a way to read each while it is the current one."""
    command = ["dpkg-deb", "--fsys-tarfile", str(archive)]
    try:
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as unpacker,
            tarfile.open(fileobj=unpacker.stdout, mode="r|") as members,
        ):
            for member in members:
                stream = members.extractfile(member) if member.isfile() else None
                yield member, stream.read if stream is not None else bytes
    except FileNotFoundError as missing:
        raise GuestError("The program dpkg-deb is not on this machine.", "Install dpkg.") from missing
    except tarfile.TarError as damaged:
        raise GuestError(f"{archive} cannot be unpacked: {damaged}.", _REFETCH) from damaged


def _field(name: str, field: str) -> str:
    try:
        shown = run_tool(["apt-cache", "show", "--no-all-versions", name], timeout_s=QUERY_TIMEOUT_S).decode()
    except ToolError as unknown:
        raise GuestError(
            f"apt knows no package {name}: its lists are missing, or not those of Debian 12 for amd64.",
            _UPDATE,
        ) from unknown
    match = re.search(rf"^{field}: (.*)$", shown, re.MULTILINE)
    if match is None:
        raise GuestError(f"apt knows no {field} of the package {name}.", _UPDATE)
    return match[1]


def _download(spec: str, folder: Path) -> None:
    try:
        run_tool(["apt-get", "download", "-q", spec], timeout_s=DOWNLOAD_TIMEOUT_S, cwd=folder)
    except ToolError as failed:
        if any(text in failed.said for text in _UNREACHABLE):
            remedy = "The package source cannot be reached: check network, DNS and apt's proxy settings."
        elif any(text in failed.said for text in _NO_ROOM):
            remedy = "Make room on the disk and try again."
        else:
            remedy = f"The package lists may be out of date. {_UPDATE}"
        raise GuestError(f"Downloading {spec} failed. {failed.message}", remedy) from failed
