"""What was wrong in a guest, from the values that a step saw before it changed anything. Pure.

A step's own `problems` are what it could not mend. These are what it found, mended or not: each is a code of
the catalogue, so that a run can say why nobody got in.
"""

from __future__ import annotations

from collections.abc import Iterator

from outofband.wire.remote import PORTS, Protocol
from outofband.wire.steps.report import Problem, StepReport, System, Value

_CERTIFICATES = {"expired": "GuestCertificateEnded"}
"""By what a certificate is; any other fault has one code."""
_DOWN = frozenset({"down", "lowerlayerdown", "notpresent"})
"""What the kernel says of a card that carries nothing; of some drivers' it says nothing."""
_WINDOWS_SERVICES = ("TermService", "SessionEnv", "UmRdpService")


def causes(
    report: StepReport, protocols: tuple[Protocol, ...], addresses: tuple[str, ...] = ()
) -> tuple[Problem, ...]:
    """In the order in which somebody would look: the card, the service, its settings, the account, the
    firewall. `addresses` are those that the guest should have; none: nobody knows.
    """
    if report.system is System.WINDOWS:
        return tuple(_windows(report.before, protocols))
    found = list(_cards(report.before, addresses))
    if Protocol.SSH in protocols:
        found += _ssh(report.before)
    if Protocol.RDP in protocols:
        found += _xrdp(report.before)
    found += _account(report.before)
    found += _firewall(report, protocols)
    return tuple(found)


def missing(report: StepReport, protocols: tuple[Protocol, ...]) -> tuple[Problem, ...]:
    """Services that are not installed. No cause by itself: another server may well answer at the port."""
    names = ((Protocol.SSH, "ssh.installed", "sshd"), (Protocol.RDP, "xrdp.installed", "xrdp"))
    return tuple(
        _problem("GuestServiceMissing", service=service)
        for protocol, name, service in names
        if protocol in protocols and report.before.get(name) is False
    )


def _cards(seen: dict[str, Value], addresses: tuple[str, ...]) -> Iterator[Problem]:
    """Nothing of one card in several: which of them people come by nobody here knows."""
    states, held = _by_card(seen.get("cards.state")), _by_card(seen.get("cards.address"))
    if states and all(state in _DOWN for state in states.values()):
        yield _problem("GuestCardDown", cards=", ".join(states))
        return
    own = [each for parts in held.values() for each in parts.split()]
    if held and not own:
        yield _problem("GuestCardWithoutAddress", card=", ".join(held))
    elif own and addresses and not set(own) & set(addresses):
        yield _problem("GuestAddressWrong", address=", ".join(own), wanted=", ".join(addresses))


def _by_card(seen: Value) -> dict[str, str]:
    """`eth0=up, eth1=down` as the step prints it."""
    parts = [part.partition("=") for part in str(seen or "").split(", ") if "=" in part]
    return {name: value.strip() for name, _, value in parts}


def _ssh(seen: dict[str, Value]) -> Iterator[Problem]:
    yield from _services(seen, ("ssh", "sshd"), listens=seen.get("ssh.listens") is True)
    yield from _held(seen.get("ssh.heldBy"), Protocol.SSH, "sshd")
    fault = str(seen.get("ssh.fault") or "")
    # Without a key it refuses any configuration; that has a name of its own.
    if fault and not (seen.get("ssh.hostKeys") == 0 and "no hostkeys" in fault):
        yield _problem("GuestConfigurationBroken", service="sshd", detail=fault)
    yield from _port(seen.get("ssh.port"), Protocol.SSH, "sshd")
    if (denied := seen.get("ssh.deniedPort")) is not None and seen.get("ssh.listens") is not True:
        yield _problem("GuestPortLabelMissing", service="sshd", port=denied, label="ssh_port_t")
    if seen.get("ssh.onlyLocal") is True:
        yield _problem("GuestListensLocally", service="sshd")
    if seen.get("ssh.hostKeys") == 0:
        yield _problem("GuestHostKeysMissing")
    if seen.get("ssh.nologin") is True:
        yield _problem("GuestSignInClosed", path="/etc/nologin")


def _xrdp(seen: dict[str, Value]) -> Iterator[Problem]:
    held = seen.get("xrdp.heldBy")
    yield from _services(seen, ("xrdp-sesman", "xrdp"), listens=False, kept_out=held is not None)
    yield from _held(held, Protocol.RDP, "xrdp")
    yield from _port(seen.get("xrdp.port"), Protocol.RDP, "xrdp")
    if fault := seen.get("xrdp.fault"):
        yield _problem("GuestConfigurationBroken", service="xrdp", detail=fault)
    state = seen.get("xrdp.certificate")
    # Remote Desktop's own security shows no certificate.
    if state not in (None, "good") and seen.get("xrdp.security") != "rdp":
        code = _CERTIFICATES.get(str(state), "GuestCertificateBroken")
        yield _problem(code, service="xrdp", ends=seen.get("xrdp.certificateEnds") or "?", state=state)


