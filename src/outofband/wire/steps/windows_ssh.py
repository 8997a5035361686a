"""OpenSSH's server in Windows: brought back by the commands that Microsoft documents for it.

It is a feature of Windows that is there or not; to add it is a matter of packages and of a network that
brings them, so one that is missing is told. Its own files (`sshd_config`, keys) stay as they are.
"""

from __future__ import annotations

from outofband.wire.remote import PORTS, Protocol
from outofband.wire.steps.powershell import quoted
from outofband.wire.steps.windows import services, step, value

SERVICE = "sshd"
RULE = "OpenSSH-Server-In-TCP"
"""The firewall's rule that comes with the feature; its name is the same in every language."""
_TITLE = "OpenSSH Server (sshd)"
_LIBRARY = f"""\
function Find-Rule {{ Get-NetFirewallRule -Name {quoted(RULE)} -ErrorAction SilentlyContinue }}
function Read-Rule {{
    $rule = Find-Rule
    if ($null -eq $rule) {{ return 'missing' }}
    if ([string]$rule.Enabled -eq 'True') {{ 'enabled' }} else {{ 'disabled' }}
}}
function Read-Profile {{
    $rule = Find-Rule
    if ($null -eq $rule) {{ return $null }}
    [string]$rule.Profile
}}
"""
_BODY = f"""\
if ($null -eq (Get-Service -Name {quoted(SERVICE)} -ErrorAction SilentlyContinue)) {{
    $stop = New-Problem 'GuestServiceMissing' @{{ service = {quoted(SERVICE)} }}
    throw 'stopped'
}}
if ((Read-Service {quoted(SERVICE)} 'StartMode') -ne 'Auto') {{
    Set-Service -Name {quoted(SERVICE)} -StartupType Automatic
}}
switch (Read-Rule) {{
    'missing' {{
        $null = New-NetFirewallRule -Name {quoted(RULE)} -DisplayName {quoted(_TITLE)} -Enabled True `
            -Direction Inbound -Protocol TCP -Action Allow -LocalPort {PORTS[Protocol.SSH]}
    }}
    'disabled' {{ Enable-NetFirewallRule -Name {quoted(RULE)} }}
}}
if ((Read-Service {quoted(SERVICE)} 'State') -ne 'Running') {{ Start-Service -Name {quoted(SERVICE)} }}
"""


def reset_ssh() -> str:
    """The service starts with Windows and runs, and its rule lets port 22 in. Sessions go on."""
    look = [
        value("ssh.installed", f"$null -ne (Read-Service {quoted(SERVICE)} 'Name')"),
        *services(SERVICE),
        value("ssh.rule", "Read-Rule"),
        value("ssh.ruleProfile", "Read-Profile"),
    ]
    return step("resetSsh", look, _BODY, library=_LIBRARY)
