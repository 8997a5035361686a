"""What was wrong in a guest, by what a step saw there."""

from __future__ import annotations

import pytest

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.core.locale import LOCALES
from outofband.wire.remote import Protocol
from outofband.wire.steps.causes import causes, missing
from outofband.wire.steps.report import StepReport, System, Value

HEALTHY: dict[str, Value] = {
    "disk.full": "",
    "cards.state": "eth0=up",
    "cards.address": "eth0=10.0.0.4",
    "ssh.installed": True,
    "service.ssh.enabled": "enabled",
    "service.ssh.runs": True,
    "ssh.fault": None,
    "ssh.port": 22,
    "ssh.onlyLocal": False,
    "ssh.hostKeys": 3,
    "ssh.listens": True,
    "ssh.nologin": False,
    "xrdp.installed": True,
    "service.xrdp-sesman.enabled": "enabled",
    "service.xrdp-sesman.runs": True,
    "service.xrdp.enabled": "enabled",
    "service.xrdp.runs": True,
    "xrdp.port": "vsock://-1:3389 tcp://.:3389",
    "xrdp.security": "negotiate",
    "xrdp.certificate": "good",
    "xrdp.listens": True,
    "firewall.denies": 0,
    "firewall.letIn": 0,
    "account.state": "usable",
    "account.ended": False,
    "account.passwordEnded": False,
}
WINDOWS: dict[str, Value] = {
    "RT.fDenyTSConnections": 0,
    "service.TermService.start": "Manual",
    "service.TermService.state": "Running",
    "TCP.fEnableWinStation": 1,
    "TCP.PortNumber": 3389,
    "firewall.RemoteDesktop.off": "",
    "ssh.installed": True,
    "service.sshd.start": "Auto",
    "service.sshd.state": "Running",
    "ssh.rule": "enabled",
}
BOTH = (Protocol.RDP, Protocol.SSH)


def found(
    changes: dict[str, Value], system: System = System.LINUX, after: dict[str, Value] | None = None
) -> list[str]:
    before = (HEALTHY if system is System.LINUX else WINDOWS) | changes
    report = StepReport(step="s", system=system, before=before, after=before | (after or {}))
    told = causes(report, BOTH, ("10.0.0.4",))
    for each in told:
        for locale in LOCALES:
            assert "{" not in explain(Fault(each.code, **each.fields), locale).message
    return [each.code for each in told]


def test_a_healthy_guest_has_none() -> None:
    assert found({}) == [] and found({}, System.WINDOWS) == []


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"service.ssh.enabled": "masked", "service.ssh.runs": False}, "GuestServiceMasked"),
        ({"service.xrdp.enabled": "masked-runtime", "service.xrdp.runs": False}, "GuestServiceMasked"),
        ({"service.ssh.runs": False, "ssh.listens": False}, "GuestServiceStopped"),
        ({"service.xrdp.enabled": "disabled"}, "GuestServiceDisabled"),
        ({"ssh.fault": "line 3: Bad configuration option"}, "GuestConfigurationBroken"),
        ({"ssh.port": 2222}, "GuestPortChanged"),
        ({"xrdp.port": "tcp://:4489"}, "GuestPortChanged"),
        ({"ssh.onlyLocal": True}, "GuestListensLocally"),
        ({"ssh.hostKeys": 0}, "GuestHostKeysMissing"),
        (
            {"ssh.hostKeys": 0, "ssh.fault": "sshd: no hostkeys available -- exiting."},
            "GuestHostKeysMissing",
        ),
        ({"ssh.nologin": True}, "GuestSignInClosed"),
        ({"xrdp.fault": "ssl_protocols=TLSv9"}, "GuestConfigurationBroken"),
        ({"xrdp.certificate": "expired", "xrdp.certificateEnds": "Jan 1"}, "GuestCertificateEnded"),
        ({"xrdp.certificate": "foreign"}, "GuestCertificateBroken"),
        ({"firewall.denies": 2}, "GuestFirewallDenies"),
        ({"firewall.denies": 2, "firewall.shut": "22 3389"}, "GuestFirewallDenies"),
        ({"cards.state": "eth0=down", "cards.address": "eth0="}, "GuestCardDown"),
        ({"cards.state": "eth0=down, eth1=lowerlayerdown"}, "GuestCardDown"),
        ({"cards.address": "eth0="}, "GuestCardWithoutAddress"),
        ({"cards.address": "eth0=10.0.0.77, eth1=192.0.2.1"}, "GuestAddressWrong"),
        ({"account.state": "locked"}, "GuestAccountLocked"),
        ({"account.ended": True}, "GuestAccountExpired"),
        ({"account.passwordEnded": True}, "GuestPasswordExpired"),
    ],
)
def test_each_fault_of_a_linux_guest_has_its_code(changes: dict[str, Value], code: str) -> None:
    assert found(changes) == [code]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"RT.fDenyTSConnections": 1}, "GuestRemoteDesktopOff"),
        ({"POL.fDenyTSConnections": 1}, "GuestRemoteDesktopOff"),
        ({"service.TermService.start": "Disabled"}, "GuestServiceDisabled"),
        ({"service.TermService.state": "Stopped"}, "GuestServiceStopped"),
        ({"TCP.fEnableWinStation": 0}, "GuestConfigurationBroken"),
        ({"TCP.PortNumber": 4489}, "GuestPortChanged"),
        ({"firewall.RemoteDesktop.off": "RemoteDesktop-UserMode-In-TCP"}, "GuestFirewallDenies"),
        ({"service.sshd.start": "Disabled", "service.sshd.state": "Stopped"}, "GuestServiceDisabled"),
        ({"service.sshd.start": "Manual", "service.sshd.state": "Stopped"}, "GuestServiceStopped"),
        ({"ssh.rule": "missing"}, "GuestFirewallDenies"),
        ({"ssh.rule": "disabled"}, "GuestFirewallDenies"),
    ],
)
def test_each_fault_of_a_windows_guest_has_its_code(changes: dict[str, Value], code: str) -> None:
    assert found(changes, System.WINDOWS) == [code]


