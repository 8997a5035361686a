"""Steps for network cards of Windows: after the VM was given another card, or to get an address again.

A new card has a new address of hardware. Windows keeps the old one as a device that is not there, greyed in
its device manager, with the old settings.
"""

from __future__ import annotations

from outofband.wire.steps.windows import step, value

PNP_CLEAN = "RUNDLL32.exe pnpclean.dll,RunDLL_PnpClean /Devices /Maxclean"
"""What removes devices that are not there any more."""
MAX_CARDS = 8

_READ_CARDS = """\
function Read-Ghosts {
    # Of Windows 10 and Server 2016; elsewhere it is not known.
    if ($null -eq (Get-Command Get-PnpDevice -ErrorAction SilentlyContinue)) { return $null }
    $found = Get-PnpDevice -Class Net -ErrorAction SilentlyContinue | Where-Object { -not $_.Present }
    ($found | Sort-Object FriendlyName | ForEach-Object FriendlyName) -join ', '
}
function Read-Cards([string]$What) {
    $cards = Get-NetAdapter -Physical -ErrorAction SilentlyContinue |
        Sort-Object ifIndex | Select-Object -First 8
    $told = foreach ($card in $cards) {
        $index = $card.ifIndex
        $answer = switch ($What) {
            'state' { [string]$card.Status }
            'dhcp' { [string](Get-NetIPInterface -InterfaceIndex $index -AddressFamily IPv4).Dhcp }
            'address' {
                (Get-NetIPAddress -InterfaceIndex $index -AddressFamily IPv4 -ErrorAction SilentlyContinue |
                    ForEach-Object IPAddress) -join ' '
            }
        }
        $card.Name + '=' + $answer
    }
    @($told) -join ', '
}
"""
_LOOK = [
    value("cards.state", "Read-Cards 'state'"),
    value("cards.dhcp", "Read-Cards 'dhcp'"),
    value("cards.address", "Read-Cards 'address'"),
    value("cards.ghosts", "Read-Ghosts"),
]
# netsh and not Set-NetIPInterface: it also forgets name servers that were typed in, and the lines are those
# that everybody can type at a console.
_RESET = f"""\
$cards = Get-NetAdapter -Physical | Where-Object {{ $_.Name -notmatch '"' }} |
    Select-Object -First {MAX_CARDS}
foreach ($card in $cards) {{
    $name = $card.Name
    if ($card.AdminStatus -ne 'Up') {{
        $null = & netsh.exe interface set interface name="$name" admin=enabled
    }}
    $null = & netsh.exe interface ip set address name="$name" source=dhcp
    $null = & netsh.exe interface ip set dns name="$name" source=dhcp
}}
$null = & ipconfig.exe /renew
"""
_CLEAN = """\
# Waited for: rundll32 is a program with windows, which PowerShell leaves running.
Start-Process -FilePath RUNDLL32.exe -ArgumentList 'pnpclean.dll,RunDLL_PnpClean /Devices /Maxclean' -Wait
"""


def reset_windows_cards() -> str:
    """Switch every card on and let DHCP give it its address and name servers."""
    return step("resetCards", _LOOK, _RESET, library=_READ_CARDS)


def remove_ghosts() -> str:
    """Remove the cards that are not there any more. It cannot be undone: Windows finds real ones again."""
    return step("removeGhostCards", _LOOK, _CLEAN, library=_READ_CARDS)