def _services(
    seen: dict[str, Value], names: tuple[str, ...], *, listens: bool, kept_out: bool = False
) -> Iterator[Problem]:
    """One of a service's kinds at most: who is masked is not running either, and keeps down who needs it.
    Who listens by its socket runs in its own way. `kept_out`: another program has the port, so the service
    cannot run, and systemd stops with it what is bound to it.
    """
    states = {name: str(seen.get(f"service.{name}.enabled")) for name in names}
    masked = [name for name in names if states[name].startswith("masked")]
    for name in masked:
        yield _problem("GuestServiceMasked", service=name)
    if masked:
        return
    for name in names:
        if seen.get(f"service.{name}.runs") is False and not listens and not kept_out:
            yield _problem("GuestServiceStopped", service=name)
        elif states[name] == "disabled" and not listens:
            yield _problem("GuestServiceDisabled", service=name)


def _port(seen: Value, protocol: Protocol, service: str) -> Iterator[Problem]:
    """`seen` is what the configuration says: several, or with an address in front, as xrdp writes it."""
    ports = [part.rpartition(":")[2] for part in str(seen).split()] if seen is not None else []
    if ports and str(PORTS[protocol]) not in ports:
        yield _problem("GuestPortChanged", service=service, port=" ".join(ports), usual=PORTS[protocol])


def _held(seen: Value, protocol: Protocol, service: str) -> Iterator[Problem]:
    """`seen` is the name and the pid of another program."""
    if seen is not None:
        program, _, pid = str(seen).rpartition(" ")
        yield _problem("GuestPortTaken", service=service, port=PORTS[protocol], program=program, pid=pid)


def _account(seen: dict[str, Value]) -> Iterator[Problem]:
    if seen.get("account.state") == "locked" or seen.get("account.locked") is True:
        yield _problem("GuestAccountLocked")
    if seen.get("account.ended") is True:
        yield _problem("GuestAccountExpired")
    if seen.get("account.passwordEnded") is True:
        yield _problem("GuestPasswordExpired")


def _firewall(report: StepReport, protocols: tuple[Protocol, ...]) -> Iterator[Problem]:
    """Rules that deny something are in many healthy guests. They are named where the step saw that they keep
    a port shut; of a step that did not say, where something listens and has no rule of ours before them, or
    where the step had to put one there.
    """
    before, after = report.before, report.after
    denies, let_in = before.get("firewall.denies"), before.get("firewall.letIn")
    if "firewall.shut" in before:
        if before["firewall.shut"] is not None:
            kinds = before.get("firewall.kinds") or "?"
            yield _problem("GuestFirewallDenies", count=denies or 1, kinds=kinds)
        return
    if not isinstance(denies, int) or not denies:
        return
    names = {Protocol.SSH: "ssh.listens", Protocol.RDP: "xrdp.listens"}
    listens = any(before.get(names[each]) is True for each in protocols)
    added = after.get("firewall.letIn")
    opened = isinstance(added, int) and isinstance(let_in, int) and added > let_in
    if opened or (listens and not let_in):
        yield _problem("GuestFirewallDenies", count=denies, kinds=before.get("firewall.kinds") or "?")


def _windows(seen: dict[str, Value], protocols: tuple[Protocol, ...]) -> Iterator[Problem]:
    if Protocol.RDP in protocols:
        yield from _remote_desktop(seen)
    if Protocol.SSH in protocols:
        yield from _windows_ssh(seen)
    yield from _account(seen)
    if seen.get("account.enabled") is False:
        yield _problem("GuestAccountExpired")


def _windows_ssh(seen: dict[str, Value]) -> Iterator[Problem]:
    if seen.get("service.sshd.start") == "Disabled":
        yield _problem("GuestServiceDisabled", service="sshd")
    elif seen.get("service.sshd.state") == "Stopped":
        yield _problem("GuestServiceStopped", service="sshd")
    if seen.get("ssh.rule") in ("missing", "disabled"):
        yield _problem("GuestFirewallDenies", count=1, kinds="Windows Defender Firewall")


def _remote_desktop(seen: dict[str, Value]) -> Iterator[Problem]:
    if 1 in (seen.get("RT.fDenyTSConnections"), seen.get("POL.fDenyTSConnections")):
        yield _problem("GuestRemoteDesktopOff")
    for name in _WINDOWS_SERVICES:
        if seen.get(f"service.{name}.start") == "Disabled":
            yield _problem("GuestServiceDisabled", service=name)
        elif name == "TermService" and seen.get(f"service.{name}.state") == "Stopped":
            yield _problem("GuestServiceStopped", service=name)
    if seen.get("TCP.fEnableWinStation") == 0:
        yield _problem("GuestConfigurationBroken", service="TermService", detail="fEnableWinStation=0")
    yield from _port(seen.get("TCP.PortNumber"), Protocol.RDP, "TermService")
    if seen.get("firewall.RemoteDesktop.off"):
        yield _problem("GuestFirewallDenies", count=1, kinds="Windows Defender Firewall")


def _problem(code: str, **fields: Value) -> Problem:
    return Problem(code=code, fields={name: str(value) for name, value in fields.items()})
