"""Drives a probe of SSH (`wire.ssh`) over a socket, and tries a password, with a bound for every wait."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Sequence
from typing import Any

import asyncssh

from outofband.core.errors import Fault
from outofband.net.doctor.stream import Stream
from outofband.wire.finding import plain
from outofband.wire.ssh import End, Probe, Seen

SILENCE_SECONDS = 10.0
"""A server that asks a silent name server for its client's name takes as long."""
LOGIN_SECONDS = 20.0
_PIECE = 4096
_SAID = 1024
"""Bytes of what a server says at the begin of a session that are read."""
_CHANGE = re.compile(
    r"change your password|changing password|password change required|password has expired"
    r"|\b(?:current|old|new)\b[^\n]*password",
    re.IGNORECASE,
)
"""What OpenSSH and PAM say before a password has to be changed; of a one-time password nobody says that."""


async def talk(connected: socket.socket) -> Seen:
    """Read a server's identification and offer on a connected socket, which is closed with it."""
    probe = Probe()
    async with Stream(connected) as stream:
        try:
            async with asyncio.timeout(SILENCE_SECONDS):
                while not probe.over:
                    await stream.send(probe.outgoing())
                    received = await stream.reader.read(_PIECE)
                    if received:
                        probe.receive(received)
                    else:
                        probe.ended(End.CLOSED, "the server closed the connection")
        except TimeoutError:
            probe.ended(End.SILENT, f"no answer within {SILENCE_SECONDS:.0f} s")
        except ConnectionResetError:
            probe.ended(End.RESET, "the connection was reset")
        except OSError as error:
            probe.ended(End.CLOSED, str(error))
    return probe.seen


async def log_in(
    address: str, port: int, user: str, password: str, *, host: str = "", shown: int | None = None
) -> Fault | None:
    """Whether a server takes a password and lets somebody in with it; None: it does. All that is run there is
    the user's shell, which is told to end.

    The host's key is not verified: call it for a machine of one's own, with a password that is to be tried.
    """
    where = {"host": host or address, "port": shown or port}
    offered: list[str] = []
    asked: list[str] = []
    changes: list[str] = []
    questions: list[str] = []
    more: list[str] = []

    class Client(asyncssh.SSHClient):
        def auth_banner_received(self, msg: str, lang: str) -> None:
            return

        def password_auth_requested(self) -> str | None:
            return None if offered else _once(offered, password)

        def password_change_requested(self, prompt: str, lang: str) -> Any:
            changes.append(prompt)
            return NotImplemented

        def kbdint_auth_requested(self) -> str | None:
            # Where PAM asks instead: one question without an echo is the password's.
            # Once: some servers refuse it without a question, and count that as a try.
            if offered or asked:
                return None
            asked.append("keyboard-interactive")
            return ""

        def kbdint_challenge_received(
            self, name: str, instructions: str, lang: str, prompts: Sequence[tuple[str, bool]]
        ) -> list[str] | None:
            if not prompts:
                return []
            if offered and _CHANGE.search(" ".join((instructions, *(text for text, _ in prompts)))):
                # The password was right: who is asked for more than that has to change it.
                changes.append(prompts[0][0])
                return None
            question = prompts[0][0].strip() or "?"
            if offered:
                # The same question again says no. Another one is no answer: PAM may ask all before it says.
                if question not in questions:
                    more.append(question)
                return None
            questions.append(question)
            alone = len(prompts) == 1 and not prompts[0][1]
            return [_once(offered, password)] if alone else None

    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            connection = await asyncssh.connect(
                address,
                port,
                username=user,
                client_factory=Client,
                known_hosts=None,
                client_keys=None,
                agent_path=None,
                config=None,
                preferred_auth="password,keyboard-interactive",
            )
            must_change = await _wants_change(connection)
            connection.abort()
            return Fault("SshPasswordMustChange", **where, user=user) if must_change else None
    except asyncssh.PermissionDenied:
        if changes:
            return Fault("SshPasswordMustChange", **where, user=user)
        if more:
            return Fault("SshAsksMore", **where, user=user, question=plain(more[0].splitlines()[-1]))
        return Fault("SshWrongCredentials", **where, user=user, methods=await _methods(address, port, user))
    except (asyncssh.Error, OSError, TimeoutError) as error:
        return Fault("SshCut", **where, detail=str(error) or type(error).__name__)


async def _wants_change(connection: asyncssh.SSHClientConnection) -> bool:
    """Whether a server that took the password begins nothing with it but a change of it, as OpenSSH does;
    without a terminal it says so and ends. One that begins no session at all tells nothing.
    """
    said = b""
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            process = await connection.create_process(
                "exit", stdin=asyncssh.DEVNULL, stdout=asyncssh.DEVNULL, encoding=None
            )
            while len(said) < _SAID and (piece := await process.stderr.read(_SAID)):
                said += piece
            # Whoever has a shell may write the same words: it is not that which ends without the command.
            await process.wait_closed()
    except (asyncssh.Error, OSError, TimeoutError):
        return False
    return (
        process.exit_status not in (None, 0) and _CHANGE.search(said.decode("utf-8", "replace")) is not None
    )


async def _methods(address: str, port: int, user: str) -> str:
    """Ways to sign in that the server offers this user, in a row."""
    try:
        async with asyncio.timeout(LOGIN_SECONDS):
            methods = await asyncssh.get_server_auth_methods(address, port, user, config=None)
        return ", ".join(methods) or "?"
    except (asyncssh.Error, OSError, TimeoutError):
        return "?"


def _once(offered: list[str], password: str) -> str:
    """A wrong password is tried once: more of it may lock the account."""
    offered.append("password")
    return password
