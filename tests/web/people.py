"""The people of a test house: its first administrator, and those that a test lets in."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from tests.web.portal import Portal

ADMIN = "admin"
ADMIN_PASSWORD = "slow-heron-ladder-7"
PASSWORD = "quiet-barge-thimble-3"
AUTHORIZATION: dict[str, Any] = {"api-version": "2022-04-01"}


@dataclass(frozen=True)
class Person:
    name: str
    password: str
    object_id: str = ""


class Town:
    """Adds people by the directory's own API, signed in as the local principal."""

    def __init__(self, portal: Portal) -> None:
        self._portal = portal
        self.admin = Person(ADMIN, ADMIN_PASSWORD)

    def first_password(self) -> str:
        """What the first start of this house said."""
        return self._portal.house.first_password

    def add(self, name: str, role: str = "", scope: str | None = None) -> Person:
        """Somebody new with a password, and a role (its name) at a scope, by default the subscription."""
        api = self._portal.api
        wanted = {
            "displayName": name.capitalize(),
            "userPrincipalName": f"{name}@{self.domain()}",
            "passwordProfile": {"password": PASSWORD, "forceChangePasswordNextSignIn": False},
        }
        made = api.call("POST", "/v1.0/users", wanted, expect=201)
        person = Person(made["userPrincipalName"], PASSWORD, made["id"])
        if role:
            self.grant(person, role, scope)
        return person

    def grant(self, person: Person, role: str, scope: str | None = None) -> str:
        """Give a role; the assignment's path."""
        api = self._portal.api
        scope = scope or api.subscription
        at = scope.rstrip("/")
        roles = api.call("GET", f"{at}/providers/Microsoft.Authorization/roleDefinitions", **AUTHORIZATION)
        found = [each["id"] for each in roles["value"] if each["properties"]["roleName"] == role]
        path = f"{at}/providers/Microsoft.Authorization/roleAssignments/{uuid.uuid4()}"
        properties = {
            "roleDefinitionId": found[0],
            "principalId": person.object_id,
            "principalType": "User",
        }
        api.call("PUT", path, {"properties": properties}, expect=201, **AUTHORIZATION)
        return path

    def domain(self) -> str:
        users = self._portal.api.call("GET", "/v1.0/users")["value"]
        return str(users[0]["userPrincipalName"]).split("@")[1]
