"""A login on the terminal that this program runs on, by root's helper: for an agent that is not root itself.

It gives the terminal away, waits until the login has ended, and ends with its status. Whoever ends this
program ends the login: the helper hangs it up when this end of the connection goes.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import sys
import termios
from pathlib import Path

import msgspec

from outofband.agent.helper.root import MAX_QUESTION, RUN, SOCKET, Answer, Question, Verb
from outofband.core.errors import Fault

ANSWER_SECONDS = 5.0


def is_there(run: Path = RUN) -> bool:
    """Whether a helper can be asked by this process."""
    return os.access(run / SOCKET, os.W_OK)


def login(terminal: int, run: Path = RUN) -> int:
    """Blocks until the login ends; returns its status, negative for a signal.

    Raises Fault HelperMissing, HelperRefused, HelperLoginForbidden, HelperLoginFailed or HelperPolicyInvalid.
    """
    # Given up before another session takes it; the hang-up that this means for us is not wanted.
    signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        fcntl.ioctl(terminal, termios.TIOCNOTTY)
    except OSError:
        pass  # it was nobody's
    # One that is meant for us from here on ends us, and so the login.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as asking:
        asking.settimeout(ANSWER_SECONDS)
        try:
            asking.connect(str(run / SOCKET))
            socket.send_fds(asking, [msgspec.json.encode(Question(Verb.LOGIN))], [terminal])
            begun = _read(asking)
            asking.settimeout(None)
            ended = _read(asking)
        except OSError as error:
            raise Fault(
                "HelperMissing", path=str(run / SOCKET), detail=error.strerror or str(error)
            ) from error
    assert begun.pid
    return ended.ended or 0


def _read(asking: socket.socket) -> Answer:
    text = asking.recv(MAX_QUESTION * 4)
    if not text:
        raise OSError("it said nothing")
    answer = msgspec.json.decode(text, type=Answer)
    if answer.error:
        raise Fault(answer.error, detail=answer.detail)
    return answer


def main() -> None:
    """Entry point; never returns. What fails is said on the terminal."""
    from outofband.catalogue import explain

    try:
        status = login(0, Path(sys.argv[1]) if len(sys.argv) > 1 else RUN)
    except Fault as fault:
        told = explain(fault)
        sys.stdout.write(f"\r\n{told.message} ({told.code})\r\n")
        sys.exit(1)
    sys.exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    main()
