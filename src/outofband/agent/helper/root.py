"""Root's helper: does what himds, which runs as a user of its own, may ask for. Nothing else, nobody else.

A connection on its socket (SOCK_SEQPACKET) is one question of one message, JSON; who asks is what the kernel
says (SO_PEERCRED). The verbs are those of `Verb`; what a verb takes is checked here, and what the host's
administrator has to allow stands in a file that only root can write.

Its file besides: where the agent's user reads the firmware's id of this machine, which only root can.
"""

from __future__ import annotations

import argparse
import contextlib
import enum
import fcntl
import grp
import os
import pwd
import selectors
import signal
import socket
import stat
import struct
import subprocess
import sys
import termios
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec

from outofband.core import clock

RUN = Path("/run/azcmagent")
SOCKET = "helper.sock"
POLICY = Path("/etc/outofband/policy.toml")
UUID = Path("/sys/class/dmi/id/product_uuid")
USER = "himds"
MAX_QUESTION, MAX_POLICY = 1024, 64 * 1024
MAX_LOGINS = 8
ASK_SECONDS = 2.0
"""For a question to come; whoever is silent is not waited for."""
END_SECONDS = 5.0
"""From the hang-up of a login to its end by force."""
_PTS = range(136, 144)
"""Major numbers of the slaves of pseudo-terminals (Documentation/admin-guide/devices.txt)."""


class Verb(enum.StrEnum):
    HELLO = "hello"
    LOGIN = "login"


