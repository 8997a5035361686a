"""The sign-in against a server that is real (the library's own), and against those that would cheat."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import spnego
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from outofband.core.errors import ProtocolError
from outofband.wire.rdp import der
from outofband.wire.rdp.credssp import (
    Handshake,
    OldServer,
    State,
    TsRequest,
    User,
    decode,
    subject_public_key,
)

USER = User("LAB\\tester", "Right-12345")
SERVER = b"CredSSP Server-To-Client Binding Hash\0"
_FLAGS = 20
"""Where a CHALLENGE has them."""


def certificate() -> bytes:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "win-sim")])
    now = datetime(2026, 11, 28, tzinfo=UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 1, now, now + timedelta(days=30))
    return builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)


CERTIFICATE, OTHER = certificate(), certificate()


class Server:
    """Takes `tester`. `key`: of the channel that it believes to be in."""

    def __init__(self, key: bytes = CERTIFICATE, version: int = 6) -> None:
        self.key, self.version = subject_public_key(key), version
        self.context = spnego.server(protocol="ntlm", options=spnego.NegotiateOptions.use_ntlm)
        self.credentials = b""

    def challenge(self, negotiate: bytes) -> bytes:
        token = self.context.step(decode(negotiate).token)
        assert token is not None
        return token

    def answer(self, request: bytes) -> TsRequest:
        told = decode(request)
        self.context.step(told.token)
        assert self.context.complete and told.nonce is not None and told.pub_key_auth is not None
        self.context.unwrap(told.pub_key_auth)
        proof = hashlib.sha256(SERVER + told.nonce + self.key).digest()
        return TsRequest(version=self.version, pub_key_auth=self.context.wrap(proof).data)


@pytest.fixture(autouse=True)
def known(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "users"
    file.write_text(f"LAB:tester:{USER.password}\n")
    monkeypatch.setenv("NTLM_USER_FILE", str(file))


def begun(server: Server, user: User | None = USER) -> tuple[Handshake, bytes]:
    """Up to the CHALLENGE, which is given back."""
    made = Handshake(CERTIFICATE, "win-sim", user)
    return made, server.challenge(made.start())


def test_the_password_comes_after_the_servers_proof_and_sealed() -> None:
    server = Server()
    client, challenge = begun(server)
    request = client.receive(TsRequest(token=challenge).encode())
    assert request is not None and client.state is State.BINDING
    assert decode(request).auth_info is None
    last = client.receive(server.answer(request).encode())
    assert last is not None and client.state is State.DONE
    # decode() leaves the member out: no client is ever sent it.
    sealed, _ = der.expect(der.members(der.expect(last, der.SEQUENCE)[0])[2], der.OCTETS)
    password = USER.password.encode("utf-16-le")
    assert password not in last
    assert password in server.context.unwrap(sealed).data


def test_a_server_in_another_channel_gets_nothing() -> None:
    server = Server(OTHER)
    client, challenge = begun(server)
    request = client.receive(TsRequest(token=challenge).encode())
    assert request is not None
    with pytest.raises(ProtocolError, match="in between"):
        client.receive(server.answer(request).encode())
    assert client.state is not State.DONE


def test_the_clients_own_proof_is_not_the_servers() -> None:
    server = Server()
    client, challenge = begun(server)
    request = client.receive(TsRequest(token=challenge).encode())
    assert request is not None
    with pytest.raises(ProtocolError):
        client.receive(TsRequest(pub_key_auth=decode(request).pub_key_auth).encode())


@pytest.mark.parametrize("version", [0, 1, 2, 3, 4])
def test_a_server_of_before_the_mend_gets_no_answer_to_its_challenge(version: int) -> None:
    """Of old the key itself was sealed and sent, which somebody in between can use (CVE-2018-0886)."""
    client, challenge = begun(Server(version=version))
    with pytest.raises(OldServer):
        client.receive(TsRequest(version=version, token=challenge).encode())
    # To look at it without a user is no risk.
    looking, challenge = begun(Server(version=version), None)
    assert looking.receive(TsRequest(version=version, token=challenge).encode()) is None
    assert looking.state is State.DONE and looking.version == version


def test_the_version_stays_what_it_was() -> None:
    server = Server(version=2)
    client, challenge = begun(server)
    request = client.receive(TsRequest(token=challenge).encode())
    assert request is not None
    with pytest.raises(ProtocolError, match="version 6 again"):
        client.receive(server.answer(request).encode())


@pytest.mark.parametrize("lost", [0x10, 0x20, 0x30, 0x80000, 0x20000000, 0x40000000])
def test_a_challenge_that_would_weaken_the_seal_gets_no_answer(lost: int) -> None:
    client, challenge = begun(Server())
    (flags,) = struct.unpack_from("<I", challenge, _FLAGS)
    weak = challenge[:_FLAGS] + struct.pack("<I", flags & ~lost) + challenge[_FLAGS + 4 :]
    with pytest.raises(ProtocolError, match="128 bits"):
        client.receive(TsRequest(token=weak).encode())


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(
    cuts=st.lists(st.tuples(st.integers(0, 400), st.binary(max_size=6)), max_size=4),
    length=st.integers(0, 500),
    version=st.integers(-1, 9),
)
def test_whatever_the_challenge_is_only_a_protocol_error_comes_of_it(
    cuts: list[tuple[int, bytes]], length: int, version: int
) -> None:
    client, challenge = begun(Server())
    broken = bytearray(challenge)
    for at, piece in cuts:
        broken[at : at + len(piece)] = piece
    try:
        client.receive(TsRequest(version=version, token=bytes(broken[:length])).encode())
    except ProtocolError:
        assert client.state is not State.DONE
