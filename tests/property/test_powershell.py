"""No value gets out of its quotes: whatever a guest reports or a person gives, an undo calls its own only."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.core.errors import Fault
from outofband.wire.steps import powershell
from outofband.wire.steps.report import StepReport, System, Value
from outofband.wire.steps.settings import HASH, PATHS
from outofband.wire.steps.windows import value
from outofband.wire.steps.windows_undo import undo
from tests.support.powershell_grammar import commands, defined, faults
from tests.unit.wire.steps.powershell_text import texts
from tests.unit.wire.steps.test_windows import STEPS, body

NASTY = st.text(
    alphabet="ab1,.{}-_ '\"\u2018\u2019\u201a\u201b\u201c\u201d\u201e`$();|&#@\n\r\0", max_size=40
)
"""Every sign that means something to PowerShell, and few that do not."""
VALUES: st.SearchStrategy[Value] = st.one_of(
    NASTY,
    st.sampled_from(
        ["Auto", "Manual", "Disabled", "Running", "Stopped", "Yes", "00FF", "RemoteDesktop-In,B"]
    ),
    st.integers(-(2**40), 2**40),
    st.booleans(),
    st.none(),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            "RT.fDenyTSConnections", "TCP.PortNumber", f"TCP.{HASH}", "AU.NoAutoUpdate",
            "firewall.customPort",
            "service.TermService.start", "service.WinRM.state", "firewall.RemoteDesktop.off", "boot.ems",
            "remotePowerShell.rule", "remotePowerShell.listener", "administrator.enabled", "account.enabled",
        ]
    ),
    st.builds(lambda place, name: f"{place}.{name}", st.sampled_from(sorted(PATHS)), NASTY),
    NASTY,
)  # fmt: skip
CALLED = {
    "Write-Setting", "Remove-Setting", "Set-Service", "Start-Service", "Stop-Service",
    "Enable-NetFirewallRule",
    "Disable-NetFirewallRule", "Remove-NetFirewallRule", "Get-ChildItem", "Where-Object", "Remove-Item",
    "Get-CimInstance", "Set-CimInstance", "bcdedit.exe",
}  # fmt: skip
"""All that an undo has a reason to call between its two looks."""


@given(st.dictionaries(NAMES, st.tuples(VALUES, VALUES), max_size=8))
def test_an_undo_calls_nothing_but_its_own(found: dict[str, tuple[Value, Value]]) -> None:
    report = StepReport(
        step="x",
        system=System.WINDOWS,
        before={name: before for name, (before, _) in found.items()},
        after={name: after for name, (_, after) in found.items()},
    )
    try:
        text = undo(report)
    except Fault as fault:
        assert fault.code == "NothingToUndo"
        return
    assert faults(text) == []
    work = body(text).partition("} catch {")[0]
    assert set(commands(work)) - {"Get-State"} <= CALLED
    looks = text.partition("function Get-State {")[2].partition("$before = Get-State\n")[0]
    assert set(commands(looks)) <= {"Read-Setting", "Read-Service", "Read-Rules", "Test-Rule", "Get-BuiltIn"}


@given(NASTY)
def test_a_quoted_text_is_one_word_of_a_whole_text(text: str) -> None:
    """As this project's reader has it, which knows the quotes that a grammar may not know."""
    assert texts(value(text, f"Read-Setting {powershell.quoted(text)} 'b'")) == [text, text, "b"]
    plain = re.sub("[\u2018\u2019\u201a\u201b]", "'", text.replace("\0", ""))
    made = f"Set-It {powershell.quoted(plain)} after"
    assert faults(made) == []
    assert commands(made) == ["Set-It"]


@given(
    NASTY, st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,63}", fullmatch=True), NASTY, max_size=4)
)
def test_parameters_are_in_no_text(script: str, named: dict[str, str]) -> None:
    made = powershell.launch(script, named)
    assert re.fullmatch(rb"[A-Za-z0-9+/=]*\n[A-Za-z0-9+/=]+\n", made.given)
    assert made.arguments == powershell.ARGUMENTS


WINDOWS_2012_R2 = {
    "ConvertFrom-Json", "ConvertTo-Json", "Enable-NetFirewallRule", "Enable-PSRemoting", "ForEach-Object",
    "Get-ChildItem", "Get-CimInstance", "Get-Command", "Get-Date", "Get-ItemProperty", "Get-NetAdapter",
    "Get-NetFirewallRule", "Get-NetIPAddress", "Get-NetIPInterface", "Get-Service", "New-Item",
    "New-ItemProperty", "New-NetFirewallRule", "New-Object", "New-SelfSignedCertificate", "Out-Null",
    "Remove-Item", "Remove-ItemProperty", "Restart-Service", "Select-Object", "Set-CimInstance",
    "Set-NetFirewallRule", "Set-Service", "Sort-Object", "Start-Process", "Start-Service", "Test-Path",
    "Where-Object",
    "bcdedit.exe", "ipconfig.exe", "netsh.exe", "sc.exe",
}  # fmt: skip
"""Commands of PowerShell 4 with the modules of that system, and its programs, as far as a step calls them."""
LATER = {"Get-PnpDevice"}
"""Of Windows 10 and Server 2016: asked for before it is called."""


@pytest.mark.parametrize("name", STEPS)
def test_every_step_is_whole_and_calls_what_is_there(name: str) -> None:
    text = STEPS[name]()
    assert faults(text) == []
    called = set(commands(text)) - defined(text)
    assert called - LATER <= WINDOWS_2012_R2
    for each in called & LATER:
        assert text.index(f"Get-Command {each} -ErrorAction SilentlyContinue") < text.index(f"= {each}")


def test_the_bootstrap_is_whole() -> None:
    assert faults(powershell.BOOTSTRAP) == []
    assert set(commands(powershell.BOOTSTRAP)) <= WINDOWS_2012_R2


@pytest.mark.parametrize("text", ["if ($a) { 'x' ", "'open", "Get-It @{ a = ", "function X { ) }"])
def test_the_grammar_sees_what_is_not_whole(text: str) -> None:
    assert faults(text)
