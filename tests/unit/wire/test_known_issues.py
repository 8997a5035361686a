"""Known troubles of a console: what is done and shown, and what is explained, once."""

from __future__ import annotations

import pytest

from outofband.catalogue import entry, translations
from outofband.wire.known_issues import BY_STATE, KnownIssues
from tests.support import portal_issues


def test_a_state_that_says_it_alone() -> None:
    issues = KnownIssues()
    assert issues.shows("healthReport") == "SacDisabled"
    assert issues.shows("healthReport") is None, "once"
    assert issues.shows("kernelDebugger") == "KernelDebuggerOnPort"
    assert issues.shows("sac") is None
    issues.shows("silent")
    assert issues.shows("healthReport") == "SacDisabled", "the guest was started anew"


def test_enter_that_nobody_answers() -> None:
    issues = KnownIssues()
    issues.shows("login")
    assert [issues.typed(b"\r", at) for at in (0.0, 1.0, 2.9, 3.1)] == [None] * 3 + ["EnterWithoutEffect"]
    assert issues.typed(b"\r", 9.0) is None


def test_enter_that_is_answered() -> None:
    issues = KnownIssues()
    issues.shows("login")
    for at in range(10):
        assert issues.typed(b"\r", float(at)) is None
        issues.printed(b"\r\nweb1 login: ")


@pytest.mark.parametrize("state", ["shell", "grub", "sac"])
def test_enter_where_something_reads(state: str) -> None:
    issues = KnownIssues()
    issues.shows(state)
    assert [issues.typed(b"\r", at) for at in (0.0, 2.0, 9.0)] == [None] * 3


@pytest.mark.parametrize(
    ("prompt", "pasted", "told"),
    [
        (b"\r\nPS C:\\Windows\\system32> ", b"Write-Host 1000", "PowerShellRepeats"),
        (b"\x1b[5;1HPS C:\\> ", b"Write-Host 1000", "PowerShellRepeats"),
        (b"\r\nPS C:\\> ", b"Get-Date now", None),
        (b"\r\nPS C:\\> ", b"111", None),
        (b"\r\nC:\\> ", b"echo 1000000", None),
    ],
)
def test_pasting_into_powershell(prompt: bytes, pasted: bytes, told: str | None) -> None:
    issues = KnownIssues()
    issues.shows("sac")
    issues.printed(prompt)
    assert issues.typed(pasted, 1.0) == told


def test_every_trouble_has_words_and_commands_in_three_languages() -> None:
    for code in (*BY_STATE.values(), "EnterWithoutEffect", "PowerShellRepeats", "SacKeysLimited"):
        commands = {word for step in entry(code).remedy for word in step.split("`")[1::2]}
        assert any("bcdedit" in word or "PSReadLine" in word for word in commands)
        for locale in ("fr", "nl"):
            theirs = {word for step in translations(locale)[code].remedy for word in step.split("`")[1::2]}
            assert theirs == commands, f"{code} in {locale}"


def test_the_portal_is_held_to_this() -> None:
    told = portal_issues.VECTORS.read_text()
    assert told == portal_issues.vectors(), "run python -m tests.support.portal_issues"
    for code in ("EnterWithoutEffect", "PowerShellRepeats", *BY_STATE.values()):
        assert f'"{code}"' in told
