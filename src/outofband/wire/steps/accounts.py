"""Steps for accounts of Windows: VMAccess's reset of a password, and the built-in administrator.

The password is a parameter of the step. It goes to the account through ADSI, so it is never on a command
line of the guest either, as it would be with `net user`.
"""

from __future__ import annotations

import re

from outofband.core.errors import Fault
from outofband.wire.steps.windows import step, value

MAX_NAME = 20
MAX_PASSWORD = 512
_REFUSED = re.compile(r'["/\\\[\]:;|=,+*?<>@\x00-\x1f]')
_DOTS = re.compile(r"[. ]+")

_LIBRARY = """\
function Get-Administrators {
    $sid = New-Object Security.Principal.SecurityIdentifier 'S-1-5-32-544'
    $name = $sid.Translate([Security.Principal.NTAccount]).Value.Split('\\')[-1]
    [ADSI]"WinNT://$env:COMPUTERNAME/$name,group"
}
function Find-Account([string]$Name) {
    $path = "WinNT://$env:COMPUTERNAME/$Name,user"
    if ([ADSI]::Exists($path)) { return [ADSI]$path }
    $null
}
function Test-Administrator([string]$Name) {
    $members = @((Get-Administrators).Invoke('Members'))
    $paths = $members |
        ForEach-Object { $_.GetType().InvokeMember('ADsPath', 'GetProperty', $null, $_, $null) }
    # Of a domain's account with the same name the path has no computer in it.
    @($paths) -like "*/$env:COMPUTERNAME/$Name" -ne $null
}
function Read-Account([string]$Name, [string]$What) {
    $user = Find-Account $Name
    if ($null -eq $user) { return $null }
    switch ($What) {
        'enabled' { -not ($user.UserFlags.Value -band 2) }
        'locked' { [bool]$user.IsAccountLocked }
        'administrator' { [bool](Test-Administrator $Name) }
    }
}
"""
_READ_BUILT_IN = """\
function Get-BuiltIn {
    Get-CimInstance -ClassName Win32_UserAccount -Filter 'LocalAccount=True' |
        Where-Object { $_.SID -like 'S-1-5-21-*-500' }
}
"""
# 0x800708C5 as PowerShell shows it, a signed number; ADSI hands it over inside other exceptions.
_RESET = """\
if ((Get-Role) -ge 4) {
    $stop = New-Problem 'VmAccessDomainController' @{}
    throw 'stopped'
}
$user = Find-Account $UserName
if ($null -ne $user -and -not (Test-Administrator $UserName)) {
    $stop = New-Problem 'VmAccessNotAdministrator' @{ user = $UserName }
    throw 'stopped'
}
$made = $null -eq $user
try {
    if ($made) { $user = ([ADSI]"WinNT://$env:COMPUTERNAME,computer").Create('User', $UserName) }
    $user.SetPassword($Password)
    $user.SetInfo()
} catch {
    $codes = for ($each = $_.Exception; $null -ne $each; $each = $each.InnerException) { $each.HResult }
    if ($codes -contains -2147022651) { $stop = New-Problem 'VmAccessPasswordPolicy' @{ user = $UserName } }
    throw
}
if ($made) { (Get-Administrators).Add("WinNT://$env:COMPUTERNAME/$UserName") }
$user.RefreshCache()
if ($user.UserFlags.Value -band 2) {
    $user.UserFlags.Value = $user.UserFlags.Value -band (-bnot 2)
    $user.SetInfo()
}
if ($user.IsAccountLocked) {
    $user.IsAccountLocked = $false
    $user.SetInfo()
}
"""
_PARAMETERS = "param([string]$UserName, [string]$Password)\n"


def reset_password() -> str:
    """What VMAccessAgent does with a name and a password, which are the parameters `UserName`, `Password`.

    An account of another name is made and becomes an administrator; a disabled one is enabled.
    """
    look = [
        value(f"account.{what}", f"Read-Account $UserName '{what}'")
        for what in ("enabled", "locked", "administrator")
    ]
    return step("resetPassword", look, _RESET, parameters=_PARAMETERS, library=_LIBRARY)


def enable_administrator() -> str:
    """`EnableAdminAccount`: the account whose SID ends in 500, whatever it is called."""
    body = """\
$account = Get-BuiltIn
if ($null -eq $account) { throw 'there is no local account with a SID that ends in 500' }
if ($account.Disabled) { Set-CimInstance -InputObject $account -Property @{ Disabled = $false } }
"""
    look = [
        value("administrator.enabled", "-not (Get-BuiltIn).Disabled"),
        value("administrator.name", "(Get-BuiltIn).Name"),
    ]
    return step("enableAdministrator", look, body, library=_READ_BUILT_IN)


def check_account(user: object, password: object) -> tuple[str, str]:
    """A name and a password that Windows can take.

    Raises Fault VmAccessPasswordMissing, InvalidParameter.
    """
    if not isinstance(user, str) or not 1 <= len(user) <= MAX_NAME or _REFUSED.search(user):
        detail = f'1 to {MAX_NAME} characters, none of "/\\[]:;|=,+*?<>@'
        raise Fault("InvalidParameter", target="properties.settings.UserName", detail=detail)
    if _DOTS.fullmatch(user) or user.endswith("."):
        detail = "a name has more than dots and blanks, and no dot at its end"
        raise Fault("InvalidParameter", target="properties.settings.UserName", detail=detail)
    if password is None or password == "":
        raise Fault("VmAccessPasswordMissing")
    wrong = not isinstance(password, str) or len(password) > MAX_PASSWORD
    if wrong or not isinstance(password, str) or any(each in password for each in "\0\r\n"):
        detail = f"one line of 1 to {MAX_PASSWORD} characters"
        raise Fault("InvalidParameter", target="properties.protectedSettings.Password", detail=detail)
    return user, password
