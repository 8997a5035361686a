"""A probe against every word that a server may say, and what each of them is told as."""

from __future__ import annotations

import struct
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import given
from hypothesis import strategies as st

from outofband.catalogue import explain
from outofband.net.remote.rdp import described
from outofband.wire.rdp import credssp, der
from outofband.wire.rdp.credssp import User
from outofband.wire.rdp.errors import Info, Licence, Status
from outofband.wire.rdp.probe import Depth, End, Probe, Stage
from outofband.wire.rdp.verdict import judge
from outofband.wire.rdp.x224 import Security
from tests.support import rdp as scripted

NOW = datetime(2026, 11, 28, tzinfo=UTC)
USER = User("LAB\\tester", "Right-12345")


@pytest.fixture(scope="module")
def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "win-sim")])
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW, NOW + timedelta(days=30))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


def told(probe: Probe, user: str = "tester") -> str | None:
    """The code of what stands in the way; its words are complete in every language."""
    fault = judge(probe.seen, host="vm1", port=3389, user=user, now=NOW + timedelta(days=1)).fault
    if fault is None:
        return None
    for locale in ("en", "fr", "nl"):
        words = explain(fault, locale)
        assert "?" not in words.message.replace(" ?", ""), words.message
    return fault.code


def at_tls(selected: Security, certificate: bytes, depth: Depth, user: User | None = None) -> Probe:
    probe = Probe("vm1", depth, user=user)
    probe.outgoing()
    probe.receive(scripted.confirm(2, int(selected)))
    assert probe.wants_tls
    probe.secured(certificate, described(certificate), "TLSv1.3")
    return probe


def in_session(certificate: bytes) -> Probe:
    """A session without CredSSP, up to where the licence comes."""
    probe = at_tls(Security.TLS, certificate, Depth.SESSION)
    for frame in (scripted.CONNECT_RESPONSE, scripted.ATTACHED, scripted.JOINED_OWN, scripted.JOINED_GLOBAL):
        assert probe.outgoing()
        probe.receive(frame)
    assert probe.seen.stage is Stage.LICENCE
    assert probe.outgoing()
    return probe


def ts_request(version: int, error: int) -> bytes:
    return der.pack(
        der.SEQUENCE,
        der.pack(der.explicit(0), der.integer(version)),
        der.pack(der.explicit(4), der.pack(der.INTEGER, struct.pack(">I", error))),
    )


def test_as_deep_as_was_wanted_is_enough(certificate: bytes) -> None:
    probe = Probe("vm1", Depth.NEGOTIATION)
    probe.receive(scripted.confirm(2, 2))
    assert probe.over and told(probe) is None
    assert told(at_tls(Security.TLS, certificate, Depth.SECURITY)) is None
    probe = in_session(certificate)
    probe.receive(scripted.licence(Licence.VALID_CLIENT) + scripted.DEMAND_ACTIVE)
    assert probe.seen.active and told(probe) is None
    assert probe.outgoing().endswith(bytes.fromhex("2180"))


def test_what_comes_with_the_confirmation() -> None:
    """A server without a version of TLS confirms it and gives it up in one breath."""
    for early, detail in ((bytes.fromhex("15030300020246"), "alert 70"), (b"HTTP/1.1", "speaks first")):
        probe = Probe("vm1")
        probe.receive(scripted.confirm(2, 1) + early)
        assert (told(probe), probe.seen.selected) == ("RdpTlsFailed", Security.TLS)
        assert detail in probe.seen.detail
    refused = Probe("vm1")
    refused.receive(scripted.confirm(3, 5) + b"HTTP/1.1")
    assert told(refused) == "RdpNlaRequired"


@pytest.mark.parametrize(
    ("heard", "end", "code"),
    [
        (b"SSH-2.0-OpenSSH_9.2p1\r\n", None, "RdpNotSpoken"),
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", None, "RdpNotSpoken"),
        (b"", End.SILENT, "RdpSilent"),
        (b"\x03\x00", End.SILENT, "RdpSilent"),
        (b"", End.CLOSED, "RdpCut"),
        (b"", End.RESET, "RdpCut"),
        (scripted.confirm(3, 3), None, "RdpNoCertificate"),
        (scripted.confirm(3, 2), None, "RdpSecurityRefused"),
        (scripted.confirm(3, 5), None, "RdpNlaRequired"),
        (scripted.confirm(3, 99), None, "RdpSecurityRefused"),
        (scripted.confirm(2, 4), None, "RdpNotSpoken"),
    ],
)
def test_negotiation_that_goes_no_further(heard: bytes, end: End | None, code: str) -> None:
    probe = Probe("vm1")
    probe.receive(heard)
    if end is not None:
        probe.ended(end, "the connection was closed")
    assert told(probe) == code


