"""What follows from what was seen: nothing is done in a guest that is not at fault, and nothing unseen."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.core.errors import Fault
from outofband.rescue.judging import CREDENTIALS, Scene, look
from outofband.rescue.run import Probed, Run, Wanted
from outofband.rescue.runbook import Ask, Deed, Step
from outofband.wire.remote import Word
from outofband.wire.steps.report import StepReport, System
from tests.unit.rescue.world import report

GUEST = {
    Step.CONFIGURATION: Deed.RESET_CONFIGURATION,
    Step.NIC: Deed.RESET_NIC,
    Step.RESTART: Deed.RESTART,
    Step.REDEPLOY: Deed.REDEPLOY,
}
CARD = {"id": "/nic", "macAddress": "00-0D-3A-00-00-01"}


def scene(**more: Any) -> Scene:
    return Scene(**{"vm": "web1", "power": "running", "card": CARD, **more})


def run(
    outside: bool | str | None,
    host: bool | str | None,
    step: Step | None = None,
    address: str = "203.0.113.7",
) -> Run:
    """A text is the code of the problem."""

    def seen(works: bool | str | None) -> Any:
        if not isinstance(works, str):
            return None if works is None else report(works)
        problem = Word(code=works, title="t", message="m")
        told = report(False)
        return type(told)(
            **{name: getattr(told, name) for name in told.__struct_fields__} | {"problem": problem}
        )

    before = Probed(outside=seen(outside), host=seen(host))
    return Run(wanted=Wanted(step=step), address=address, before=before)


@pytest.mark.parametrize(("step", "deed"), GUEST.items())
def test_a_guest_that_is_at_fault(step: Step, deed: Deed) -> None:
    seen = look(step, run("TcpRefused", "RdpSilent"), scene())
    assert seen.wish is not None and seen.wish.deed is deed
    assert [each.code for each in seen.findings] == ["RdpSilent"], "what the host sees is the better evidence"


@pytest.mark.parametrize("step", GUEST)
def test_nothing_is_done_in_a_guest_that_answers_its_host(step: Step) -> None:
    seen = look(step, run("TcpRefused", True), scene())
    assert ([each.code for each in seen.findings], seen.wish) == (["RescueGuestAnswers"], None)
    alone = look(step, run("TcpRefused", True, step), scene())
    assert alone.wish is not None, "somebody wants it"


@pytest.mark.parametrize("step", GUEST)
def test_nothing_is_done_unseen_or_for_a_wrong_password(step: Step) -> None:
    unseen = look(step, run(None, None), scene())
    assert ([each.code for each in unseen.findings], unseen.wish) == (["RescueNothingSeen"], None)
    for code in CREDENTIALS:
        assert look(step, run(code, code), scene()).wish is None


INSIDE = {"xrdp.installed": False, "firewall.denies": 1, "firewall.shut": "3389"}


@pytest.mark.parametrize(
    ("host", "installed", "told"),
    [
        ("RdpNotSpoken", False, ["GuestServiceMissing", "GuestFirewallDenies"]),
        ("GuestPortClosed", False, ["GuestServiceMissing", "GuestFirewallDenies"]),
        ("RdpNotSpoken", True, ["GuestFirewallDenies"]),
        # It speaks Remote Desktop, so it is another server than xrdp; of silence nobody knows whose it is.
        ("RdpNoLicenceServer", False, ["GuestFirewallDenies"]),
        ("RdpSilent", False, ["GuestFirewallDenies"]),
        (None, False, ["GuestFirewallDenies"]),
    ],
)
def test_a_service_that_is_not_installed_is_a_cause_where_no_other_serves(
    host: str | None, installed: bool, told: list[str]
) -> None:
    before: dict[str, Any] = INSIDE | {"xrdp.installed": installed}
    report = StepReport(step="resetRemote", system=System.LINUX, before=before, after=before)
    seen = look(Step.CONFIGURATION, run("RdpSilent", host), scene(guest=report, card={"addresses": ()}))
    at_port = [host or "RdpSilent"]
    assert [each.code for each in seen.findings] == [*at_port, "RescueGuestAgentAnswers", *told]


def test_a_password_that_was_refused() -> None:
    seen = look(Step.PASSWORD, run("RdpWrongCredentials", True), scene())
    assert seen.wish is not None and seen.wish.asks == (Ask.PASSWORD,)
    quiet = look(Step.PASSWORD, run("RdpSilent", False), scene())
    assert ([each.code for each in quiet.findings], quiet.wish) == (["RescuePasswordNotInTheWay"], None)
    assert look(Step.PASSWORD, run(True, True, Step.PASSWORD), scene()).wish is not None


@pytest.mark.parametrize("step", [*GUEST, Step.PASSWORD])
def test_a_host_that_is_away_and_a_vm_that_is_off(step: Step) -> None:
    wants = run("TcpTimeout", None, step)
    away = look(step, wants, scene(away=Fault("AgentOffline", host="h1", since="")))
    assert ([each.code for each in away.findings], away.wish) == (["AgentOffline"], None)
    off = look(step, wants, scene(power="deallocated"))
    assert [each.code for each in off.findings] == ["RescueVmOff"]
    assert (off.wish.deed if off.wish is not None else None) is (Deed.START if step is Step.RESTART else None)


def test_what_the_caller_cannot_have_is_not_wished_for() -> None:
    lacking = {Deed.RESTART: Fault("RescueRightMissing", deed="restart", action="a", scope="s")}
    seen = look(Step.RESTART, run("RdpSilent", "RdpSilent"), scene(lacking=lacking))
    assert [each.code for each in seen.findings] == ["RdpSilent", "RescueRightMissing"]
    assert seen.wish is None


def test_looks_without_deeds() -> None:
    at = scene(health={"state": "Degraded", "summary": "The host is slow."})
    health = look(Step.HEALTH, run(False, False), at)
    assert "Degraded: The host is slow." in health.findings[0].message
    assert look(Step.DIAGNOSTICS, run(False, False), scene()).findings[0].code == "RescueLogQuiet"
    off = look(Step.DIAGNOSTICS, run(False, False), scene(log_on=False))
    assert off.findings[0].code == "RescueDiagnosticsOff"
    none = look(Step.NIC, run(False, False), scene(card=None))
    assert ([each.code for each in none.findings], none.wish) == (["RescueNoInterface"], None)
