"""The machine resource over Resource Manager, by the caller's token; refusals as a person is told of them."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from outofband.catalogue import Words, say, verbatim
from outofband.cli import output as show
from outofband.cli.azcmagent import failing, network, rights
from outofband.cli.azcmagent.arguments import Target, is_guid
from outofband.cli.azcmagent.places import Place
from outofband.cli.azcmagent.signing import Caller, Token
from outofband.client.faults import RemoteFault
from outofband.core.errors import Fault
from outofband.wire.azcm import AzcmFault

if TYPE_CHECKING:
    from outofband.agent.halfway import Halfway
    from outofband.cli.azcmagent.running import Run
    from outofband.client.http import ArmClient

VERSION = "2024-07-10"
GROUPS = "2021-04-01"
SUBSCRIPTIONS = "2022-12-01"
PERMISSIONS = "2022-04-01"
PROVIDERS = "2021-04-01"
TOKENS = frozenset(
    {
        "AuthenticationFailed",
        "ExpiredAuthenticationToken",
        "InvalidAuthenticationToken",
        "InvalidAuthenticationTokenTenant",
    }
)
GONE = frozenset({"ResourceNotFound", "ResourceGroupNotFound"})
TAKEN = frozenset({"AgentNameTaken"})
REGIONS = frozenset({"LocationNotAvailableForResourceType", "InvalidLocation", "LocationNotAvailable"})


@contextlib.contextmanager
def client(run: Run, place: Place, token: Token) -> Iterator[ArmClient]:
    """Resource Manager of `place`, in the caller's name."""
    from outofband.client.http import ArmClient
    from outofband.client.profile import Profile

    profile = Profile(
        arm=place.arm,
        gateway="",
        ca_file=Path("/nonexistent"),
        tenant_id=token.tenant,
        subscription_id="",
        resource_group="",
        client_id="",
    )
    with ArmClient(profile, Caller(token), trace=run.trace, tls=place.tls()) as made:
        made.correlate(run.correlation)
        made.speak(show.voice.locale)
        yield made


class Machine:
    """One machine resource. `id` is its resource id, `name` the last part of it."""

    def __init__(self, arm: ArmClient, place: Place, token: Token, id: str) -> None:
        self.arm, self.place, self.token = arm, place, token
        self.id = id
        self.name = id.rpartition("/")[2]

    def get(self, code: str = "AZCM0042") -> dict[str, Any] | None:
        """The resource; None when there is none. Raises AzcmFault `code` or one of the way there."""
        try:
            found: dict[str, Any] = self.arm.get(self.id, version=VERSION)
            return found
        except Fault as fault:
            if fault.code == "ResourceNotFound" or (code == "AZCM0043" and fault.code in GONE):
                return None
            raise self.refused(fault, code) from fault

    def create(self, target: Target, *, public_key: str, vm_id: str) -> dict[str, Any]:
        """Raises AzcmFault AZCM0042, AZCM0044, AZCM0020 or one of the way there."""
        body: dict[str, Any] = {
            "location": target.location,
            "identity": {"type": "SystemAssigned"},
            "properties": {"vmId": vm_id, "clientPublicKey": public_key, "osType": "linux"},
        }
        if target.tags:
            # Without tags those stay that somebody gave the resource beforehand.
            body["tags"] = target.tags
        try:
            made: dict[str, Any] = self.arm.put(self.id, body, version=VERSION)
            return made
        except Fault as fault:
            if fault.code in TAKEN:
                raise AzcmFault("AZCM0044", machine=self.name, evidence=self._there()) from fault
            if fault.code in REGIONS:
                known = str(fault.fields.get("known", "")).replace(",", ", ")
                raise AzcmFault(
                    "AZCM0020",
                    value=target.location,
                    known=known or say("see-locations", command="az account list-locations"),
                    evidence=(failing.message(fault),),
                ) from fault
            raise self.refused(fault, "AZCM0042") from fault

    def _there(self) -> tuple[Words, ...]:
        """What is known of the machine that has the name."""
        try:
            properties = (self.get() or {}).get("properties") or {}
        except AzcmFault:
            return (verbatim(self.id),)
        known = properties.get("machineFqdn") or properties.get("displayName") or say("no-host-name")
        status, vm_id = properties.get("status", "?"), properties.get("vmId", "?")
        return (verbatim(self.id), say("machine-there", status=status, vm_id=vm_id, host=known))

    def delete(self) -> bool:
        """False when it was gone already. Raises AzcmFault AZCM0043 or one of the way there."""
        try:
            self.arm.delete(self.id, version=VERSION)
            return True
        except Fault as fault:
            if fault.code in GONE:
                return False
            raise self.refused(fault, "AZCM0043") from fault

    def refused(self, fault: Fault, code: str) -> AzcmFault:
        """What Resource Manager said, with the facts that mend it."""
        if isinstance(fault, AzcmFault):
            return fault
        if network.is_network(fault):
            return network.explained(fault, self.place.arm, self.place.trust)
        words = failing.message(fault)
        evidence = [say("manager-said", address=self.place.arm, code=fault.code)]
        if isinstance(fault, RemoteFault) and fault.request_id:
            evidence.append(say("request", id=fault.request_id))
        if self.token.who:
            evidence.append(say("caller", name=self.token.who, tenant=self.token.tenant or "?"))
        remedy: list[Words] = []
        if fault.code in TOKENS:
            made = AzcmFault("AZCM0012" if self.token.given else "AZCM0041", detail=words)
        else:
            remedy += self._remedies(fault, str(words), evidence)
            made = AzcmFault(code, machine=self.name, detail=words)
        made.evidence = tuple(evidence)
        # What mends this very case goes before what is said of such a failure anywhere.
        made.remedy, made.sole = tuple(remedy) or failing.remedies(fault), bool(remedy)
        return made

    def _remedies(self, fault: Fault, message: str, evidence: list[Words]) -> list[Words]:
        subscription = self.id.split("/")[2]
        if fault.code == "AuthorizationFailed" and (found := rights.refused(fault.fields, message)):
            who, object_id, action, scope = found
            role = rights.smallest(action)
            evidence += [
                say("action", action=action),
                say("scope", scope=scope),
                say("smallest-role", role=role),
            ]
            group = "/".join(self.id.split("/")[:5])
            return [say("owner-gives", command=rights.assign(role, object_id or who, group))]
        if fault.code == "MissingSubscriptionRegistration":
            evidence.append(say("provider-missing", provider=rights.NAMESPACE, subscription=subscription))
            return [say("register-it", command=rights.register(subscription))]
        if fault.code == "ResourceGroupNotFound":
            evidence.append(say("group", group=self.id.split("/")[4]))
            return [say("group-that-is-there", flag="--resource-group", command="az group list")]
        if fault.code in ("SubscriptionNotFound", "InvalidSubscriptionId"):
            evidence.append(say("subscription", subscription=subscription))
            return [say("subscription-seen", flag="--subscription-id", command="az account list")]
        return []


