"""What a step in the guest told, in the order in which a run tells it."""

from __future__ import annotations

import pytest

from outofband.rescue.guest import found_in
from outofband.rescue.run import Wanted
from outofband.wire.remote import Protocol
from outofband.wire.steps.report import Problem, StepReport, System


@pytest.mark.parametrize("root", ["GuestDiskFull", "GuestReadOnly"])
def test_what_keeps_a_service_down_is_told_before_the_service(root: str) -> None:
    before = {"service.ssh.enabled": "enabled", "service.ssh.runs": False, "ssh.hostKeys": 0}
    report = StepReport(
        step="resetRemote",
        system=System.LINUX,
        before=before,
        after=before,
        problems=(
            Problem(code="GuestFileNotWritten", fields={"path": "/etc/ssh/sshd_config"}),
            Problem(code=root, fields={"path": "/"}),
        ),
    )
    told = [each.code for each in found_in(report, Wanted(protocol=Protocol.SSH))]
    assert told == [root, "GuestServiceStopped", "GuestHostKeysMissing", "GuestFileNotWritten"]


@pytest.mark.parametrize(
    ("step", "told"),
    [("resetCards", ["GuestCardNoCable"]), ("resetRemote", ["GuestCardDown", "GuestCardNoCable"])],
)
def test_a_card_that_was_just_plugged_in_was_not_at_fault(step: str, told: list[str]) -> None:
    before = {"cards.state": "eth0=down", "cards.address": "eth0="}
    report = StepReport(
        step=step,
        system=System.LINUX,
        before=before,
        after={"cards.state": "eth0=up", "cards.address": "eth0=10.9.1.5"},
        problems=(Problem(code="GuestCardNoCable", fields={"card": "eth1"}),),
    )
    assert [each.code for each in found_in(report, Wanted())] == told
