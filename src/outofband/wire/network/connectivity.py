"""Azure's answer to a connectivity check, made of what was evaluated on the way and what was tried.

What is evaluated and not enforced here is a warning that says so; an error is what really stands in the way.

https://learn.microsoft.com/azure/network-watcher/connection-troubleshoot-overview
"""

from __future__ import annotations

import enum
import math
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.wire.network.reach import Reached, Trouble

NAMES = uuid.UUID("8f1c9a1e-6f0a-4d8e-9c43-0e1d1f6f2a55")
"""Ids of hops are made of an operation's and their place, so that its later life says the same ones."""


class Kind(enum.StrEnum):
    SOURCE = "Source"
    VNET = "VnetLocal"
    APPLIANCE = "VirtualAppliance"
    INTERNET = "Internet"


class Origin(enum.StrEnum):
    LOCAL = "Local"
    INBOUND = "Inbound"
    OUTBOUND = "Outbound"


class Type(enum.StrEnum):
    """Azure's kinds of issues, as far as they are found here."""

    UNKNOWN = "Unknown"
    AGENT = "AgentStopped"
    FIREWALL = "GuestFirewall"
    NAME = "DnsResolution"
    RULE = "NetworkSecurityRule"
    ROUTE = "UserDefinedRoute"
    PLATFORM = "Platform"


class Issue(msgspec.Struct, frozen=True, kw_only=True):
    """`warning`: it does not stand in the way here."""

    origin: Origin
    type: Type
    context: dict[str, str] = {}
    warning: bool = False


class Stop(msgspec.Struct, frozen=True, kw_only=True):
    """A hop: where the connection begins, passes or ends. `resource`: an id, of an IP configuration as a
    rule.
    """

    kind: Kind
    address: str = ""
    resource: str = ""
    issues: tuple[Issue, ...] = ()


def information(seed: str, stops: Sequence[Stop], reached: Reached | None) -> dict[str, Any]:
    """`ConnectivityInformation`. `reached` is None when nothing could be tried, which leaves it unknown."""
    ids = [str(uuid.uuid5(NAMES, f"{seed}/{number}")) for number in range(len(stops))]
    answer: dict[str, Any] = {
        "hops": [_hop(number, stops, ids, reached) for number in range(len(stops))],
        "connectionStatus": _status(reached),
    }
    times = reached.times if reached is not None else []
    if times:
        answer |= {
            "avgLatencyInMs": _milliseconds(sum(times) / len(times)),
            "minLatencyInMs": _milliseconds(min(times)),
            "maxLatencyInMs": _milliseconds(max(times)),
        }
    sent = len(reached.tries) if reached is not None else 0
    return {**answer, "probesSent": sent, "probesFailed": sent - len(times)}


def trouble(reached: Reached) -> Issue | None:
    """What the tries themselves tell, where all of them failed; None when one came through."""
    if reached.trouble is Trouble.NAME:
        return Issue(origin=Origin.LOCAL, type=Type.NAME)
    if reached.times or not reached.tries:
        return None
    last = reached.tries[-1]
    said = {"Seen": last.trouble.value if last.trouble is not None else ""}
    return Issue(
        origin=Origin.OUTBOUND,
        type=Type.UNKNOWN,
        context=said | ({"Words": last.words} if last.words else {}),
    )


def foreign(reached: Reached) -> Reached:
    """As it counts where the address was private: what answered was not that VM, for none is reached so."""
    words = "something that is not this VM has the address on its host's network"
    tries = [
        msgspec.structs.replace(each, trouble=Trouble.OTHER, words=words) if each.trouble is None else each
        for each in reached.tries
    ]
    return msgspec.structs.replace(reached, tries=tuple(tries))


def joined(stop: Stop, *issues: Issue) -> Stop:
    return msgspec.structs.replace(stop, issues=(*stop.issues, *issues))


def not_enforced(kind: Type, **context: str) -> Issue:
    """What Azure would stop on the way out, and nothing here does."""
    said = {**context, "Enforced": "no: rules and routes on the way out are not, here"}
    return Issue(origin=Origin.OUTBOUND, type=kind, context=said, warning=True)


def platform(reason: str) -> Issue:
    return Issue(origin=Origin.LOCAL, type=Type.PLATFORM, context={"Reason": reason})


def _status(reached: Reached | None) -> str:
    if reached is None or reached.trouble is Trouble.NO_TOOL:
        return "Unknown"
    if not reached.times:
        return "Unreachable"
    return "Reachable" if len(reached.times) == len(reached.tries) else "Degraded"


def _hop(number: int, stops: Sequence[Stop], ids: list[str], reached: Reached | None) -> dict[str, Any]:
    stop, last = stops[number], number + 1 == len(stops)
    following, before = ids[number + 1 : number + 2], ids[max(0, number - 1) : number]
    hop: dict[str, Any] = {"type": stop.kind.value, "id": ids[number], "address": stop.address}
    if stop.resource:
        hop["resourceId"] = stop.resource
    hop |= {
        "nextHopIds": following,
        "previousHopIds": before,
        "links": [_link(each, stops[number + 1], reached) for each in following],
        "previousLinks": [_link(each, stop, reached) for each in before],
    }
    if last and reached is not None and not stop.address:
        hop["address"] = reached.address
    return {**hop, "issues": [_issue(each) for each in stop.issues]}


def _link(other: str, towards: Stop, reached: Reached | None) -> dict[str, Any]:
    kind = "Internet" if towards.kind is Kind.INTERNET else "VirtualNetwork"
    link: dict[str, Any] = {"nextHopId": other, "linkType": kind, "issues": [], "context": {}}
    times = reached.times if reached is not None else []
    if times:
        link["properties"] = {
            "roundTripTimeMin": _milliseconds(min(times)),
            "roundTripTimeAvg": _milliseconds(sum(times) / len(times)),
            "roundTripTimeMax": _milliseconds(max(times)),
        }
    return link


def _issue(issue: Issue) -> dict[str, Any]:
    return {
        "origin": issue.origin.value,
        "severity": "Warning" if issue.warning else "Error",
        "type": issue.type.value,
        "context": [{"key": key, "value": value} for key, value in issue.context.items()],
    }


def _milliseconds(found: float) -> int:
    """Whole milliseconds, as Azure says them; what took any time took one."""
    return max(1, math.ceil(found))
