"""The way back for Windows: from what a step reported, a PowerShell text that puts every value back.

Only names of ours are followed, and every value is checked for what it can be: the report comes from a guest,
and what is made of it runs there with all rights.
"""

from __future__ import annotations

import re

from outofband.core.errors import Fault
from outofband.wire.finding import MAX_TEXT
from outofband.wire.steps.powershell import quoted
from outofband.wire.steps.report import Change, StepReport, System, Value, changes
from outofband.wire.steps.settings import HASH, PATHS, UNLIMITED
from outofband.wire.steps.windows import (
    CUSTOM_RULE,
    REMOTE_PS_RULE,
    registry,
    remove,
    services,
    step,
    value,
    write,
)
from outofband.wire.steps.windows_ssh import RULE as SSH_RULE

STARTS = {"Auto": "Automatic", "Manual": "Manual", "Disabled": "Disabled"}
_RULES = re.compile(r"[A-Za-z0-9{}._-]{1,120}(,[A-Za-z0-9{}._-]{1,120})*")
_HEX = re.compile(r"([0-9A-F]{2}){1,64}")
_SERVICE = re.compile(r"service\.(TermService|SessionEnv|UmRdpService|WinRM|sshd)\.(start|state)")
_VALUE = re.compile(rf"({'|'.join(PATHS)})\.[A-Za-z0-9]{{1,64}}")


def undo(report: StepReport) -> str:
    """The text. Raises Fault NothingToUndo where no value that can be put back has changed."""
    found = changes(report) if report.system is System.WINDOWS else []
    kept = [(each, line) for each in found if (line := _line(each)) is not None]
    if not kept:
        raise Fault("NothingToUndo", step=report.step)
    # Settings before services: a service that starts reads them.
    body = "\n".join(line for _, line in sorted(kept, key=lambda each: _rank(each[0])))
    look: list[str] = []
    for each, _ in kept:
        look += [line for line in _look(each.name) if line not in look]
    return step("undo", look, body + "\n")


def can_be_undone(change: Change) -> bool:
    return _line(change) is not None


def _rank(change: Change) -> int:
    if change.name.startswith("service."):
        return 3 if change.name.endswith(".state") else 2
    return 1


def _look(name: str) -> list[str]:
    if _SERVICE.fullmatch(name):
        return services(name.split(".")[1])
    if _VALUE.fullmatch(name):
        return registry(name)
    return {
        "firewall.customPort": [value(name, f"Test-Rule {quoted(CUSTOM_RULE)}")],
        "remotePowerShell.rule": [value(name, f"Test-Rule {quoted(REMOTE_PS_RULE)}")],
    }.get(name, [])


def _line(change: Change) -> str | None:
    name, before = change.name, change.before
    if _VALUE.fullmatch(name):
        return _setting(name, before)
    if (service := _SERVICE.fullmatch(name)) is not None:
        return _service(service[1], service[2], before)
    if name == "firewall.RemoteDesktop.off":
        return _rules(before, change.after)
    if name == "firewall.customPort" and before is False:
        return f"Remove-NetFirewallRule -DisplayName {quoted(CUSTOM_RULE)}"
    if name == "ssh.rule" and before in ("missing", "disabled"):
        verb = "Remove" if before == "missing" else "Disable"
        return f"{verb}-NetFirewallRule -Name {quoted(SSH_RULE)}"
    if name == "remotePowerShell.rule" and before is False:
        return f"Remove-NetFirewallRule -DisplayName {quoted(REMOTE_PS_RULE)}"
    if name == "remotePowerShell.listener" and before is False:
        return (
            "Get-ChildItem -Path WSMan:\\localhost\\Listener |"
            " Where-Object { $_.Keys -contains 'Transport=HTTPS' } | Remove-Item -Recurse -Force"
        )
    if name == "administrator.enabled" and before is False:
        return (
            "Get-CimInstance -ClassName Win32_UserAccount -Filter 'LocalAccount=True' |"
            " Where-Object { $_.SID -like 'S-1-5-21-*-500' } |"
            " Set-CimInstance -Property @{ Disabled = $true }"
        )
    if name == "boot.ems":
        return "$null = & bcdedit.exe /ems '{current}' off\n$restart = $true"
    return None


def _setting(name: str, before: Value) -> str | None:
    if before is None:
        return remove(name)
    if name.endswith(f".{HASH}"):
        if not isinstance(before, str) or not _HEX.fullmatch(before):
            return None
        pairs = ", ".join(f"0x{before[at : at + 2]}" for at in range(0, len(before), 2))
        return write(name, f"([byte[]]@({pairs}))")
    if isinstance(before, bool) or not isinstance(before, int) or not 0 <= before <= UNLIMITED:
        return None
    return write(name, before)


def _service(name: str, what: str, before: Value) -> str | None:
    if what == "start":
        start = STARTS.get(before) if isinstance(before, str) else None
        return f"Set-Service -Name {quoted(name)} -StartupType {start}" if start else None
    # A service that ran and does not run now, or the other way round.
    return {
        "Stopped": f"Stop-Service -Name {quoted(name)} -Force",
        "Running": f"Start-Service -Name {quoted(name)}",
    }.get(str(before))


def _rules(before: Value, after: Value) -> str | None:
    texts = [each for each in (before, after) if isinstance(each, str)]
    # One that was cut ends with a name that is none.
    if len(texts) != 2 or any(len(each) >= MAX_TEXT for each in texts):
        return None
    if not all(not each or _RULES.fullmatch(each) for each in texts):
        return None
    was, now = (dict.fromkeys(filter(None, each.split(","))) for each in texts)
    lines = [f"Disable-NetFirewallRule -Name {quoted(each)}" for each in was if each not in now]
    lines += [f"Enable-NetFirewallRule -Name {quoted(each)}" for each in now if each not in was]
    return "\n".join(lines) or None
