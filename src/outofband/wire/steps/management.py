"""Steps beside Remote Desktop: other ways into a Windows guest, and what it says of itself."""

from __future__ import annotations

from outofband.wire.steps.powershell import MARK, quoted
from outofband.wire.steps.windows import (
    REMOTE_PS_RULE,
    registry,
    remove,
    services,
    step,
    value,
    write,
)

REMOTE_PS_PORT = 5986
NO_UPDATES = "AU.NoAutoUpdate"

_READ_BOOT = """\
function Read-Boot([string[]]$Which, [string]$Element) {
    # Names of elements are the same in every language, their values need not be.
    $line = & bcdedit.exe $Which |
        Where-Object { $_ -match ('^' + $Element + '\\s') } | Select-Object -First 1
    if ($null -eq $line) { return $null }
    ([string]$line -split '\\s+', 2)[1].Trim()
}
"""
_READ_LISTENER = """\
function Get-Secure {
    if ((Get-Service -Name WinRM).Status -ne 'Running') { return $null }
    Get-ChildItem -Path WSMan:\\localhost\\Listener -ErrorAction SilentlyContinue |
        Where-Object { $_.Keys -contains 'Transport=HTTPS' } | Select-Object -First 1
}
"""


def enable_ems() -> str:
    """`EnableEMS`: the serial console's SAC. Counts after a restart."""
    look = [
        value("boot.ems", "Read-Boot @('/enum', '{current}') 'ems'"),
        value("boot.emsPort", "Read-Boot @('/enum', '{emssettings}') 'emsport'"),
        value("boot.emsBaudRate", "Read-Boot @('/enum', '{emssettings}') 'emsbaudrate'"),
    ]
    body = """\
$null = & bcdedit.exe /ems '{current}' on
if ($LASTEXITCODE) { throw "bcdedit /ems ended with $LASTEXITCODE" }
$null = & bcdedit.exe /emssettings EMSPORT:1 EMSBAUDRATE:115200
if ($LASTEXITCODE) { throw "bcdedit /emssettings ended with $LASTEXITCODE" }
$restart = $true
"""
    return step("enableEms", look, body, library=_READ_BOOT)


def enable_remote_powershell() -> str:
    """`EnableRemotePS`: PowerShell from elsewhere, over HTTPS with a certificate that nobody vouches for."""
    rule = quoted(REMOTE_PS_RULE)
    body = f"""\
Enable-PSRemoting -Force -SkipNetworkProfileCheck | Out-Null
if ($null -eq (Get-Secure)) {{
    $certificate = New-SelfSignedCertificate -DnsName $env:COMPUTERNAME `
        -CertStoreLocation Cert:\\LocalMachine\\My
    $null = New-Item -Path WSMan:\\localhost\\Listener -Transport HTTPS -Address * -Force `
        -CertificateThumbPrint $certificate.Thumbprint
}}
if (Test-Rule {rule}) {{
    Set-NetFirewallRule -DisplayName {rule} -Enabled True
}} else {{
    $null = New-NetFirewallRule -DisplayName {rule} -Direction Inbound -Action Allow `
        -Protocol TCP -LocalPort {REMOTE_PS_PORT}
}}
"""
    look = [
        *services("WinRM"),
        value("remotePowerShell.listener", "$null -ne (Get-Secure)"),
        value("remotePowerShell.rule", f"Test-Rule {rule}"),
    ]
    return step("enableRemotePowerShell", look, body, library=_READ_LISTENER)


def updates(*, wanted: bool) -> str:
    """`EnableWindowsUpdate`, `DisableWindowsUpdate`: by the policy for automatic updates."""
    name = "enableWindowsUpdate" if wanted else "disableWindowsUpdate"
    body = remove(NO_UPDATES) if wanted else write(NO_UPDATES, 1)
    return step(name, registry(NO_UPDATES), body + "\n")


def ip_configuration() -> str:
    """`IPConfig`. It changes nothing, so it has no report."""
    return f"{MARK}\n& ipconfig.exe /all\n"
