"""Three places: whose side is in the way, whether a name leads there, and what the host says of its port."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from outofband.rescue.run import Probed, Run
from outofband.rescue.vantage import concluded, table
from outofband.rescue.way import between, seen_past
from outofband.wire.remote import Report, Where, Word
from tests.unit.rescue.world import report

ADDRESS = "203.0.113.7"
PLACE = f"{ADDRESS}:3389"


def seen(works: bool | None, code: str = "PortSilent", **changes: Any) -> Report | None:
    if works is None:
        return None
    problem = None if works else Word(code=code, title=f"title of {code}", message="m")
    return msgspec.structs.replace(report(works), problem=problem, **changes)


@pytest.mark.parametrize(
    ("outside", "host", "client", "code", "expected"),
    [
        (True, True, True, "", []),
        (True, True, False, "PortSilent", ["RescueClientBlocked"]),
        (True, True, False, "PortClosed", ["RescueClientBlocked"]),
        (True, True, False, "NetworkUnreachable", ["RescueClientNoRoute"]),
        (True, False, False, "PortSilent", ["RescueClientDiffers"]),
        (True, None, False, "PortSilent", ["RescueClientDiffers"]),
        (False, True, False, "PortSilent", []),
        (False, False, False, "PortSilent", []),
        (None, True, False, "PortSilent", []),
        (False, True, True, "", ["RescueOnlyYouReach"]),
        (None, True, True, "", []),
        (True, True, None, "", []),
    ],
)
def test_your_side_is_blamed_only_when_both_others_get_in(
    outside: bool | None, host: bool | None, client: bool | None, code: str, expected: list[str]
) -> None:
    before = Probed(outside=seen(outside), host=seen(host))
    run = Run(address=ADDRESS, before=before, client=seen(client, code, where=Where.CLIENT))
    assert [each.code for each in concluded(run)] == expected
    assert [each["works"] for each in table(run)] == [bool(outside), bool(host), bool(client)]
    assert [each["looked"] for each in table(run)] == [each is not None for each in (outside, host, client)]


@pytest.mark.parametrize(
    ("works", "code", "leads", "expected"),
    [
        (True, "", [ADDRESS], []),
        (True, "", ["203.0.113.9", ADDRESS], []),
        (True, "", ["203.0.113.9"], ["RescueNameElsewhere"]),
        (False, "PortSilent", ["203.0.113.9"], ["RescueNameElsewhere"]),
        (False, "HostNameUnknown", [], ["RescueNameUnknown"]),
        (False, "ResolverSilent", [], ["RescueNameUnknown"]),
        (False, "PortSilent", [ADDRESS], []),
    ],
)
def test_a_name_leads_to_the_vm_or_not(works: bool, code: str, leads: list[str], expected: list[str]) -> None:
    dns = {"dns": {"evidence": {"addresses": leads}}}
    named = seen(works, code, where=Where.CLIENT, host="web1.example", evidence=dns)
    run = Run(address=ADDRESS, before=Probed(), named=named)
    found = concluded(run)
    assert [each.code for each in found] == expected
    assert all("web1.example" in each.message and ADDRESS in each.message for each in found)


def at_host(works: bool, **forwarder: Any) -> Report:
    found = seen(works, evidence={"forwarder": forwarder} if forwarder else {})
    assert found is not None
    return found


@pytest.mark.parametrize("answers", [True, False])
def test_who_holds_the_hosts_port_is_not_the_vm(answers: bool) -> None:
    outside = seen(answers, "PortClosed", host=ADDRESS)
    host = at_host(True, listening=[], problems={PLACE: "another program of the host has this port"})
    counted, findings = seen_past(outside, host, "en")
    assert counted is not None and not counted.works
    assert counted.problem is not None
    assert counted.problem.code == ("RescueHostPortTaken" if answers else "PortClosed")
    assert [each.code for each in findings] == ["RescueHostPortTaken"]
    assert "another program" in findings[0].message and PLACE in findings[0].message
    assert between(Run(before=Probed(outside=counted, host=host))) == ()


@pytest.mark.parametrize(
    ("outside", "host", "counts"),
    [
        ("SshCut", "GuestPortClosed", "GuestPortClosed"),
        ("RdpCut", "GuestPortClosed", "GuestPortClosed"),
        ("SshCut", "SshCut", "SshCut"),
        ("PortSilent", "GuestPortClosed", "PortSilent"),
    ],
)
def test_who_is_cut_outside_met_nobody_where_the_host_found_nobody(
    outside: str, host: str, counts: str
) -> None:
    counted, findings = seen_past(seen(False, outside, host=ADDRESS), seen(False, host), "en")
    assert counted is not None and counted.problem is not None
    assert (counted.problem.code, counted.works, findings) == (counts, False, ())


def test_a_host_that_listens_or_says_nothing_is_believed() -> None:
    outside = seen(True, host=ADDRESS)
    for host in (at_host(True, listening=[PLACE], problems={}), at_host(True), None):
        assert seen_past(outside, host, "en") == (outside, ())
    assert seen_past(None, at_host(True), "en") == (None, ())
    other = at_host(True, listening=["203.0.113.7:22"], problems={})
    assert [each.code for each in seen_past(outside, other, "en")[1]] == ["RescueHostNotListening"]


def test_what_is_left_is_between() -> None:
    listens = at_host(True, listening=[PLACE], problems={})
    silent = Run(before=Probed(outside=seen(False, host=ADDRESS), host=listens))
    [found] = between(silent)
    assert found.code == "RescueWayBlocked" and "title of PortSilent" in found.message
    deaf = at_host(False, listening=[PLACE], problems={})
    for host in (deaf, None):
        assert between(Run(before=Probed(outside=seen(False, host=ADDRESS), host=host))) == ()
    assert between(Run(before=Probed(outside=seen(True, host=ADDRESS), host=listens))) == ()


def test_who_gets_an_answer_from_another_program_is_not_told_that_it_is_the_vm() -> None:
    host = at_host(True, listening=[], problems={PLACE: "another program of the host has this port"})
    counted, _ = seen_past(seen(True, host=ADDRESS), host, "en")
    run = Run(address=ADDRESS, before=Probed(outside=counted, host=host), client=seen(True))
    assert concluded(run) == ()
