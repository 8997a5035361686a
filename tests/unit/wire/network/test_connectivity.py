"""The answer to a connectivity check in Azure's words."""

from __future__ import annotations

import pytest

from outofband.wire.network.connectivity import (
    Kind,
    Stop,
    Type,
    foreign,
    information,
    joined,
    not_enforced,
    trouble,
)
from outofband.wire.network.reach import Reached, Trouble, Try

SOURCE = Stop(kind=Kind.SOURCE, address="10.0.0.4", resource="/nic/ipConfigurations/a")
END = Stop(kind=Kind.INTERNET, address="198.51.100.9")


def tries(*found: float | Trouble) -> Reached:
    made = [Try(ms=3000, trouble=each) if isinstance(each, Trouble) else Try(ms=each) for each in found]
    return Reached(address="198.51.100.9", tries=tuple(made))


@pytest.mark.parametrize(
    ("reached", "status", "sent", "failed"),
    [
        (tries(1, 2, 3), "Reachable", 3, 0),
        (tries(1, Trouble.SILENT), "Degraded", 2, 1),
        (tries(Trouble.REFUSED, Trouble.REFUSED), "Unreachable", 2, 2),
        (Reached(trouble=Trouble.NAME), "Unreachable", 0, 0),
        (None, "Unknown", 0, 0),
        (Reached(trouble=Trouble.NO_TOOL), "Unknown", 0, 0),
    ],
)
def test_statuses_and_counts(reached: Reached | None, status: str, sent: int, failed: int) -> None:
    told = information("seed", [SOURCE, END], reached)
    assert (told["connectionStatus"], told["probesSent"], told["probesFailed"]) == (status, sent, failed)
    # Azure tells latencies of what came through alone.
    assert ("avgLatencyInMs" in told) is (status in ("Reachable", "Degraded"))


def test_latencies_are_whole_milliseconds() -> None:
    told = information("seed", [SOURCE, END], tries(0.2, 1.4, 9))
    assert [told[f"{each}LatencyInMs"] for each in ("min", "avg", "max")] == [1, 4, 9]


def test_hops_are_a_chain_with_ids_that_stay() -> None:
    through = Stop(kind=Kind.APPLIANCE, address="10.0.0.9")
    told = information("seed", [SOURCE, through, END], tries(1))
    first, middle, last = told["hops"]
    assert [each["type"] for each in told["hops"]] == ["Source", "VirtualAppliance", "Internet"]
    assert first["nextHopIds"] == last["previousHopIds"] == [middle["id"]]
    assert (first["previousHopIds"], last["nextHopIds"]) == ([], [])
    assert (first["resourceId"], "resourceId" in last) == ("/nic/ipConfigurations/a", False)
    assert [each["linkType"] for each in (first["links"][0], middle["links"][0])] == [
        "VirtualNetwork",
        "Internet",
    ]
    assert information("seed", [SOURCE, through, END], None)["hops"][1]["id"] == middle["id"]
    assert information("other", [SOURCE, through, END], None)["hops"][1]["id"] != middle["id"]


def test_what_is_not_enforced_is_a_warning_that_says_so() -> None:
    end = joined(END, not_enforced(Type.RULE, RuleName="securityRules/shut"))
    (issue,) = information("seed", [SOURCE, end], tries(1))["hops"][1]["issues"]
    assert (issue["origin"], issue["severity"], issue["type"]) == (
        "Outbound",
        "Warning",
        "NetworkSecurityRule",
    )
    said = {each["key"]: each["value"] for each in issue["context"]}
    assert said["RuleName"] == "securityRules/shut" and said["Enforced"].startswith("no")


def test_what_the_tries_tell() -> None:
    assert trouble(tries(1, Trouble.SILENT)) is None
    name = trouble(Reached(trouble=Trouble.NAME))
    assert name is not None and name.type is Type.NAME
    refused = trouble(tries(Trouble.REFUSED))
    assert refused is not None and refused.context["Seen"] == "refused"


def test_what_answers_for_a_private_address_is_not_that_vm() -> None:
    told = information("seed", [SOURCE, END], foreign(tries(1, 2)))
    assert (told["connectionStatus"], told["probesFailed"]) == ("Unreachable", 2)
