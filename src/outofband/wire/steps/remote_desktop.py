"""Steps for Remote Desktop of Windows: what VMAccess and Azure's run commands do there, and what they keep.

The policy of a domain is not fought with: it would come back within two hours. It is told of instead.
"""

from __future__ import annotations

from outofband.wire.steps.powershell import quoted
from outofband.wire.steps.settings import CERTIFICATES, LISTENER, RESET
from outofband.wire.steps.windows import (
    CUSTOM_RULE,
    RULES,
    SERVICES,
    indented,
    place,
    registry,
    remove,
    rules,
    services,
    step,
    value,
    write,
)

USUAL_PORT = 3389
DENIED = "POL.fDenyTSConnections"
_POLICY_PATH = (
    r"Computer Configuration\Policies\Administrative Templates\Windows Components\Remote Desktop Services"
    r"\Remote Desktop Session Host"
)
_POLICY = f"""\
if ((Read-Setting {place(DENIED)}) -eq 1) {{
    if (Test-DomainJoined) {{
        $problems += New-Problem 'WindowsPolicyForbids' @{{ path = {quoted(_POLICY_PATH)} }}
    }} else {{
        {write(DENIED, 0)}
    }}
}}
"""
_SERVICE = "\n".join(f"Set-Start {quoted(name)} 'Manual'" for name in SERVICES) + (
    """
if ((Read-Service 'TermService' 'StartName') -notmatch 'Network ?Service$') {
    $null = & sc.exe config TermService obj= 'NT Authority\\NetworkService'
}
if (((Get-Service -Name TermService).ServicesDependedOn | ForEach-Object Name) -notcontains 'RPCSS') {
    $null = & sc.exe config TermService depend= RPCSS
}
"""
)
_RESTART = "Restart-Service -Name TermService -Force\n"
# netsh knows the group by its name in the system's language, so it comes where the other way finds nothing.
_OPEN = f"""\
$rules = Get-NetFirewallRule -Group {quoted(RULES)} -ErrorAction SilentlyContinue
if ($null -ne $rules) {{
    $rules | Enable-NetFirewallRule
}} else {{
    $null = & netsh.exe advfirewall firewall set rule group="remote desktop" new Enable=Yes
}}
"""
_CUSTOM = f"""\
if (Test-Rule {quoted(CUSTOM_RULE)}) {{
    Set-NetFirewallRule -DisplayName {quoted(CUSTOM_RULE)} -LocalPort $port -Enabled True
}} else {{
    $null = New-NetFirewallRule -DisplayName {quoted(CUSTOM_RULE)} -Direction Inbound -Action Allow `
        -Protocol TCP -LocalPort $port -Profile Any -Service 'termservice' `
        -Program '%SystemRoot%\\system32\\svchost.exe'
}}
"""
_CERTIFICATES = "'Cert:\\LocalMachine\\Remote Desktop'"
_READ_CERTIFICATES = f"""\
function Read-Certificates {{
    $found = Get-ChildItem -LiteralPath {_CERTIFICATES} -ErrorAction SilentlyContinue | Sort-Object NotAfter
    ($found | ForEach-Object {{ $_.Thumbprint + ' until ' + $_.NotAfter.ToString('yyyy-MM-dd') }}) -join ', '
}}
"""


def reset_configuration() -> str:
    """What VMAccessAgent does with empty settings: Remote Desktop on, at its usual port, let in."""
    look = [*registry(DENIED, *RESET), *services(*SERVICES)]
    look += [value("service.TermService.account", "Read-Service 'TermService' 'StartName'"), *rules()]
    settings = "".join(f"{write(name, to)}\n" for name, to in RESET.items())
    return step("resetRemoteDesktop", look, _POLICY + settings + _SERVICE + _OPEN + _RESTART)


def listener_settings() -> str:
    """`RDPSettings`: the listener as it should be. In a domain it is only told, with the policy's path."""
    compared = "\n".join(
        f"if ((Read-Setting {place(name)}) -ne {to}) {{ $wrong += {quoted(name)} }}"
        for name, to in LISTENER.items()
    )
    mended = indented("\n".join(write(name, to) for name, to in LISTENER.items()))
    body = f"""\
{_POLICY}$wrong = @()
{compared}
if ($wrong.Count -and (Test-DomainJoined)) {{
    $fields = @{{ path = {quoted(_POLICY_PATH)}; values = ($wrong -join ', ') }}
    $problems += New-Problem 'WindowsListenerOfPolicy' $fields
}} elseif ($wrong.Count) {{
{mended}}}
"""
    return step("rdpSettings", registry("TCP.PortNumber", DENIED, *LISTENER), body)


def reset_certificate() -> str:
    """`ResetRDPCert`: no certificate is chosen any more, and Windows makes one of its own.

    Azure's leaves SecurityLayer at 0 and so ends TLS for good. Here it is 0 only while the service comes up
    without a certificate; then both values are what they were.
    """
    layer, level = "TCP.SecurityLayer", "TCP.MinEncryptionLevel"
    look = [*registry(*CERTIFICATES, layer, level), *services("TermService", "SessionEnv")]
    look.append(value("certificates", "Read-Certificates"))
    removed = "".join(f"{remove(name)}\n" for name in CERTIFICATES)
    body = f"""\
$layer = Read-Setting {place(layer)}
$level = Read-Setting {place(level)}
{removed}Get-ChildItem -LiteralPath {_CERTIFICATES} -ErrorAction SilentlyContinue |
    Where-Object {{ $_.NotAfter -lt (Get-Date) }} | Remove-Item
try {{
    {write(layer, 0)}
    {write(level, 1)}
    {_RESTART}    # SessionEnv makes the certificate, TermService only shows it.
    Restart-Service -Name SessionEnv -Force
}} finally {{
    if ($null -eq $layer) {{ {remove(layer)} }} else {{ {write(layer, "$layer")} }}
    if ($null -eq $level) {{ {remove(level)} }} else {{ {write(level, "$level")} }}
}}
{_RESTART}if ($layer -eq 0) {{ $problems += New-Problem 'WindowsSecurityWeak' @{{}} }}
"""
    return step("resetRdpCertificate", look, body, library=_READ_CERTIFICATES)


def set_port() -> str:
    """`SetRDPPort`, whose parameter is `RDPPort`."""
    denied, port = "RT.fDenyTSConnections", "TCP.PortNumber"
    body = f"""\
$port = [int]$RDPPort
if ($port -lt 1 -or $port -gt 65535) {{ throw "$port is no port" }}
{write(denied, 0)}
{write(port, "$port")}
if ($port -eq {USUAL_PORT}) {{
{indented(_OPEN)}}} else {{
{indented(_CUSTOM)}}}
{_RESTART}"""
    look = [*registry(denied, port), *services("TermService"), *rules()]
    return step("setRdpPort", look, body, parameters=f"param([string]$RDPPort = '{USUAL_PORT}')\n")


def disable_nla() -> str:
    """`DisableNLA`: who has no network level authentication is let in as far as the sign-in screen."""
    name = "TCP.UserAuthentication"
    return step("disableNla", registry(name), f"{write(name, 0)}\n$restart = $true\n")