def subscription_id(arm: ArmClient, place: Place, token: Token, wanted: str) -> str:
    """The GUID of a subscription by GUID or name. Raises AzcmFault AZCM0068Subscription or one of the way."""
    if is_guid(wanted):
        return wanted.lower()
    try:
        seen = list(arm.list("/subscriptions", version=SUBSCRIPTIONS))
    except Fault as fault:
        if network.is_network(fault) or isinstance(fault, AzcmFault):
            raise network.explained(fault, place.arm, place.trust) from fault
        raise failing.as_azcm(fault, "AZCM0068Subscription", value=wanted) from fault
    found = [each for each in seen if str(each.get("displayName", "")).lower() == wanted.lower()]
    if len(found) == 1:
        return str(found[0]["subscriptionId"])
    names = ", ".join(sorted(str(each.get("displayName")) for each in seen)) or say("none")
    detail = say("name-of-several", count=len(found)) if found else say("name-of-none")
    raise AzcmFault(
        "AZCM0068Subscription",
        value=wanted,
        detail=detail,
        evidence=(
            say("caller", name=token.who or "?", tenant=token.tenant or "?"),
            say("subscriptions-seen", names=names),
        ),
    )


def owner(found: dict[str, Any] | None) -> str:
    """The public key that stands in a resource; empty without one."""
    return str(((found or {}).get("properties") or {}).get("clientPublicKey") or "")


def is_of(found: dict[str, Any], agent: str, public_key: str) -> bool:
    """Whether a resource is this server's: its identity is the agent's, or its key."""
    principal = str((found.get("identity") or {}).get("principalId") or "")
    return bool(agent and principal == agent) or bool(public_key and owner(found) == public_key)


def is_refusal(fault: AzcmFault) -> bool:
    """Whether it was a right that lacked."""
    cause = fault.__cause__
    return isinstance(cause, Fault) and cause.code == "AuthorizationFailed"


@contextlib.contextmanager
def refusals(run: Run, former: Halfway | None) -> Iterator[None]:
    """What Resource Manager refuses within has changed nothing, so nothing is halfway by it: the agent's note
    is again what it was. A failure of its own, a wait it asks for, and whatever keeps its answer away leave
    that open, and the note stays.
    """
    from outofband.agent import local

    try:
        yield
    except AzcmFault as fault:
        cause = fault.__cause__
        status = cause.explained.status if isinstance(cause, RemoteFault) else 0
        if 400 <= status < 500 and status not in (408, 429):
            try:
                local.withdraw(run.state, former)
                run.begun = None
            except Fault as unsaid:
                # The refusal is the news; `show` tells of a note that stays, and the same command goes on.
                run.log("warning", "the note of what was begun stays", {"Code": unsaid.code})
        raise
