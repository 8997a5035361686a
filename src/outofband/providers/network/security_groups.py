"""Microsoft.Network/networkSecurityGroups with their rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import msgspec

from outofband.core.ids import ResourceId
from outofband.providers.network.family import Family, Form, Seen
from outofband.providers.network.house import SECURITY_GROUPS, SUBNETS
from outofband.providers.network.parts import Parts, check_name, shown
from outofband.providers.network.references import Reference
from outofband.providers.network.security_rules import (
    RuleForm,
    RuleProperties,
    default_properties,
    named_groups,
    rule_of,
    stored,
)
from outofband.resources.declaration import Draft, ResourceType
from outofband.resources.exchange import Call
from outofband.resources.lookup import DELETING
from outofband.store.network import Link
from outofband.store.resources import Resource
from outofband.store.tx import Tx
from outofband.wire.network import rules
from outofband.wire.network.rules import DEFAULTS, Rule

RULES = "securityRules"
DEFAULT_RULES = "defaultSecurityRules"
_RDP = {
    "priority": 300,
    "direction": "Inbound",
    "access": "Allow",
    "protocol": "Tcp",
    "sourceAddressPrefix": "*",
    "sourcePortRange": "*",
    "destinationAddressPrefix": "*",
    "destinationPortRange": "3389",
}


class SecurityGroupProperties(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    security_rules: list[RuleForm] | None = None
    flush_connection: bool | None = None


class SecurityGroups(Family):
    type_name = SECURITY_GROUPS
    about = "a network security group"
    many = "network security groups"
    in_use = "InUseNetworkSecurityGroupCannotBeDeleted"
    properties = SecurityGroupProperties
    example: ClassVar[dict[str, Any]] = {"properties": {RULES: [{"name": "rdp", "properties": _RDP}]}}

    def types(self) -> list[ResourceType]:
        own = Parts(
            self,
            RULES,
            about="a security rule",
            many="security rules",
            form=stored,
            properties=RuleProperties,
            example={"properties": _RDP},
        )
        azures = Parts(self, DEFAULT_RULES, about="a default security rule", many="default security rules")
        return [self.declare(), own.declare(), azures.declare()]

    def form(self, draft: Draft, kept: Resource | None) -> Form:
        given: SecurityGroupProperties = draft.properties
        properties: dict[str, Any] = {
            RULES: [
                stored(check_name(each.name, "securityRules.name"), each.properties)
                for each in given.security_rules or ()
            ]
        }
        if given.flush_connection is not None:
            properties["flushConnection"] = given.flush_connection
        return Form(properties=properties)

    def references(self, rid: ResourceId, properties: dict[str, Any]) -> Sequence[Reference]:
        return [
            reference
            for part in properties[RULES]
            for reference in named_groups(f"{rid}/{RULES}/{part['name']}", part["properties"])
        ]

    async def settle(
        self, call: Call, tx: Tx, properties: dict[str, Any], links: Sequence[Link], kept: Resource | None
    ) -> None:
        rules.check_together(rules_of(properties))

    def render(self, row: Resource, seen: Seen) -> dict[str, Any]:
        properties: dict[str, Any] = {
            RULES: [
                shown(row, f"{self.type_name}/{RULES}", part, part["properties"])
                for part in row.properties[RULES]
            ],
            DEFAULT_RULES: [
                shown(
                    row,
                    f"{self.type_name}/{DEFAULT_RULES}",
                    {"name": rule.name, "state": "Succeeded"},
                    default_properties(rule),
                )
                for rule in DEFAULTS
            ],
        }
        if "flushConnection" in row.properties:
            properties["flushConnection"] = row.properties["flushConnection"]
        for link in seen.links.get(row.key, ()):
            is_subnet = f"/{SUBNETS.rpartition('/')[2]}/" in link.part_id.lower()
            properties.setdefault("subnets" if is_subnet else "networkInterfaces", []).append(
                {"id": link.part_id}
            )
        return properties


def rules_of(properties: dict[str, Any]) -> list[Rule]:
    """The rules of a group that count: those on their way out do not."""
    return [
        rule_of(part["name"], part["properties"])
        for part in properties[RULES]
        if part.get("state") != DELETING
    ]
