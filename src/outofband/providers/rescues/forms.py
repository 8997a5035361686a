"""What is sent to a rescue, what its operations are given, and how a kept run is read."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.providers.rescues.eyes import PASSWORD
from outofband.providers.rescues.scene import LOG
from outofband.rescue.run import Run
from outofband.store.rescues import StoredRescue
from outofband.wire.remote import Protocol, Report

MAX_USER, MAX_PASSWORD = 256, 512


class Protected(msgspec.Struct, frozen=True, kw_only=True):
    """What nobody is shown."""

    password: str = ""

    def __repr__(self) -> str:
        return "Protected()"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """As above, for who prints tracebacks with values."""
        return []


class RescueProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`protocol`: `rdp` (else) or `ssh`. `step`: that one alone. `dryRun`: look, and do nothing. `agreed`: to
    all that would be asked, but for a password. `user` with `protected.password`: the sign-in that is tried.
    `session`: begin a session of Remote Desktop at each look, up to the server's word on licences.
    """

    protocol: str = Protocol.RDP.value
    session: bool = False
    step: int | None = None
    dry_run: bool = False
    agreed: bool = False
    user: str = ""
    protected: Protected = Protected()


class Word(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `answer`: to what step `step` asks. With a password the account's name goes, too."""

    step: int
    agree: bool
    user: str = ""
    protected: Protected = Protected()


class Seen(msgspec.Struct, frozen=True, kw_only=True):
    """Body of `tell`: what the caller's own network saw, as `oob probe -o json` has it: at the VM's address
    (`probe`), and at the name that the caller connects by (`named`).
    """

    probe: Report | None = None
    named: Report | None = None


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """Input of an operation. `answers`: to how many questions somebody had answered when it began. It takes
    the run as far as the next one: what follows the answer to that is whose answer it was.
    """

    rescue: str
    answers: int | None = None


def run_of(stored: StoredRescue) -> Run:
    return msgspec.convert(stored.body, Run)


def answers(run: Run) -> int:
    """To how many questions of the run somebody has answered."""
    return sum(each.agreed is not None for each in run.taken)


def without_log(run: Run) -> Run:
    def look(taken: Any) -> Any:
        if taken.look is None:
            return taken
        findings = tuple(
            msgspec.structs.replace(
                each, evidence={name: value for name, value in each.evidence.items() if name != LOG}
            )
            for each in taken.look.findings
        )
        return msgspec.structs.replace(
            taken, look=msgspec.structs.replace(taken.look, findings=findings, picture="")
        )

    return msgspec.structs.replace(run, taken=tuple(look(each) for each in run.taken))


def secret_of(user: str, protected: Protected) -> dict[str, str]:
    """Both or none. Raises Fault InvalidParameter."""
    password = protected.password
    if not user and not password:
        return {}
    if not user or not password:
        raise Fault("InvalidParameter", target="properties.user", detail="a user and a password, or neither")
    bad = any(each in password + user for each in "\0\r\n")
    if bad or len(user) > MAX_USER or len(password) > MAX_PASSWORD:
        raise Fault("InvalidParameter", target="properties.protected", detail="one line each, not too long")
    return {"user": user, PASSWORD: password}


def protocol_of(text: str) -> Protocol:
    try:
        return Protocol(text.lower())
    except ValueError:
        detail = f"one of {', '.join(Protocol)}"
        raise Fault("InvalidParameter", target="properties.protocol", detail=detail) from None