@pytest.mark.parametrize("layer", [None, "", "negotiate", "tls", "rdp", "hybrid", "none"])
def test_no_security_layer_is_at_fault(layer: str | None) -> None:
    assert found({"xrdp.security": layer}) == []


def test_without_tls_no_certificate_is_at_fault() -> None:
    assert found({"xrdp.security": "rdp", "xrdp.certificate": "missing"}) == []
    assert found({"xrdp.security": "tls", "xrdp.certificate": "missing"}) == ["GuestCertificateBroken"]


def test_a_port_without_its_label() -> None:
    denied: dict[str, Value] = {"ssh.port": "22 2222", "ssh.deniedPort": 2222, "ssh.listens": False}
    assert found(denied) == ["GuestPortLabelMissing"]
    assert found(denied | {"ssh.listens": True}) == [], "it is at another of its ports"


def test_another_program_at_the_port_is_named_and_not_that_the_service_is_stopped() -> None:
    held: dict[str, Value] = {"xrdp.heldBy": "my server 77", "service.xrdp.runs": False}
    assert found(held) == ["GuestPortTaken"]
    assert found(held | {"service.xrdp-sesman.runs": False}) == ["GuestPortTaken"], "it is bound to xrdp"
    assert found(held | {"service.xrdp.enabled": "masked"}) == ["GuestServiceMasked", "GuestPortTaken"]
    assert found({"ssh.heldBy": "dropbear 12", "ssh.listens": True}) == ["GuestPortTaken"]
    told = StepReport(step="s", system=System.LINUX, before=held, after=held)
    [problem] = causes(told, (Protocol.RDP,))
    assert problem.fields == {"service": "xrdp", "port": "3389", "program": "my server", "pid": "77"}


def test_each_protocol_of_windows_has_its_own_causes() -> None:
    before = WINDOWS | {"ssh.rule": "missing", "TCP.PortNumber": 4489, "ssh.installed": False}
    told = StepReport(step="s", system=System.WINDOWS, before=before, after=before)
    assert [each.code for each in causes(told, (Protocol.RDP,))] == ["GuestPortChanged"]
    assert [each.code for each in causes(told, (Protocol.SSH,))] == ["GuestFirewallDenies"]
    assert [each.fields["service"] for each in missing(told, BOTH)] == ["sshd"]


def test_a_firewall_that_shuts_no_port_is_no_cause() -> None:
    assert found({"firewall.denies": 7, "firewall.shut": None}) == []


def test_one_of_several_cards_may_be_down_or_elsewhere() -> None:
    assert found({"cards.state": "eth0=unknown, eth1=down", "cards.address": "eth0=10.0.0.4, eth1="}) == []
    assert found({"cards.address": "eth0=192.0.2.1, eth1=10.0.0.9 10.0.0.4"}) == []
    assert found({"cards.state": "", "cards.address": None}) == []


def test_a_socket_of_systemd_serves_for_a_service_that_does_not_run() -> None:
    assert found({"service.ssh.enabled": "disabled", "service.ssh.runs": False}) == []


def test_rules_that_deny_are_named_only_where_they_can_be_at_fault() -> None:
    silent = {"firewall.denies": 2, "ssh.listens": False, "xrdp.listens": False}
    assert found(silent) == []
    assert found(silent, after={"firewall.letIn": 2}) == ["GuestFirewallDenies"]
    assert found({"firewall.denies": 2, "firewall.letIn": 2}) == []


def test_a_service_that_is_not_installed_is_no_cause() -> None:
    before = HEALTHY | {"xrdp.installed": False}
    report = StepReport(step="s", system=System.LINUX, before=before, after=before)
    assert causes(report, BOTH) == ()
    (told,) = missing(report, BOTH)
    assert (told.code, told.fields) == ("GuestServiceMissing", {"service": "xrdp"})
    assert missing(report, (Protocol.SSH,)) == ()


def test_who_is_masked_keeps_others_down() -> None:
    """systemd stops xrdp-sesman with xrdp, which is no fault of its own."""
    changes: dict[str, Value] = {
        "service.xrdp.enabled": "masked",
        "service.xrdp.runs": False,
        "service.xrdp-sesman.enabled": "enabled",
        "service.xrdp-sesman.runs": False,
    }
    assert found(changes) == ["GuestServiceMasked"]


def test_only_what_was_asked_for_is_told() -> None:
    before = HEALTHY | {"ssh.port": 2222}
    report = StepReport(step="s", system=System.LINUX, before=before, after=before)
    assert causes(report, (Protocol.RDP,)) == ()
