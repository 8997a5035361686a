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
