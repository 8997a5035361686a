"""The frame of every step in a Windows guest: look, change, look again, print both, whatever went wrong.

A step is a PowerShell text that needs PowerShell 4 and no module beyond those of Windows Server 2012 R2.
Names of groups and accounts are never looked up in English: a Windows of any language has their SIDs and
resource numbers.
"""

from __future__ import annotations

from outofband.wire.steps.powershell import MARK, quoted
from outofband.wire.steps.settings import setting

RULES = "@FirewallAPI.dll,-28752"
"""The firewall's group "Remote Desktop", by the number that all languages share."""
CUSTOM_RULE = "Remote Desktop - Custom Port"
REMOTE_PS_RULE = "Windows Remote Management (HTTPS-In)"
SERVICES = ("TermService", "SessionEnv", "UmRdpService")
"""Of Remote Desktop. MPSSVC and BFE, the firewall's own, are never touched: without them nothing gets in."""

_FRAME = """\
{mark}
{parameters}$ErrorActionPreference = 'Stop'
$ProgressPreference = 'SilentlyContinue'
$before = [ordered]@{{}}
$after = [ordered]@{{}}
$problems = @()
$restart = $false
$stop = $null
{library}
function Get-State {{
    $state = [ordered]@{{}}
{look}    $state
}}
$before = Get-State
try {{
{body}}} catch {{
    # What the body stops at has a code; everything else is told in the words of Windows.
    if ($null -eq $stop) {{
        $stop = New-Problem 'WindowsStepFailed' @{{ detail = [string]$_.Exception.Message }}
    }}
    $problems += $stop
}}
$after = Get-State
$report = [ordered]@{{ schema = 'outofband.step/1'; step = {name}; system = 'windows' }}
$report['before'] = $before
$report['after'] = $after
$report['problems'] = @($problems)
$report['restart'] = $restart
ConvertTo-Json -InputObject $report -Compress -Depth 4
if ($null -ne $stop) {{ exit 1 }}
exit 0
"""

_REGISTRY = """\
function Read-Setting([string]$Path, [string]$Name) {
    $item = Get-ItemProperty -LiteralPath $Path -Name $Name -ErrorAction SilentlyContinue
    if ($null -eq $item) { return $null }
    $value = $item.$Name
    if ($value -is [byte[]]) { return [BitConverter]::ToString($value) -replace '-', '' }
    # A DWORD above 2^31 is read as a negative number by older versions.
    if ($value -is [int] -and $value -lt 0) { return [long]$value + 4294967296 }
    $value
}
function Write-Setting([string]$Path, [string]$Name, [string]$Kind, $Value) {
    if (-not (Test-Path -LiteralPath $Path)) { $null = New-Item -Path $Path -Force }
    if ($Kind -eq 'DWord') { $Value = [BitConverter]::ToInt32([BitConverter]::GetBytes([uint32]$Value), 0) }
    $null = New-ItemProperty -LiteralPath $Path -Name $Name -PropertyType $Kind -Value $Value -Force
}
function Remove-Setting([string]$Path, [string]$Name) {
    if ($null -ne (Read-Setting $Path $Name)) { Remove-ItemProperty -LiteralPath $Path -Name $Name -Force }
}
"""
_SERVICES = """\
function Read-Service([string]$Name, [string]$What) {
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='$Name'"
    if ($null -eq $service) { return $null }
    [string]$service.$What
}
function Set-Start([string]$Name, [string]$Start) {
    $service = Get-CimInstance -ClassName Win32_Service -Filter "Name='$Name'"
    if ($null -ne $service -and $service.StartMode -eq 'Disabled') {
        Set-Service -Name $Name -StartupType $Start
    }
}
"""
_FIREWALL = """\
function Read-Rules([string]$Group, [string]$Enabled) {
    $rules = Get-NetFirewallRule -Group $Group -ErrorAction SilentlyContinue
    $found = $rules | Where-Object { [string]$_.Enabled -eq $Enabled } | Sort-Object Name
    ($found | ForEach-Object Name) -join ','
}
function Test-Rule([string]$Name) {
    $null -ne (Get-NetFirewallRule -DisplayName $Name -ErrorAction SilentlyContinue)
}
"""
_COMMON = """\
function New-Problem([string]$Code, [hashtable]$Fields) { @{ code = $Code; fields = $Fields } }
function Get-Role { (Get-CimInstance -ClassName Win32_ComputerSystem).DomainRole }
function Test-DomainJoined { (Get-CimInstance -ClassName Win32_ComputerSystem).PartOfDomain }
"""
LIBRARY = _COMMON + _REGISTRY + _SERVICES + _FIREWALL


def step(name: str, look: list[str], body: str, *, parameters: str = "", library: str = "") -> str:
    """A whole step. `look` has one line a value (`registry`, `services`, `rules` ...), `body` changes things
    and may set `$stop` before it throws. `parameters` is its param block, `library` has functions.
    """
    return _FRAME.format(
        mark=MARK,
        parameters=parameters,
        library=LIBRARY + library,
        look=indented("\n".join(look)),
        body=indented(body),
        name=quoted(name),
    )


def value(name: str, expression: str) -> str:
    return f"$state[{quoted(name)}] = {expression}"


def registry(*names: str) -> list[str]:
    """Values of the registry, by the names of `settings`."""
    return [value(name, f"Read-Setting {place(name)}") for name in names]


def services(*names: str) -> list[str]:
    lines = []
    for name in names:
        lines.append(value(f"service.{name}.start", f"Read-Service {quoted(name)} 'StartMode'"))
        lines.append(value(f"service.{name}.state", f"Read-Service {quoted(name)} 'State'"))
    return lines


def rules() -> list[str]:
    """The firewall's rules for Remote Desktop that are off, and whether there is one for another port."""
    return [
        value("firewall.RemoteDesktop.off", f"Read-Rules {quoted(RULES)} 'False'"),
        value("firewall.customPort", f"Test-Rule {quoted(CUSTOM_RULE)}"),
    ]


def place(name: str) -> str:
    """Path and name of a value of the registry, as two words of a command."""
    found = setting(name)
    return f"{quoted(found.path)} {quoted(found.value)}"


def write(name: str, to: object) -> str:
    """`to` is a number, or a PowerShell expression."""
    return f"Write-Setting {place(name)} {quoted(setting(name).kind)} {to}"


def remove(name: str) -> str:
    return f"Remove-Setting {place(name)}"


def indented(text: str) -> str:
    return "".join(f"    {line}\n" for line in text.splitlines())
