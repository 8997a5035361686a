"""A run as it is kept: what was wanted, where it is, what each step saw and did. No secret is in it."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.locale import DEFAULT
from outofband.rescue.course import ENDS, Event, State, advance
from outofband.rescue.runbook import Ask, Deed, Step, following
from outofband.wire.remote import PORTS, Protocol, Report, Word
from outofband.wire.steps.report import StepReport

SCHEMA = "outofband.rescue/1"


class Found(Word, frozen=True, kw_only=True, rename="camel"):
    """One thing found, in the catalogue's words, and what shows it."""

    evidence: dict[str, Any] = msgspec.field(default_factory=dict)


class Wish(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A deed that a look leads to. `args` are its doer's; `asks`: what somebody has to agree to before."""

    deed: Deed
    args: dict[str, Any] = {}
    asks: tuple[Ask, ...] = ()


class Look(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a step saw, and the deed that follows from it, if any."""

    findings: tuple[Found, ...] = ()
    wish: Wish | None = None
    lets_in: bool = False
    """Of the rules: they let the caller in."""
    picture: str = ""
    """Of the VM's screen, PNG in base64."""


class Probed(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One look at the VM's port. `outside`: from the control plane, at its public address; `host`: from its
    host, past every rule. None where there is nothing to look at; why, is among the findings.
    """

    outside: Report | None = None
    host: Report | None = None
    findings: tuple[Found, ...] = ()

    @property
    def works(self) -> bool:
        """Somebody outside gets in."""
        return self.outside is not None and self.outside.works

    @property
    def guest_answers(self) -> bool:
        """The guest itself is not at fault."""
        return self.works or (self.host is not None and self.host.works)


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What became of a deed. Who asks for the same `key` again is told of the first time."""

    wish: Wish
    key: str
    began: str
    ended: str = ""
    observed: str = ""
    problem: Found | None = None
    undone: str = ""
    """When it was taken back."""
    left: tuple[Found, ...] = ()
    """What stayed when it was taken back, and why."""
    effects: tuple[str, ...] = ()
    """Ids of what it made, in the order in which they were made."""
    report: StepReport | None = None
    """What a step in the guest saw before and after."""
    findings: tuple[Found, ...] = ()
    """What was wrong in the guest, by that report."""
    before: dict[str, Any] = {}
    """What its doer puts back when it is taken back."""


class Taken(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One step as far as it went."""

    step: Step
    look: Look | None = None
    agreed: bool | None = None
    done: Done | None = None
    probe: Probed | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody asked for. `agreed`: to everything that would be asked, but for a password; `user`: whose
    sign-in is tried, with a password that is withheld elsewhere; `session`: a session is begun at each look.
    """

    protocol: Protocol = Protocol.RDP
    step: Step | None = None
    dry_run: bool = False
    agreed: bool = False
    user: str = ""
    session: bool = False
    locale: str = DEFAULT

    @property
    def port(self) -> int:
        return PORTS[self.protocol]


class Run(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`before` is the first look, `taken` the steps so far, the last one perhaps not ended; `address` where
    it was looked at from outside; `client` what the person's own network saw, as they told it.
    """

    schema: str = SCHEMA
    wanted: Wanted = Wanted()
    state: State = State.BEGUN
    address: str = ""
    before: Probed | None = None
    taken: tuple[Taken, ...] = ()
    client: Report | None = None
    named: Report | None = None
    """The same at the name that they connect by, where they said one."""
    problem: Found | None = None
    """Why the run itself failed."""

    @property
    def ended(self) -> bool:
        return self.state in ENDS

    @property
    def proven_privately(self) -> bool:
        """Nobody outside could look, and the person who asked gets in by a way of their own, as they told."""
        own = self.named
        return self.state is State.UNRESOLVED and not self.address and own is not None and own.works

    @property
    def port(self) -> int:
        """The one that people come to; a classic VM's endpoint may be another than the VM's own."""
        outside = self.probed.outside
        return outside.port if outside is not None else self.wanted.port

    @property
    def current(self) -> Taken | None:
        return self.taken[-1] if self.taken else None

    @property
    def probed(self) -> Probed:
        """The newest look at the port."""
        found = [each.probe for each in self.taken if each.probe is not None]
        return found[-1] if found else (self.before or Probed())

    @property
    def following(self) -> Step | None:
        return following(self.current.step if self.current is not None else None, self.wanted.step)

    def on(self, event: Event, **changes: Any) -> Run:
        """The run after an event. Raises ValueError for one that cannot come now."""
        return msgspec.structs.replace(self, state=advance(self.state, event), **changes)

    def with_current(self, **changes: Any) -> tuple[Taken, ...]:
        """`taken` with the last of them changed."""
        return (*self.taken[:-1], msgspec.structs.replace(self.taken[-1], **changes))


def found(fault: Fault, locale: str, **evidence: Any) -> Found:
    told = explain(fault, locale)
    return Found(
        code=told.code,
        title=told.title,
        message=told.message,
        cause=told.cause,
        remedy=told.remedy,
        evidence={name: value for name, value in evidence.items() if value not in (None, "", (), [], {})},
    )


def of_word(word: Word, **evidence: Any) -> Found:
    """What a probe found."""
    return Found(**msgspec.structs.asdict(word), evidence=evidence)
