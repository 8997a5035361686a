"""From the files of a state directory to a client: whose, and where it may begin."""

from __future__ import annotations

import msgspec

from outofband.client.account import Account
from outofband.client.credentials import Person, Secret
from outofband.client.http import ArmClient
from outofband.client.profile import LocalProfile, PersonProfile, load_profile
from outofband.client.tokens import TokenCache
from outofband.client.transport import Trace
from outofband.core.paths import StateDir

SUBSCRIPTIONS = "/subscriptions"
_ENABLED = "Enabled"


def open_client(
    state: StateDir,
    profile: LocalProfile | None = None,
    *,
    trace: Trace | None = None,
    hurried: bool = False,
) -> ArmClient:
    """A client for `profile`, else for whoever `load_profile` finds, with its exceptions.

    `hurried` is for shell completion, where waiting is worse than no answer.
    """
    chosen = profile or load_profile(state)
    if isinstance(chosen, PersonProfile):
        return for_person(Account(state), chosen, trace=trace, hurried=hurried)
    cache = TokenCache(state.client / "token.json", f"{chosen.client_id}@{chosen.arm}")
    return ArmClient(chosen, Secret(chosen, cache), trace=trace, hurried=hurried)


def for_person(
    account: Account, profile: PersonProfile, *, trace: Trace | None = None, hurried: bool = False
) -> ArmClient:
    """A client in a person's name. One who had no role when signing in may have been given one since."""
    client = ArmClient(profile, Person(profile, account), trace=trace, hurried=hurried)
    if not profile.subscription_id and (found := place(client)) != ("", ""):
        client.profile = msgspec.structs.replace(profile, subscription_id=found[0], resource_group=found[1])
        account.update(client.profile)
    return client


def place(client: ArmClient) -> tuple[str, str]:
    """The subscription and resource group that commands mean when they are told none: the first to be seen.

    Both are empty when there is nothing to be seen. Raises Fault.
    """
    found = [each for each in client.list(SUBSCRIPTIONS) if each.get("state", _ENABLED) == _ENABLED]
    if not found:
        return "", ""
    subscription = str(found[0]["subscriptionId"])
    there = client.list(f"{SUBSCRIPTIONS}/{subscription}/resourceGroups")
    return subscription, min((str(each["name"]) for each in there), default="")