class Question(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`login` comes with one descriptor: the terminal that the login gets, its asker's no longer."""

    verb: Verb


class Answer(msgspec.Struct, frozen=True, omit_defaults=True):
    """`error` is a word of the catalogue. A login is answered twice: with its `pid`, and at its end."""

    error: str = ""
    detail: str = ""
    pid: int = 0
    ended: int | None = None


class Console(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`emergency_shell`: whether a login may be had on a console of this server at all; `command` is it."""

    emergency_shell: bool = False
    command: Annotated[tuple[str, ...], msgspec.Meta(min_length=1)] = ("/bin/login",)


class Policy(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    console: Console = Console()


class Refusal(Exception):
    def __init__(self, code: str, detail: str = "") -> None:
        super().__init__(code, detail)
        self.answer = Answer(error=code, detail=detail)


def policy(path: Path) -> Policy:
    """What root allows; nothing without a file. Raises Refusal HelperPolicyInvalid."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return Policy()
    except OSError as error:
        raise Refusal("HelperPolicyInvalid", f"{path}: {error.strerror}") from error
    with os.fdopen(handle, "rb") as file:
        found = os.fstat(file.fileno())
        if not stat.S_ISREG(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o022:
            raise Refusal("HelperPolicyInvalid", f"{path}: others than root may write it")
        try:
            return msgspec.convert(tomllib.loads(file.read(MAX_POLICY).decode()), Policy)
        except (ValueError, msgspec.ValidationError) as error:
            raise Refusal("HelperPolicyInvalid", f"{path}: {error}") from error


class Login:
    """One login from its start to its end, and the connection that has it."""

    def __init__(self, asker: socket.socket, child: subprocess.Popen[bytes], pidfd: int) -> None:
        self.asker, self.child, self.pidfd = asker, child, pidfd
        self.deadline: float | None = None
        """When it is ended by force; None while nobody hung up."""

    def hang_up(self) -> None:
        self.deadline = clock.monotonic() + END_SECONDS
        self.signal(signal.SIGHUP)

    def signal(self, number: signal.Signals) -> None:
        """To the session's first group; what runs under it gets the terminal's hang-up from the kernel."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, number)


class Helper:
    """`allowed` are the users who may ask; it works until something happens at `woken`."""

    def __init__(
        self, listening: socket.socket, woken: socket.socket, *, allowed: frozenset[int], policy_file: Path
    ) -> None:
        self._listening, self._allowed, self._policy = listening, allowed, policy_file
        self._logins: list[Login] = []
        self._selector = selectors.DefaultSelector()
        self._selector.register(listening, selectors.EVENT_READ)
        self._selector.register(woken, selectors.EVENT_READ)
        self._woken = woken

    def run(self) -> None:
        """Logins go on after it, and end when their terminals do."""
        while True:
            ending = any(login.deadline is not None for login in self._logins)
            for key, _ in self._selector.select(0.5 if ending else None):
                if key.fileobj is self._woken:
                    return
                if key.fileobj is self._listening:
                    self._accept()
                    continue
                login: Login = key.data
                if key.fileobj == login.pidfd:
                    self._ended(login)
                elif login in self._logins:
                    # It says nothing more: this is its end.
                    self._selector.unregister(login.asker)
                    login.hang_up()
            for login in self._logins:
                if login.deadline is not None and clock.monotonic() >= login.deadline:
                    login.signal(signal.SIGKILL)

    def _accept(self) -> None:
        asker, _ = self._listening.accept()
        handles: list[int] = []
        kept = False
        try:
            asker.settimeout(ASK_SECONDS)
            pid, uid, _ = struct.unpack("3i", asker.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12))
            text, handles, flags, _ = socket.recv_fds(asker, MAX_QUESTION, 2)
            if uid not in self._allowed:
                raise Refusal("HelperRefused", f"process {pid} belongs to user {uid}")
            if flags & (socket.MSG_TRUNC | socket.MSG_CTRUNC):
                raise Refusal("HelperRefused", "the question is too long")
            kept = self._answer(asker, uid, msgspec.json.decode(text, type=Question), handles)
        except Refusal as refusal:
            self._send(asker, refusal.answer)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            self._send(asker, Answer(error="HelperRefused", detail=str(error)))
        except OSError:
            pass
        finally:
            for handle in handles:
                os.close(handle)
            if not kept:
                asker.close()

    def _answer(self, asker: socket.socket, uid: int, question: Question, handles: list[int]) -> bool:
        """Whether the connection stays."""
        if question.verb is Verb.HELLO and not handles:
            self._send(asker, Answer(pid=os.getpid()))
            return False
        if question.verb is not Verb.LOGIN or len(handles) != 1:
            raise Refusal("HelperRefused", "one terminal belongs to a login, and nothing to the other verbs")
        console = policy(self._policy).console
        if not console.emergency_shell:
            raise Refusal("HelperLoginForbidden", str(self._policy))
        if len(self._logins) >= MAX_LOGINS:
            raise Refusal("HelperRefused", f"there are {MAX_LOGINS} logins already")
        self._login(asker, console.command, terminal(handles[0], uid))
        return True

    def _login(self, asker: socket.socket, command: Sequence[str], handle: int) -> None:
        try:
            child = subprocess.Popen(
                command,
                stdin=handle,
                stdout=handle,
                stderr=handle,
                cwd="/",
                env={"TERM": "xterm-256color", "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
                start_new_session=True,
                # After the new session was made: the terminal becomes its controlling one.
                preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509 - one thread
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise Refusal("HelperLoginFailed", f"{command[0]}: {error}") from error
        login = Login(asker, child, os.pidfd_open(child.pid))
        self._logins.append(login)
        self._selector.register(login.pidfd, selectors.EVENT_READ, login)
        self._selector.register(asker, selectors.EVENT_READ, login)
        self._send(asker, Answer(pid=child.pid))

    def _ended(self, login: Login) -> None:
        status = login.child.wait()
        self._logins.remove(login)
        self._selector.unregister(login.pidfd)
        os.close(login.pidfd)
        if login.deadline is None:
            self._selector.unregister(login.asker)
        self._send(login.asker, Answer(ended=status))
        login.asker.close()

    @staticmethod
    def _send(asker: socket.socket, answer: Answer) -> None:
        with contextlib.suppress(OSError):
            asker.send(msgspec.json.encode(answer), socket.MSG_DONTWAIT)


def terminal(handle: int, uid: int) -> int:
    """The same descriptor. Raises Refusal unless it is a pseudo-terminal of whoever asks."""
    found = os.fstat(handle)
    if found.st_uid != uid:
        raise Refusal("HelperRefused", "what came belongs to another user")
    if not stat.S_ISCHR(found.st_mode) or os.major(found.st_rdev) not in _PTS or not os.isatty(handle):
        raise Refusal("HelperRefused", "what came is no pseudo-terminal")
    return handle


def publish(source: Path, run: Path, group: int) -> None:
    """Leave the firmware's id of this machine where the agent's user reads it: on no disk, for those are
    copied.
    """
    try:
        text = source.read_text()
    except OSError:
        return
    place = run / "product_uuid"
    place.unlink(missing_ok=True)
    handle = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o440)
    with os.fdopen(handle, "w") as file:
        os.fchown(handle, -1, group)
        os.fchmod(handle, 0o440)
        file.write(text)


def listen(run: Path, group: int) -> socket.socket:
    """The socket in a folder of root's that the agent's group gets into."""
    run.mkdir(mode=0o750, parents=True, exist_ok=True)
    os.chown(run, -1, group)
    run.chmod(0o750)
    place = run / f".{SOCKET}"
    place.unlink(missing_ok=True)
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listening.bind(str(place))
    os.chown(place, -1, group)
    place.chmod(0o660)
    listening.listen(16)
    # Whoever finds it is answered, and nobody finds it half open.
    place.rename(run / SOCKET)
    return listening


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point; never returns."""
    parser = argparse.ArgumentParser(prog="himds-helper", description="What the agent needs root for.")
    parser.add_argument("--user", default=USER, help="who may ask (default: himds)")
    parser.add_argument("--run", type=Path, default=RUN, help="folder of the socket")
    parser.add_argument("--policy", type=Path, default=POLICY, help="what is allowed")
    chosen = parser.parse_args(arguments)
    try:
        entry = pwd.getpwnam(chosen.user)
        group = grp.getgrgid(entry.pw_gid).gr_gid
    except KeyError:
        sys.exit(f"himds-helper: there is no user {chosen.user}")
    woken, waking = socket.socketpair()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: waking.close())
    listening = listen(chosen.run, group)
    publish(UUID, chosen.run, group)
    allowed = frozenset({0, entry.pw_uid})
    Helper(listening, woken, allowed=allowed, policy_file=chosen.policy).run()
    (chosen.run / SOCKET).unlink(missing_ok=True)
    sys.exit(0)


if __name__ == "__main__":
    main()
