"""Who a server is: what is lost, what has ended and what ends soon, by the clock and without a network."""

from __future__ import annotations

import base64
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.x509.oid import NameOID

from outofband.agent import certificate
from outofband.agent.checks import run
from outofband.agent.checks.endpoints import Cloud, link_of, targets
from outofband.agent.checks.identity import certificate_of
from outofband.agent.state import HostKey, Identity, key_path, save_identity
from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.wire.check import Name, State, told
from outofband.wire.connecting import LIFE, WARN_BEFORE
from tests.unit.agent.control_plane import Authority, identity


@pytest.fixture
def who(tmp_path: Path) -> Identity:
    """A server that was connected this moment."""
    state = StateDir(tmp_path)
    key = HostKey.make()
    key.save(key_path(state))
    found = msgspec.structs.replace(
        identity("https://control.test", Authority(tmp_path)), subscription="s", group="g", cloud="Lab"
    )
    save_identity(state, found)
    certificate.path(state).write_bytes(issued(key))
    return found


def issued(key: HostKey) -> bytes:
    """A certificate for the key, as a control plane would make it."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent-1")])
    raw = base64.urlsafe_b64decode(key.public + "=")
    now = clock.now()
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    made = made.public_key(Ed25519PublicKey.from_public_bytes(raw)).serial_number(7)
    made = made.not_valid_before(now).not_valid_after(now + LIFE)
    signed = made.sign(Ed25519PrivateKey.generate(), None)
    return signed.public_bytes(serialization.Encoding.PEM)


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    then = clock.now() + by
    monkeypatch.setattr(clock, "now", lambda: then)


def test_all_there(who: Identity, tmp_path: Path) -> None:
    step = certificate_of(StateDir(tmp_path), who)
    assert (step.step, step.state, step.evidence["days"]) == (Name.IDENTITY, State.OK, 89)


def test_it_ends_soon(who: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, LIFE - WARN_BEFORE + timedelta(hours=1))
    step = told(certificate_of(StateDir(tmp_path), who))
    assert (step.state, step.cause) == (State.WARNING, "CertificateEnding")
    assert "13 days" in step.message


def test_it_has_ended(who: Identity, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    later(monkeypatch, LIFE + timedelta(seconds=5))
    step = told(certificate_of(StateDir(tmp_path), who))
    assert (step.state, step.cause) == (State.FAILED, "AgentExpired")
    assert "agent-1" in step.message and "?" not in step.message


def test_a_lost_certificate_is_no_network_error(who: Identity, tmp_path: Path) -> None:
    """The footnote of the table of connection issues: a policy deletes profiles, and himds' with them."""
    certificate.path(StateDir(tmp_path)).unlink()
    step = told(certificate_of(StateDir(tmp_path), who))
    assert (step.cause, step.code) == ("IdentityCertificateMissing", "AZCM0081")
    assert "no network error" in step.message
    assert "policy that deletes user profiles" in step.why


@pytest.mark.parametrize(
    ("kind", "detail"), [("cut", "damaged"), ("other", "other-key"), ("folder", "directory")]
)
def test_a_certificate_that_is_none(who: Identity, tmp_path: Path, kind: str, detail: str) -> None:
    path = certificate.path(StateDir(tmp_path))
    text = path.read_bytes()
    if kind == "folder":
        path.unlink()
        path.mkdir()
    else:
        path.write_bytes(text[:200] if kind == "cut" else issued(HostKey.make()))
    step = told(certificate_of(StateDir(tmp_path), who))
    assert (step.cause, step.code) == ("IdentityCertificateUnusable", "AZCM0107")
    assert detail in str(step.evidence["detail"]) and str(path) in step.message


def test_an_older_control_plane_gave_none(who: Identity, tmp_path: Path) -> None:
    certificate.path(StateDir(tmp_path)).unlink()
    old = msgspec.structs.replace(who, subscription="")
    assert certificate_of(StateDir(tmp_path), old).state is State.OK


@pytest.mark.parametrize("text", [None, b"no key"])
def test_a_lost_key(who: Identity, tmp_path: Path, text: bytes | None) -> None:
    path = key_path(StateDir(tmp_path))
    path.unlink()
    if text is not None:
        path.write_bytes(text)
    step = told(certificate_of(StateDir(tmp_path), who))
    assert (step.state, step.cause, step.code) == (State.FAILED, "AgentKeyLost", "AZCM0104")
    assert str(path) in step.message


def test_the_cloud_of_a_connected_server(who: Identity, tmp_path: Path) -> None:
    cloud = run.own(StateDir(tmp_path))
    assert cloud == Cloud(
        name="Lab",
        arm="https://control.test",
        login="https://control.test",
        trust=who.trust,
        link="wss://control.test/fleet/link",
    )


def test_no_cloud(tmp_path: Path) -> None:
    assert run.own(StateDir(tmp_path)) is None


def test_addresses_of_ours() -> None:
    cloud = Cloud(name="Lab", arm="https://a.test:8443/", login="https://l.test", trust="pem")
    assert [(each.name, each.url, each.trust) for each in targets(cloud, location="here")] == [
        ("login", "https://l.test", "pem"),
        ("arm", "https://a.test:8443", "pem"),
        ("link", "wss://a.test:8443/fleet/link", "pem"),
    ]
    assert link_of("https://[::1]:8443") == "wss://[::1]:8443/fleet/link"


def test_addresses_of_azures() -> None:
    cloud = Cloud(
        name="AzureUSGovernment",
        arm="https://management.usgovcloudapi.net",
        login="https://login.microsoftonline.us",
        ours=False,
    )
    few = [each.host for each in targets(cloud)]
    assert few[2:] == ["gbl.his.arc.azure.us", "agentserviceapi.guestconfiguration.azure.us"]
    more = {each.host: each.required for each in targets(cloud, location="US Gov Virginia", include_all=True)}
    assert more["usgovvirginia.his.arc.azure.us"]
    assert more["usgovvirginia-gas.guestconfiguration.azure.us"]
    assert not more["guestnotificationservice.azure.us"]
    assert targets(cloud, extensions="all")[-1].required
