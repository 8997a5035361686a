"""Which of the things that a run tells is its main cause, and which are causes at all."""

from __future__ import annotations

import msgspec
import pytest

from outofband.core import clock
from outofband.rescue.report import document, page
from outofband.rescue.run import Done, Found, Look, Probed, Run, Taken, Wish
from outofband.rescue.runbook import Deed, Step
from outofband.rescue.verdict import verdict
from outofband.wire.remote import Word
from tests.unit.rescue.world import report


def found(code: str) -> Found:
    return Found(code=code, title=f"{code} told", message="m", evidence={"log": ["secret"]})


def told(
    *findings: str,
    seen: str = "",
    warned: str = "",
    at_host: str = "",
    by_deed: tuple[str, ...] = (),
    problem: str = "",
    failed: str = "",
) -> Run:
    """A run whose first step found these, and whose deed told `by_deed` and ended with `problem`."""

    def word(code: str) -> Word:
        return Word(code=code, title=f"{code} seen", message="m")

    outside = msgspec.structs.replace(
        report(not seen),
        problem=word(seen) if seen else None,
        warnings=(word(warned),) if warned else (),
    )
    host = msgspec.structs.replace(report(False), problem=word(at_host)) if at_host else None
    done = Done(
        wish=Wish(deed=Deed.RESET_CONFIGURATION),
        key="k",
        began=clock.iso(),
        ended=clock.iso(),
        findings=tuple(found(code) for code in by_deed),
        problem=found(problem) if problem else None,
    )
    look = Look(findings=tuple(found(code) for code in findings), wish=done.wish)
    return Run(
        before=Probed(outside=outside, host=host),
        taken=(Taken(step=Step.CONFIGURATION, look=look, done=done),),
        problem=found(failed) if failed else None,
    )


@pytest.mark.parametrize(
    ("run", "main", "causes"),
    [
        (told("RescueRulesAllow", "RescueHealth", seen="RdpCut"), "RdpCut", ()),
        (
            told("RdpCut", "GuestServiceStopped", seen="RdpCut"),
            "GuestServiceStopped",
            ("GuestServiceStopped",),
        ),
        (told("GuestAgentAbsent", "GrubPrompt"), "GrubPrompt", ("GuestAgentAbsent", "GrubPrompt")),
        (told("GuestAgentAbsent", seen="RdpSilent"), "GuestAgentAbsent", ("GuestAgentAbsent",)),
        (told(warned="RdpCertificateEnded"), "RdpCertificateEnded", ()),
        (told(seen="RdpCut", warned="RdpCertificateEnded"), "RdpCut", ()),
        (told(seen="RdpSilent", at_host="GuestPortClosed"), "RdpSilent", ()),
        (
            told("GuestDiskFull", by_deed=("GuestFileNotWritten",)),
            "GuestDiskFull",
            ("GuestDiskFull", "GuestFileNotWritten"),
        ),
        (
            told(by_deed=("GuestReadOnly",), problem="VmStartFailed", failed="StoreDiskFull"),
            "GuestReadOnly",
            ("GuestReadOnly", "VmStartFailed", "StoreDiskFull"),
        ),
        (told("RescueRightsMissing", "RescueRightMissing", seen="RdpCut"), "RdpCut", ()),
        (told("RescueRulesAllow"), None, ()),
    ],
)
def test_the_main_cause_is_the_first_that_is_one(run: Run, main: str | None, causes: tuple[str, ...]) -> None:
    said = verdict(run)
    assert (said.main.code if said.main is not None else None) == main
    assert tuple(each.code for each in said.causes) == causes
    shown = document(run)
    assert shown["causes"] == list(causes)
    if main is None:
        assert shown["mainCause"] is None
    else:
        assert (shown["mainCause"]["code"], "evidence" in shown["mainCause"]) == (main, False)


def test_what_the_look_before_the_first_step_found_stands_first() -> None:
    run = told("GuestServiceStopped")
    assert run.before is not None
    before = msgspec.structs.replace(run.before, findings=(found("RescueHostPortTaken"),))
    said = verdict(msgspec.structs.replace(run, before=before))
    assert said.main is not None and said.main.code == "RescueHostPortTaken"


def test_the_page_says_it_first() -> None:
    about = {"vm": "web1", "id": "/vm", "name": "r", "who": "ada", "when": "now"}
    written = page(told("GuestServiceStopped", seen="RdpCut"), about)
    assert "Main cause: <strong>GuestServiceStopped told" in written
    assert "Main cause" not in page(told("RescueRulesAllow"), about)