@pytest.mark.parametrize(
    ("end", "code"), [(End.CLOSED, "RdpTlsCut"), (End.RESET, "RdpTlsCut"), (End.TLS_FAILED, "RdpTlsFailed")]
)
def test_tls_that_does_not_come_up(end: End, code: str) -> None:
    probe = Probe("vm1")
    probe.receive(scripted.confirm(2, 1))
    probe.ended(end, "sslv3 alert handshake failure")
    assert told(probe) == code


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (Status.LOGON_FAILURE, "RdpWrongCredentials"),
        (Status.WRONG_PASSWORD, "RdpWrongCredentials"),
        (Status.NO_SUCH_USER, "RdpWrongCredentials"),
        (Status.SEC_E_LOGON_DENIED, "RdpWrongCredentials"),
        (Status.ACCOUNT_LOCKED_OUT, "RdpAccountRefused"),
        (Status.ACCOUNT_DISABLED, "RdpAccountRefused"),
        (Status.ACCOUNT_EXPIRED, "RdpAccountRefused"),
        (Status.ACCOUNT_RESTRICTION, "RdpAccountRefused"),
        (Status.LOGON_TYPE_NOT_GRANTED, "RdpAccountRefused"),
        (Status.PASSWORD_EXPIRED, "RdpPasswordMustChange"),
        (Status.PASSWORD_MUST_CHANGE, "RdpPasswordMustChange"),
        (Status.NO_LOGON_SERVERS, "RdpAuthorityUnreachable"),
        (Status.SEC_E_INTERNAL_ERROR, "RdpAuthorityUnreachable"),
        (Status.TRUSTED_RELATIONSHIP_FAILURE, "RdpAuthorityUnreachable"),
        (0x80090999, "RdpSignInFailed"),
    ],
)
def test_what_credssp_says_is_told_apart(status: int, code: str, certificate: bytes) -> None:
    probe = at_tls(Security.CREDSSP, certificate, Depth.SIGN_IN, USER)
    assert b"NTLMSSP" in probe.outgoing()
    probe.receive(ts_request(6, status))
    assert probe.seen.status == status
    assert told(probe) == code


def test_a_server_that_closes_after_the_password_did_not_take_it(certificate: bytes) -> None:
    probe = at_tls(Security.CREDSSP, certificate, Depth.SIGN_IN, USER)
    probe.ended(End.CLOSED, "the server closed the connection")
    # Before it even introduced itself it is no word on the password.
    assert told(probe) == "RdpCut"


@pytest.mark.parametrize(
    ("heard", "code"),
    [
        (scripted.licence(Licence.NO_LICENSE_SERVER), "RdpNoLicenceServer"),
        (scripted.licence(Licence.NO_LICENSE), "RdpNoLicence"),
        (scripted.licence(Licence.INVALID_CLIENT), "RdpNoLicence"),
        (scripted.error_info(Info.LICENSE_NO_LICENSE_SERVER), "RdpNoLicenceServer"),
        (scripted.error_info(Info.LICENSE_NO_LICENSE), "RdpNoLicence"),
        (scripted.error_info(Info.LICENSE_NO_REMOTE_CONNECTIONS), "RdpNoLicence"),
        (scripted.error_info(Info.DENIED), "RdpUserNotAllowed"),
        (scripted.error_info(Info.INSUFFICIENT_PRIVILEGES), "RdpUserNotAllowed"),
        (scripted.error_info(Info.ADMIN_DISCONNECT), "RdpSessionEnded"),
        (scripted.error_info(0xBEEF), "RdpSessionEnded"),
        (scripted.DISCONNECT, "RdpCut"),
    ],
)
def test_what_ends_a_session_is_told_apart(heard: bytes, code: str, certificate: bytes) -> None:
    probe = in_session(certificate)
    probe.receive(scripted.error_info(0) + heard)
    assert probe.over
    assert told(probe) == code


@pytest.mark.parametrize("number", [64535, 65535])
def test_a_user_that_cannot_be_ends_it(number: int, certificate: bytes) -> None:
    """Its number is sent back as a channel's, which has no room for it."""
    probe = at_tls(Security.TLS, certificate, Depth.SESSION)
    probe.receive(scripted.CONNECT_RESPONSE)
    probe.receive(scripted.unit(struct.pack(">BBH", 0x2E, 0, number)))
    assert probe.over
    assert told(probe) == "RdpCut"


def test_a_user_who_may_not_is_told_by_the_early_word(certificate: bytes) -> None:
    probe = at_tls(Security.CREDSSP_EARLY, certificate, Depth.SIGN_IN, USER)
    probe._note(stage=Stage.EARLY)
    probe.receive(b"\x05\0")
    assert not probe.over
    probe.receive(b"\0\0")
    assert probe.seen.early == 5
    assert told(probe) == "RdpUserNotAllowed"


def test_warnings_stand_beside_what_works(certificate: bytes) -> None:
    probe = at_tls(Security.TLS, certificate, Depth.SECURITY)

    def warned(now: datetime) -> list[str]:
        return [each.code for each in judge(probe.seen, host="vm1", port=3389, now=now).warnings]

    assert warned(NOW + timedelta(days=1)) == []
    assert warned(NOW + timedelta(days=31)) == ["RdpCertificateEnded"]
    assert warned(NOW - timedelta(days=1)) == ["RdpCertificateNotYet"]
    plain = Probe("vm1")
    plain.receive(scripted.PLAIN)
    assert [each.code for each in judge(plain.seen, host="vm1", port=3389).warnings] == ["RdpWeakSecurity"]


def test_no_secret_is_shown_by_what_is_kept(certificate: bytes) -> None:
    probe = at_tls(Security.CREDSSP, certificate, Depth.SIGN_IN, USER)
    request = credssp.TsRequest(auth_info=USER.password.encode())
    assert USER.password not in f"{USER!r} {probe.seen!r} {request!r} {vars(probe)!r}"


@given(st.lists(st.binary(max_size=80), max_size=8), st.sampled_from([1, 2, 8, 0]), st.booleans())
def test_whatever_a_server_says_ends_in_a_verdict(heard: list[bytes], selected: int, session: bool) -> None:
    probe = Probe("vm1", Depth.SESSION if session else Depth.SECURITY)
    probe.receive(scripted.confirm(2, selected))
    for each in heard:
        probe.outgoing()
        if probe.wants_tls:
            break
        probe.receive(each)
    probe.ended(End.SILENT)
    judge(probe.seen, host="vm1", port=3389)
