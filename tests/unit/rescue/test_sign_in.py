"""Whether a password works where Remote Desktop leaves it untried."""

from __future__ import annotations

from typing import Any

import msgspec

from outofband.rescue.judging import CREDENTIALS
from outofband.rescue.run import Run, Wanted
from outofband.rescue.sign_in import is_open, judged
from outofband.wire.remote import Report, Word
from tests.unit.rescue.world import report

UNTRIED = Word(code="RdpPasswordNotTried", title="t", message="m")
RUN = Run(wanted=Wanted(user="ada"))


def desktop() -> Report:
    return msgspec.structs.replace(report(True), warnings=[UNTRIED])


def ssh(works: bool, code: str = "", **evidence: Any) -> Report:
    problem = Word(code=code, title="t", message="m") if code else None
    return msgspec.structs.replace(report(works), problem=problem, evidence={"ssh": evidence})


def test_only_a_password_that_was_not_tried_is_asked_about() -> None:
    assert is_open(None, desktop())
    assert not is_open(report(True), None)
    assert not is_open(msgspec.structs.replace(desktop(), works=False))


def test_a_sign_in_by_ssh_is_the_proof() -> None:
    outside, host, told = judged(desktop(), None, ssh(True, signedIn=True), RUN)
    assert outside is not None and outside.works and host is None
    assert [each.code for each in told] == ["RescueSignInProven"]
    assert "ada" in told[0].message


def test_a_password_that_ssh_would_take_and_refuses_gets_nobody_in() -> None:
    refusing = ssh(False, "SshWrongCredentials", methods="publickey, password")
    outside, host, told = judged(desktop(), desktop(), refusing, RUN)
    for each in (outside, host):
        assert each is not None and not each.works
        assert each.problem is not None and each.problem.code in CREDENTIALS
    assert told == ()


def test_a_password_that_has_to_be_changed_gets_nobody_in() -> None:
    outside, _, told = judged(desktop(), None, ssh(False, "SshPasswordMustChange"), RUN)
    assert outside is not None and outside.problem is not None and not outside.works
    assert outside.problem.code == "SshPasswordMustChange" and outside.problem.code in CREDENTIALS
    assert told == ()


def test_an_ssh_server_that_takes_no_passwords_says_nothing_about_one() -> None:
    for by_ssh in (ssh(False, "SshWrongCredentials", methods="publickey"), ssh(False, "TcpRefused"), None):
        outside, _, told = judged(desktop(), None, by_ssh, RUN)
        assert outside is not None and outside.works
        assert [each.code for each in told] == ["RescueSignInUnproven"]
