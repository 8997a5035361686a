"""Whether the security rules let somebody in, which rule does not, and the rule that would. Pure.

The decision is that of `wire.network.flows`, which answers `ipFlowVerify` too.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.rescue.run import Found, Look, Wish, found
from outofband.rescue.runbook import EFFECTS, RULE_NAMES, RULE_PRIORITY, Deed
from outofband.wire.network import tags
from outofband.wire.network.effective import rule_name
from outofband.wire.network.flows import Flow, Group, decide, matches
from outofband.wire.network.rules import HIGHEST, LOWEST, Access, Direction, End, Rule, in_order
from outofband.wire.network.rules import Protocol as Transport
from outofband.wire.network.tags import Surroundings
from outofband.wire.remote import Protocol

CLIENT_PORT = 50000
"""Stands for the port that a client's system draws: a rule about "every" source port is not the only one that
lets such a client in, and not the only one that keeps it out.
"""


class Addition(msgspec.Struct, frozen=True, kw_only=True):
    """A rule to add to a group, by the group's id."""

    group: str
    name: str
    priority: int
    port: int


class Blocked(msgspec.Struct, frozen=True, kw_only=True):
    """A group that denies. `allow` is a rule that would let in and comes too late; `addition` the rule that
    would help, None when there is no number left for it.
    """

    group: str
    rule: Rule
    allow: Rule | None
    addition: Addition | None


def blocked(groups: Sequence[Group], flow: Flow, around: Surroundings, protocol: Protocol) -> list[Blocked]:
    """Each of the groups, in the order in which they are asked, that keeps the flow out."""
    told = []
    for group in groups:
        rule = decide(group.rules, flow, around)
        if rule.access is Access.ALLOW:
            continue
        late = (
            each
            for each in in_order(group.rules, flow.direction)
            if each.access is Access.ALLOW and not each.own and matches(each, flow, around)
        )
        assert flow.local_port is not None
        addition = _addition(group, rule, protocol, flow.local_port)
        told.append(Blocked(group=group.id, rule=rule, allow=next(late, None), addition=addition))
    return told


def look(
    groups: Sequence[Group],
    flow: Flow,
    around: Surroundings,
    *,
    shut: bool,
    protocol: Protocol,
    locale: str,
) -> Look:
    """`groups` are those of the subnet and of the interface; `shut`: an address that lets nobody in without a
    group.
    """
    if flow.remote_port is None:
        flow = msgspec.structs.replace(flow, remote_port=CLIENT_PORT)
    port = flow.local_port
    seen: dict[str, Any] = {
        "from": str(flow.remote),
        "to": str(flow.local),
        "port": port,
        "groups": [group.id for group in groups],
    }
    if not groups:
        fault = Fault("RescueNoGroup", port=port) if shut else Fault("RescueRulesAllow", port=port, rule="-")
        told = found(fault, locale, **seen, access="Deny" if shut else "Allow")
        return Look(findings=(told,), lets_in=not shut)
    denied = blocked(groups, flow, around, protocol)
    if not denied:
        rule = decide(groups[-1].rules, flow, around)
        fault = Fault("RescueRulesAllow", port=port, rule=rule.name)
        told = found(fault, locale, **seen, access="Allow", rule=_shown(rule))
        return Look(findings=(told,), lets_in=True)
    findings = tuple(_finding(each, port, locale, seen) for each in denied)
    additions = [each.addition for each in denied if each.addition is not None]
    if len(additions) < len(denied):
        # To open one of two doors lets nobody in.
        return Look(findings=findings)
    wish = Wish(
        deed=Deed.ADD_RULE,
        args={"rules": [msgspec.to_builtins(each) for each in additions]},
        asks=EFFECTS[Deed.ADD_RULE].asks,
    )
    return Look(findings=findings, wish=wish)


def properties(addition: Addition) -> dict[str, object]:
    """The rule as Azure's clients write it."""
    return {
        "protocol": Transport.TCP.value,
        "sourcePortRange": tags.ANY,
        "sourceAddressPrefix": tags.ANY,
        "destinationPortRange": str(addition.port),
        "destinationAddressPrefix": tags.ANY,
        "access": Access.ALLOW.value,
        "priority": addition.priority,
        "direction": Direction.INBOUND.value,
    }


def is_ours(now: Mapping[str, Any], addition: Addition) -> bool:
    """Whether a rule is as it was added: who has written it otherwise since has made it theirs."""
    told = {name: value for name, value in now.items() if name != "provisioningState"}
    return _plain(told) == _plain(properties(addition))


def _plain(given: Mapping[str, Any]) -> dict[str, str]:
    """As values that compare: Azure's clients write words in any case, and empty fields or none."""
    return {name: str(value).lower() for name, value in given.items() if value not in (None, "", [])}


def _addition(group: Group, denying: Rule, protocol: Protocol, port: int) -> Addition | None:
    inbound = [rule for rule in group.rules if rule.direction is Direction.INBOUND]
    taken = {rule.priority for rule in inbound}
    last = min(HIGHEST, denying.priority - 1)
    # The number that Azure's own tools give it, else the nearest one that still comes before what denies.
    later = [number for number in range(RULE_PRIORITY, last + 1) if number not in taken]
    earlier = [number for number in range(min(last, RULE_PRIORITY), LOWEST - 1, -1) if number not in taken]
    free = [*later[:1], *earlier[:1]]
    if not free:
        return None
    return Addition(group=group.id, name=_free_name(group, RULE_NAMES[protocol]), priority=free[0], port=port)


def _free_name(group: Group, wanted: str) -> str:
    """A rule of that name may be there already, and is somebody's."""
    names = {rule.name.lower() for rule in group.rules}
    numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(names) + 2))
    return next(name for name in numbered if name not in names)


def _finding(each: Blocked, port: int | None, locale: str, seen: dict[str, Any]) -> Found:
    group = each.group.rpartition("/")[2]
    evidence: dict[str, Any] = {**seen, "access": "Deny", "group": each.group, "rule": _shown(each.rule)}
    if each.allow is not None:
        evidence["allow"] = _shown(each.allow)
        fault = Fault(
            "RescueRuleShadowed",
            group=group,
            port=port,
            allow=each.allow.name,
            deny=each.rule.name,
            priority=each.rule.priority,
        )
    elif each.rule.own:
        fault = Fault("RescueRuleMissing", group=group, port=port, rule=each.rule.name)
    else:
        fault = Fault(
            "RescueRuleDenies", group=group, port=port, rule=each.rule.name, priority=each.rule.priority
        )
    return found(fault, locale, **evidence)


def _shown(rule: Rule) -> dict[str, object]:
    def end(one: End) -> dict[str, object]:
        return {"addresses": [*one.prefixes, *one.groups], "ports": list(one.ports)}

    return {
        "name": rule_name(rule),
        "priority": rule.priority,
        "access": rule.access.value,
        "protocol": rule.protocol.value,
        "source": end(rule.source),
        "destination": end(rule.destination),
    }
