"""The single steps of an installation or a removal: what each would do, in words, and doing it."""

from __future__ import annotations

import contextlib
import grp
import os
import pwd
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path

import msgspec

from outofband.core.errors import Fault

COMMAND_SECONDS = 120.0
LAST_WORDS = 400


class Step(msgspec.Struct, frozen=True):
    def say(self) -> str:
        """One line: what it does."""
        raise NotImplementedError

    def do(self) -> None:
        """Do it; once more changes nothing. Raises Fault InstallFailed."""
        raise NotImplementedError


class Folder(Step, frozen=True):
    """`owner` is a user and its group; None: as it comes."""

    path: Path
    mode: int
    owner: str | None = None

    def say(self) -> str:
        return f"folder {self.path} {self.mode:04o}{f' of {self.owner}' if self.owner else ''}"

    def do(self) -> None:
        self.path.mkdir(parents=True, exist_ok=True)
        # What is in there may be the agent's user's own; the folder itself is no link that it made.
        handle = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        try:
            if self.owner is not None:
                entry = pwd.getpwnam(self.owner)
                os.fchown(handle, entry.pw_uid, entry.pw_gid)
            os.fchmod(handle, self.mode)
        finally:
            os.close(handle)


class File(Step, frozen=True):
    """Root's file, replaced as a whole. `keep`: one that is there stays."""

    path: Path
    text: str
    mode: int = 0o644
    owner: str | None = None
    keep: bool = False

    def say(self) -> str:
        return f"file {self.path} {self.mode:04o}{' unless there is one' if self.keep else ''}"

    def do(self) -> None:
        if self.keep and self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        scratch = self.path.with_name(f".{self.path.name}.new")
        scratch.unlink(missing_ok=True)
        handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(self.text)
            file.flush()
            if self.owner is not None:
                entry = pwd.getpwnam(self.owner)
                os.fchown(handle, entry.pw_uid, entry.pw_gid)
            os.fchmod(handle, self.mode)
            os.fsync(handle)
        scratch.replace(self.path)


class Link(Step, frozen=True):
    """A symbolic link; what is there and is no link stays."""

    path: Path
    target: str

    def say(self) -> str:
        return f"link {self.path} -> {self.target}"

    def do(self) -> None:
        if self.path.is_symlink():
            self.path.unlink()
        elif self.path.exists():
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.symlink_to(self.target)


class Account(Step, frozen=True):
    """A user of the system with a group of the same name, and other groups where they are there."""

    name: str
    home: str
    groups: tuple[str, ...]

    def say(self) -> str:
        more = f", in {', '.join(self.groups)}" if self.groups else ""
        return f"user and group {self.name}{more}"

    def do(self) -> None:
        if not _has_group(self.name):
            _run(["groupadd", "--system", self.name])
        try:
            pwd.getpwnam(self.name)
        except KeyError:
            shell = next(
                (each for each in ("/usr/sbin/nologin", "/sbin/nologin") if Path(each).exists()), "/bin/false"
            )
            command = ["useradd", "--system", "--gid", self.name, "--no-create-home", "--home-dir", self.home]
            _run([*command, "--shell", shell, "--comment", "Outofband agent", self.name])
        if wanted := [each for each in self.groups if _has_group(each)]:
            _run(["usermod", "--append", "--groups", ",".join(wanted), self.name])


class NoAccount(Step, frozen=True):
    name: str

    def say(self) -> str:
        return f"no user and group {self.name}"

    def do(self) -> None:
        with contextlib.suppress(KeyError):
            pwd.getpwnam(self.name)
            _run(["userdel", self.name])
        if _has_group(self.name):
            _run(["groupdel", self.name])


class Gone(Step, frozen=True):
    """A file, a link or a folder with all that is in it. `empty`: a folder only if it is empty."""

    path: Path
    empty: bool = False

    def say(self) -> str:
        return f"no {self.path}{' if it is empty' if self.empty else ''}"

    def do(self) -> None:
        if self.path.is_symlink() or self.path.is_file():
            self.path.unlink(missing_ok=True)
        elif self.path.is_dir() and self.empty:
            with contextlib.suppress(OSError):
                self.path.rmdir()
        elif self.path.is_dir():
            shutil.rmtree(self.path)


class Command(Step, frozen=True):
    """`may_fail`: what it says does not matter."""

    words: tuple[str, ...]
    may_fail: bool = False

    def say(self) -> str:
        return f"run {' '.join(self.words)}"

    def do(self) -> None:
        _run(self.words, may_fail=self.may_fail)


def done(steps: Sequence[Step]) -> None:
    """All of them, in their order. Raises Fault InstallFailed at the first that cannot be done."""
    for step in steps:
        try:
            step.do()
        except (OSError, KeyError) as error:
            raise Fault("InstallFailed", step=step.say(), detail=str(error)) from error


def _has_group(name: str) -> bool:
    try:
        grp.getgrnam(name)
    except KeyError:
        return False
    return True


def _run(words: Sequence[str], *, may_fail: bool = False) -> None:
    try:
        said = subprocess.run(
            words,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        if may_fail:
            return
        raise Fault("InstallFailed", step=" ".join(words), detail=str(error)) from error
    if said.returncode and not may_fail:
        detail = said.stdout.decode(errors="replace").strip()[-LAST_WORDS:] or f"status {said.returncode}"
        raise Fault("InstallFailed", step=" ".join(words), detail=detail)
