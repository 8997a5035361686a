"""The steps for Windows as texts: exact places, their order, what they never touch, and the way back."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from outofband.core.errors import Fault
from outofband.wire.steps import accounts, cards, management, remote_desktop, windows_ssh
from outofband.wire.steps.report import StepReport, System, Value
from outofband.wire.steps.settings import LISTENER, PATHS, RESET, setting
from outofband.wire.steps.windows_undo import undo
from tests.unit.wire.steps.powershell_text import texts, tokens

TS = r"HKLM:\SYSTEM\CurrentControlSet\Control\Terminal Server"
TCP = TS + r"\WinStations\RDP-Tcp"
POL = r"HKLM:\SOFTWARE\Policies\Microsoft\Windows NT\Terminal Services"
GROUP = "@FirewallAPI.dll,-28752"
STEPS: dict[str, Callable[[], str]] = {
    "resetRemoteDesktop": remote_desktop.reset_configuration,
    "rdpSettings": remote_desktop.listener_settings,
    "resetRdpCertificate": remote_desktop.reset_certificate,
    "setRdpPort": remote_desktop.set_port,
    "disableNla": remote_desktop.disable_nla,
    "resetPassword": accounts.reset_password,
    "enableAdministrator": accounts.enable_administrator,
    "enableEms": management.enable_ems,
    "enableRemotePowerShell": management.enable_remote_powershell,
    "enableWindowsUpdate": lambda: management.updates(wanted=True),
    "disableWindowsUpdate": lambda: management.updates(wanted=False),
    "resetCards": cards.reset_windows_cards,
    "removeGhostCards": cards.remove_ghosts,
    "resetSsh": windows_ssh.reset_ssh,
}


def body(text: str) -> str:
    """What is between the two looks."""
    begin = text.index("$before = Get-State\n")
    return text[begin : text.index("$after = Get-State\n", begin)]


def writes(text: str) -> dict[tuple[str, str], str]:
    """Place and name of every value of the registry that is written, with what."""
    found = re.findall(r"Write-Setting '([^']+)' '([^']+)' '(?:DWord|Binary)' (\S+)", body(text))
    return {(path, name): to for path, name, to in found}


def report(before: dict[str, Value], after: dict[str, Value]) -> StepReport:
    return StepReport(step="x", system=System.WINDOWS, before=before, after=after)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_looks_changes_looks_again_and_prints(name: str) -> None:
    text = STEPS[name]()
    tokens(text)
    lines = text.splitlines()
    assert lines[0] == "#!powershell"
    order = [
        lines.index(each)
        for each in (
            "$before = Get-State",
            "try {",
            "$after = Get-State",
            "ConvertTo-Json -InputObject $report -Compress -Depth 4",
        )
    ]
    assert order[0] < lines.index("try {", order[0]) < order[2] < order[3]
    # The state is that of now, also when the change failed: what comes after the catch is not within it.
    assert "} catch {" in lines[order[0] : order[2]]
    assert f"step = '{name}'" in text
    assert "schema = 'outofband.step/1'" in text
    assert not re.search(r"\b(MPSSVC|BFE|Invoke-Expression|iex)\b", text)
    assert "net user" not in text
    # Whatever is put into a function of ours has been defined.
    used = set(re.findall(r"\b((?:Read|Write|Remove|Test|Get|Set|New|Find)-[A-Z][A-Za-z]+)\b", text))
    defined = set(re.findall(r"^function ([A-Z][A-Za-z-]+)", text, re.M))
    own = {
        "Setting",
        "Service",
        "Rules",
        "Problem",
        "Account",
        "Boot",
        "Secure",
        "Cards",
        "Ghosts",
        "BuiltIn",
    }
    lacking = {each for each in used if each.partition("-")[2] in own} - defined
    assert lacking <= {"Get-Service", "Set-Service"}


def test_the_names_of_reports_are_places_of_the_registry() -> None:
    assert (PATHS["RT"], PATHS["TCP"], PATHS["POL"]) == (TS, TCP, POL)
    assert setting("TCP.PortNumber").path == TCP
    assert setting("TCP.SSLCertificateSHA1Hash").kind == "Binary"
    with pytest.raises(KeyError):
        setting("XX.PortNumber")


def test_reset_of_the_configuration() -> None:
    text = remote_desktop.reset_configuration()
    assert writes(text) == {
        (POL, "fDenyTSConnections"): "0",
        (TS, "fDenyTSConnections"): "0",
        (TS, "TSEnabled"): "1",
        (TS, "TSServerDrainMode"): "0",
        (TS, "TSUserEnabled"): "0",
        (TCP, "fEnableWinStation"): "1",
        (TCP, "fLogonDisabled"): "0",
        (TCP, "PortNumber"): "3389",
    }
    work = body(text)
    # A policy wins: it is asked for first, and left alone in a domain.
    policy = work.index(POL)
    assert policy < work.index("Test-DomainJoined") < work.index("WindowsPolicyForbids") < work.index(TS)
    assert "Set-Start 'TermService' 'Manual'" in work
    assert "obj= 'NT Authority\\NetworkService'" in work
    assert "depend= RPCSS" in work
    assert GROUP in texts(work)
    assert 'group="remote desktop" new Enable=Yes' in work
    assert work.index(GROUP) < work.index("Restart-Service -Name TermService -Force")
    looked = text[: text.index("$before = Get-State\n")]
    for name in ("RT.fDenyTSConnections", "service.TermService.start", "firewall.RemoteDesktop.off"):
        assert f"$state['{name}']" in looked
    assert set(RESET) <= set(texts(looked))


def test_the_listener_is_as_azures_command_expects_it() -> None:
    text = remote_desktop.listener_settings()
    assert writes(text) == {(POL, "fDenyTSConnections"): "0"} | {
        (setting(name).path, setting(name).value): str(to) for name, to in LISTENER.items()
    }
    told = (
        "POL KeepAliveEnable=1 KeepAliveInterval=1 KeepAliveTimeout=1 fDisableAutoReconnect=0 "
        "TCP fInheritReconnectSame=1 fReconnectSame=1 fInheritMaxSessionTime=1 "
        "fInheritMaxDisconnectionTime=1 "
        "MaxDisconnectionTime=0 MaxConnectionTime=0 fInheritMaxIdleTime=1 MaxIdleTime=0 "
        "MaxInstanceCount=4294967295 LanAdapter=0 TSServerDrainMode=0 fQueryUserConfigFromLocalMachine=1"
    )
    expected: dict[tuple[str, str], str] = {}
    place = ""
    for word in told.split():
        if word in ("POL", "TCP"):
            place = PATHS[word]
        else:
            name, _, to = word.partition("=")
            expected[place, name] = to
    assert {each: to for each, to in writes(text).items() if each != (POL, "fDenyTSConnections")} == expected
    # In a domain nothing is written, only told.
    refused = body(text).index("WindowsListenerOfPolicy")
    assert refused < body(text).index(f"Write-Setting '{POL}' 'KeepAliveEnable'")


def test_the_certificates_reset_gives_the_security_layer_back() -> None:
    work = body(remote_desktop.reset_certificate())
    removed = re.findall(r"Remove-Setting '([^']+)' 'SSLCertificateSHA1Hash'", work)
    assert removed == [
        TCP,
        TCP.replace("CurrentControlSet", "ControlSet001"),
        TCP.replace("CurrentControlSet", "ControlSet002"),
    ]
    read = work.index("$layer = Read-Setting")
    weak = work.index(f"Write-Setting '{TCP}' 'SecurityLayer' 'DWord' 0")
    maker = work.index("Restart-Service -Name SessionEnv -Force")
    finally_ = work.index("} finally {")
    back = work.index(f"Write-Setting '{TCP}' 'SecurityLayer' 'DWord' $layer")
    absent = work.index(f"Remove-Setting '{TCP}' 'SecurityLayer'")
    assert read < weak < maker < finally_ < absent < back < work.rindex("Restart-Service -Name TermService")
    assert f"Write-Setting '{TCP}' 'MinEncryptionLevel' 'DWord' $level" in work[finally_:]
    assert "NotAfter -lt (Get-Date)" in work, "a good certificate is not thrown away"


def test_another_port() -> None:
    text = remote_desktop.set_port()
    assert text.splitlines()[1] == "param([string]$RDPPort = '3389')"
    assert writes(text) == {(TS, "fDenyTSConnections"): "0", (TCP, "PortNumber"): "$port"}
    work = body(text)
    assert work.index("if ($port -lt 1") < work.index("Write-Setting")
    assert "Remote Desktop - Custom Port" in texts(work)
    assert "-Service 'termservice'" in work
    assert "svchost.exe" in work
    assert "-Protocol TCP -LocalPort $port" in work


def test_network_level_authentication_needs_a_restart() -> None:
    text = remote_desktop.disable_nla()
    assert writes(text) == {(TCP, "UserAuthentication"): "0"}
    assert "    $restart = $true" in text.splitlines()


def test_a_password_refuses_before_it_changes() -> None:
    text = accounts.reset_password()
    assert text.splitlines()[1] == "param([string]$UserName, [string]$Password)"
    work = body(text)
    order = [
        work.index(each)
        for each in (
            "(Get-Role) -ge 4",
            "VmAccessDomainController",
            "VmAccessNotAdministrator",
            ".Create('User', $UserName)",
            ".SetPassword($Password)",
            "-2147022651",
            "VmAccessPasswordPolicy",
            ".Add(",
            "-band (-bnot 2)",
        )
    ]
    assert order == sorted(order)
    assert 0x800708C5 - 2**32 == -2147022651
    assert "'S-1-5-32-544'" in text, "the group has another name in every language"
    assert "$Password" not in text[text.index("$after = Get-State\n") :]
    # A password is never looked at.
    assert text.count("$Password") == 2


@pytest.mark.parametrize(
    ("user", "password", "code"),
    [
        ("bob", None, "VmAccessPasswordMissing"),
        ("bob", "", "VmAccessPasswordMissing"),
        ("bob", "a\nb", "InvalidParameter"),
        ("bob", "x" * 513, "InvalidParameter"),
        ("bob", 5, "InvalidParameter"),
        ("", "secret", "InvalidParameter"),
        ("a" * 21, "secret", "InvalidParameter"),
        ("dom\\bob", "secret", "InvalidParameter"),
        ("bob/x,user", "secret", "InvalidParameter"),
        ("b*b", "secret", "InvalidParameter"),
        ("...", "secret", "InvalidParameter"),
        ("bob.", "secret", "InvalidParameter"),
        (None, "secret", "InvalidParameter"),
    ],
)
def test_names_and_passwords_that_windows_cannot_take(user: object, password: object, code: str) -> None:
    with pytest.raises(Fault) as caught:
        accounts.check_account(user, password)
    assert caught.value.code == code
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("user", ["bob", "Jan Jansen", "O'Brien", "\u00e9ric", "a.b", "admin$"])
def test_names_that_windows_can_take(user: str) -> None:
    assert accounts.check_account(user, "p'\u2019\"$x") == (user, "p'\u2019\"$x")


def test_the_other_commands() -> None:
    ems = body(management.enable_ems())
    assert "bcdedit.exe /ems '{current}' on" in ems
    assert "bcdedit.exe /emssettings EMSPORT:1 EMSBAUDRATE:115200" in ems
    admin = accounts.enable_administrator()
    assert "'S-1-5-21-*-500'" in admin
    assert "Disabled = $false" in body(admin)
    remote = body(management.enable_remote_powershell())
    assert "Enable-PSRemoting -Force" in remote
    assert "-LocalPort 5986" in remote
    assert "-Transport HTTPS" in remote
    assert management.ip_configuration() == "#!powershell\n& ipconfig.exe /all\n"
    renew = body(cards.reset_windows_cards())
    assert 'netsh.exe interface set interface name="$name" admin=enabled' in renew
    assert 'netsh.exe interface ip set address name="$name" source=dhcp' in renew
    assert cards.PNP_CLEAN == "RUNDLL32.exe pnpclean.dll,RunDLL_PnpClean /Devices /Maxclean"
    assert "'pnpclean.dll,RunDLL_PnpClean /Devices /Maxclean' -Wait" in body(cards.remove_ghosts())


def test_ssh_of_windows_by_the_documented_commands() -> None:
    text = windows_ssh.reset_ssh()
    work = body(text)
    order = [
        work.index(each)
        for each in (
            "Get-Service -Name 'sshd'",
            "GuestServiceMissing",
            "Set-Service -Name 'sshd' -StartupType Automatic",
            "New-NetFirewallRule -Name 'OpenSSH-Server-In-TCP'",
            "-DisplayName 'OpenSSH Server (sshd)' -Enabled True",
            "-Direction Inbound -Protocol TCP -Action Allow -LocalPort 22\n",
            "Enable-NetFirewallRule -Name 'OpenSSH-Server-In-TCP'",
            "-ne 'Running') { Start-Service -Name 'sshd'",
        )
    ]
    assert order == sorted(order), "it is let in before it begins"
    assert not writes(text)
    for never in ("Add-WindowsCapability", "Restart-Service", "Stop-Service", "sshd_config"):
        assert never not in text
    looked = text[: text.index("$before = Get-State\n")]
    for name in ("ssh.installed", "service.sshd.start", "service.sshd.state", "ssh.rule"):
        assert f"$state['{name}']" in looked


@pytest.mark.parametrize(("was", "verb"), [("missing", "Remove"), ("disabled", "Disable")])
def test_an_undo_of_ssh(was: str, verb: str) -> None:
    before: dict[str, Value] = {
        "service.sshd.start": "Manual",
        "service.sshd.state": "Stopped",
        "ssh.rule": was,
        "ssh.ruleProfile": None,
    }
    after: dict[str, Value] = {
        "service.sshd.start": "Auto",
        "service.sshd.state": "Running",
        "ssh.rule": "enabled",
        "ssh.ruleProfile": "Any",
    }
    text = undo(report(before, after))
    tokens(text)
    work = body(text)
    assert f"{verb}-NetFirewallRule -Name 'OpenSSH-Server-In-TCP'" in work
    assert "Set-Service -Name 'sshd' -StartupType Manual" in work
    assert work.index("-StartupType Manual") < work.index("Stop-Service -Name 'sshd' -Force")


def test_an_undo_puts_back_what_was() -> None:
    before: dict[str, Value] = {
        "POL.fDenyTSConnections": None,
        "RT.fDenyTSConnections": 1,
        "TCP.PortNumber": 13389,
        "TCP.MaxInstanceCount": 4294967295,
        "TCP.SSLCertificateSHA1Hash": "00FFA1",
        "service.TermService.start": "Disabled",
        "service.TermService.state": "Stopped",
        "firewall.RemoteDesktop.off": "RemoteDesktop-UserMode-In-TCP,RemoteDesktop-UserMode-In-UDP",
        "firewall.customPort": False,
    }
    after: dict[str, Value] = {
        "POL.fDenyTSConnections": 0,
        "RT.fDenyTSConnections": 0,
        "TCP.PortNumber": 3389,
        "TCP.MaxInstanceCount": 4294967295,
        "TCP.SSLCertificateSHA1Hash": None,
        "service.TermService.start": "Manual",
        "service.TermService.state": "Running",
        "firewall.RemoteDesktop.off": "RemoteDesktop-UserMode-In-UDP",
        "firewall.customPort": True,
    }
    text = undo(report(before, after))
    tokens(text)
    assert writes(text) | {(TCP, "SSLCertificateSHA1Hash"): "x"} == {
        (TS, "fDenyTSConnections"): "1",
        (TCP, "PortNumber"): "13389",
        (TCP, "SSLCertificateSHA1Hash"): "x",
    }
    work = body(text)
    assert "([byte[]]@(0x00, 0xFF, 0xA1))" in work
    assert f"Remove-Setting '{POL}' 'fDenyTSConnections'" in work
    assert "Disable-NetFirewallRule -Name 'RemoteDesktop-UserMode-In-TCP'" in work
    assert "In-UDP" not in work, "it was off and is off"
    assert "Remove-NetFirewallRule -DisplayName 'Remote Desktop - Custom Port'" in work
    starts, stops = work.index("-StartupType Disabled"), work.index("Stop-Service -Name 'TermService' -Force")
    assert work.index("'PortNumber'") < starts < stops, "a service is stopped after everything else"


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("TCP.PortNumber'; calc; '", 1, 2),
        ("XX.PortNumber", 1, 2),
        ("TCP.PortNumber", "3389; calc", 3389),
        ("TCP.PortNumber", -1, 3389),
        ("TCP.PortNumber", 2**32, 3389),
        ("TCP.SSLCertificateSHA1Hash", "0x00; calc", None),
        ("service.TermService.start", "Auto; calc", "Manual"),
        ("service.Spooler.start", "Auto", "Manual"),
        ("service.TermService.state", "Stopped; calc", "Running"),
        ("firewall.RemoteDesktop.off", "a'; calc; 'b", ""),
        ("firewall.RemoteDesktop.off", None, "x"),
        ("firewall.RemoteDesktop.off", "x" * 200, ""),
        ("firewall.RemoteDesktop.off", ",".join(["RemoteDesktop"] * 20)[:200], ""),
        ("account.enabled", False, True),
        ("ssh.rule", "x'; calc; '", "enabled"),
        ("ssh.rule", "enabled", "missing"),
        ("ssh.ruleProfile", None, "Any"),
    ],
)
def test_an_undo_follows_nothing_that_is_not_ours(name: str, before: Value, after: Value) -> None:
    with pytest.raises(Fault) as caught:
        undo(report({name: before}, {name: after}))
    assert caught.value.code == "NothingToUndo"


def test_nothing_changed_is_nothing_to_undo() -> None:
    for given in (report({}, {}), report({"TCP.PortNumber": 1}, {"TCP.PortNumber": 1})):
        with pytest.raises(Fault, match="NothingToUndo"):
            undo(given)
