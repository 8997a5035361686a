"""What is in the way between a VM that answers its host and those outside whom the rules let in. Pure.

A host says with each look where it listens for the VM, and where it could not. A port that another program
of the host holds is no way to the VM, even when that program answers.
"""

from __future__ import annotations

import msgspec

from outofband.core.errors import Fault
from outofband.rescue.run import Found, Run, found, of_word
from outofband.wire.remote import Report, word

FORWARDER = "forwarder"
"""In the evidence of a host's look: `listening`, places as ADDRESS:PORT, and `problems` by place."""

_CUT = frozenset({"RdpCut", "SshCut"})


def held(outside: Report, host: Report | None) -> Fault | None:
    """Why the host does not listen for the VM at the place that was looked at; None where it does, or where
    it says nothing about it.
    """
    told = host.evidence.get(FORWARDER) if host is not None else None
    if not isinstance(told, dict):
        return None
    place = f"{outside.host}:{outside.port}"
    if (why := told.get("problems", {}).get(place)) is not None:
        return Fault("RescueHostPortTaken", place=place, why=str(why))
    if place not in told.get("listening", []):
        return Fault("RescueHostNotListening", place=place)
    return None


def seen_past(
    outside: Report | None, host: Report | None, locale: str
) -> tuple[Report | None, tuple[Found, ...]]:
    """The outer look as it counts, and what the host says about that place."""
    outside = _unheard(outside, host)
    if outside is None or (fault := held(outside, host)) is None:
        return outside, ()
    told = word(fault, locale)
    if outside.works:
        # Something answers there, and it is not the VM.
        outside = msgspec.structs.replace(outside, works=False, problem=told)
    return outside, (of_word(told, seen=outside.problem.code if outside.problem else ""),)


def _unheard(outside: Report | None, host: Report | None) -> Report | None:
    """Who comes from outside is cut by the host, which knows that it found nobody to take the connection."""
    theirs, its = (each.problem if each is not None else None for each in (outside, host))
    if outside is None or theirs is None or its is None:
        return outside
    if theirs.code in _CUT and its.code == "GuestPortClosed":
        return msgspec.structs.replace(outside, problem=its)
    return outside


def between(run: Run) -> tuple[Found, ...]:
    """For rules that let in: what is left, when the guest answers its host and the host listens."""
    seen = run.probed
    outside, host = seen.outside, seen.host
    if outside is None or outside.works or host is None or not host.works:
        return ()
    if held(outside, host) is not None:
        return ()
    problem = outside.problem.title if outside.problem is not None else "-"
    fault = Fault("RescueWayBlocked", address=outside.host, port=outside.port, problem=problem)
    return (found(fault, run.wanted.locale, code=outside.problem.code if outside.problem else ""),)
