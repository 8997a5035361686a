"""What a fault of the lab is, and what one run on it gave."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from outofband.wire.remote import Protocol
from tests.lab.lab import NAME, Lab
from tests.lab.verdict import verdict
from tests.peers.house import until

BROKEN_SECONDS = 180.0
DEBIAN = "debian"
Act = Callable[[Lab], None]


def nothing(lab: Lab) -> None:
    """Where there is nothing to do."""


def guest(script: str) -> Act:
    """Breaks it with a script in the guest."""

    def act(lab: Lab) -> None:
        lab.in_guest(script)

    return act


def soon(script: str) -> Act:
    """The same for what ends the guest's own answer."""

    def act(lab: Lab) -> None:
        lab.soon(script)

    return act


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What the person says: yes to everything that is asked or not, and who they sign in as."""

    yes: bool = True
    user: str = ""
    password: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """`inject` breaks something for real; `clear` takes away what `Lab.heal` does not know of.

    `causes`: codes one of which has to be the main one. `beside`: codes that are true as well, as what
    follows from the fault is; any other cause is a false alarm. `mendable`: the rescue is to mend it, with
    what the person answers.
    """

    name: str
    inject: Act
    causes: frozenset[str]
    beside: frozenset[str] = frozenset()
    protocol: Protocol = Protocol.RDP
    mendable: bool = True
    answers: Answers = field(default_factory=Answers)
    clear: Act = nothing
    guest: str = DEBIAN
    broken: Callable[[Lab, Fault], bool] | None = None
    """Whether it is broken by now; None: nobody outside gets in."""
    warns: bool = False
    """It lets somebody in with a warning, so a run may be proven without having mended it."""
    step: int | None = None
    """The person asks for this step alone."""


@dataclass(frozen=True, kw_only=True)
class Row:
    """One line of the table. `main`: the cause that the run puts first, `named` whether it is the fault;
    `alarms`: causes of parts that are well; `told`: codes in the order in which they were told.
    """

    name: str
    protocol: str
    named: bool
    mended: bool
    proven: bool
    mendable: bool
    seconds: float
    told: tuple[str, ...]
    deeds: tuple[str, ...]
    main: str = ""
    alarms: tuple[str, ...] = ()


def works(lab: Lab, fault: Fault) -> bool:
    """What the lab itself sees of it, with the person's sign-in if there is one."""
    answers = fault.answers
    return lab.look(fault.protocol, answers.user, answers.password).works


def warned(code: str) -> Callable[[Lab, Fault], bool]:
    """For what lets somebody in with a warning."""

    def broken(lab: Lab, fault: Fault) -> bool:
        return code in {each.code for each in lab.look(fault.protocol).warnings}

    return broken


def is_broken(lab: Lab, fault: Fault) -> bool:
    return fault.broken(lab, fault) if fault.broken is not None else not works(lab, fault)


def run(lab: Lab, fault: Fault) -> tuple[Row, dict[str, Any]]:
    """Break it, rescue it, look at it; the run's own words beside the row."""
    lab.heal()
    try:
        # Where nothing is broken the person's words are wrong; a simulator's person nobody else knows.
        known = fault.inject is not nothing and (fault.guest == DEBIAN or not fault.answers.user)
        assert not known or works(lab, fault), f"{fault.name}: it does not work before"
        fault.inject(lab)
        until(f"{fault.name} is broken", lambda: is_broken(lab, fault), BROKEN_SECONDS)
        words = ["--protocol", fault.protocol.value, *(["--yes"] if fault.answers.yes else [])]
        if fault.step is not None:
            words += ["--step", str(fault.step)]
        if fault.answers.user:
            words += ["--user", fault.answers.user, "--password-file", "-"]
        began = time.monotonic()
        told, code = lab.rescue(*words, password=fault.answers.password)
        if told["outcome"] == "failed":
            print(lab.house.logs())
        seconds, said, broken = time.monotonic() - began, verdict(told), is_broken(lab, fault)
        row = Row(
            name=fault.name,
            protocol=fault.protocol.value,
            named=said.main in fault.causes,
            mended=not broken,
            proven=told["outcome"] == "proven" and code == 0,
            mendable=fault.mendable,
            seconds=round(seconds, 1),
            told=tuple(codes(told)),
            deeds=tuple(deeds(told)),
            main=said.main,
            alarms=said.wrong(fault.causes | fault.beside),
        )
        # Of the other house's faults some are the person's own, and the VM is well for everybody else.
        lies = row.proven and broken and not fault.warns and fault.guest == DEBIAN
        assert not lies, f"{fault.name}: proven, and it is broken: {row.told}"
    finally:
        fault.clear(lab)
    return row, told


def codes(told: Mapping[str, Any]) -> list[str]:
    """Of everything that a run told: what was seen at the port in the beginning, and its findings."""
    found: dict[str, None] = {}
    for each in _problems(told):
        found[each["code"]] = None
    return list(found)


def deeds(told: Mapping[str, Any]) -> Iterator[str]:
    """What it did, and what became of that."""
    for each in told["steps"]:
        if (deed := each["deed"]) is not None:
            yield deed["name"] if deed["state"] == "done" else f"{deed['name']} ({deed['state']})"


def _problems(told: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    before = told["probe"]["before"] or {}
    for where in ("controlPlane", "host"):
        report = before.get(where)
        if report is not None:
            if report["problem"] is not None:
                yield report["problem"]
            yield from report["warnings"]
    yield from told["findings"]
    if told.get("problem"):
        yield told["problem"]


__all__ = ["NAME", "Answers", "Fault", "Row", "codes", "is_broken", "nothing", "run", "works"]
