"""Traffic of a kind against the rules of groups, part by part: Azure's network configuration diagnostic.

Other than a flow, what is asked about may be a whole block, a tag or every port: a rule matches when it is
about all of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.wire.network import tags
from outofband.wire.network.effective import rule_name
from outofband.wire.network.flows import Group
from outofband.wire.network.prefixes import Block, block, collapse, covers
from outofband.wire.network.rules import Access, Direction, End, Protocol, Rule, in_order, port_range
from outofband.wire.network.tags import Surroundings


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Traffic: `*`, an address, a block or a tag at either end; `ports` a number, a range or `*`."""

    direction: Direction
    protocol: Protocol
    source: str
    destination: str
    ports: str


def profile(direction: str, protocol: str, source: str, destination: str, ports: str) -> Profile:
    """As a client writes it. Raises Fault InvalidParameter."""
    found = Profile(
        direction=_one(Direction, direction, "direction"),
        protocol=_one(Protocol, protocol, "protocol"),
        source=source,
        destination=destination,
        ports=ports,
    )
    for word, text in (("source", source), ("destination", destination)):
        if text != tags.ANY and tags.spelled(text) is None and block(text) is None:
            detail = f"'{text[:64]}' is no address, block, tag or *"
            raise Fault("InvalidParameter", target=word, detail=detail)
    if port_range(ports) is None:
        raise Fault("InvalidParameter", target="destinationPort", detail=f"'{ports[:40]}' is no port")
    return found


def diagnose(
    asked: Profile, groups: Sequence[tuple[Group, str]], around: Surroundings
) -> tuple[Access, list[dict[str, Any]]]:
    """The verdict, and Azure's `evaluatedNetworkSecurityGroups`. `groups`: those in the way in the order in
    which they are asked, each with the id of what it is applied to.
    """
    verdict, evaluated = Access.ALLOW, []
    for group, applied in groups:
        results = []
        for rule in in_order(group.rules, asked.direction):
            parts = _parts(rule, asked, around)
            results.append({"name": rule_name(rule), **parts})
            if all(parts.values()):
                break
        evaluated.append(
            {
                "networkSecurityGroupId": group.id,
                "appliedTo": applied,
                "matchedRule": {"ruleName": rule_name(rule), "action": rule.access.value},
                "rulesEvaluationResult": results,
            }
        )
        if rule.access is Access.DENY:
            verdict = Access.DENY
            break
    return verdict, evaluated


def _parts(rule: Rule, asked: Profile, around: Surroundings) -> dict[str, bool]:
    return {
        "protocolMatched": rule.protocol in (Protocol.ANY, asked.protocol),
        "sourceMatched": _is_about(rule.source, asked.source, around),
        # A client takes any port for itself: only a rule about every port is about it.
        "sourcePortMatched": _has_ports(rule.source, tags.ANY),
        "destinationMatched": _is_about(rule.destination, asked.destination, around),
        "destinationPortMatched": _has_ports(rule.destination, asked.ports),
    }


def _is_about(end: End, text: str, around: Surroundings) -> bool:
    if end.groups:
        members = [block(str(one)) for group in end.groups for one in around.groups.get(group, ())]
        mine: list[Block] = collapse(each for each in members if each is not None)
    else:
        mine = collapse(each for prefix in end.prefixes for each in tags.expand(prefix, around))
    wanted = tags.expand(text, around)
    return bool(wanted) and all(any(covers(each, one) for each in mine) for one in wanted)


def _has_ports(end: End, text: str) -> bool:
    first, last = port_range(text) or (0, 0)
    return any(
        found is not None and found[0] <= first and last <= found[1] for found in map(port_range, end.ports)
    )


def _one(kinds: type[Any], text: str, target: str) -> Any:
    found = next((each for each in kinds if each.value.lower() == text.lower()), None)
    if found is None:
        words = ", ".join(each.value for each in kinds)
        raise Fault("InvalidParameter", target=target, detail=f"'{text[:40]}' is none of {words}")
    return found
