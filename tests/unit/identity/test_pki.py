"""The authority: real handshakes, renewal, promotion, and what a kill or a careless hand leaves behind."""

from __future__ import annotations

import asyncio
import hashlib
import ssl
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from outofband.core.errors import Fault
from outofband.identity import pki as pki_module
from outofband.identity.pki import LEAF_LIFE, RENEW_BEFORE, Pki, fingerprint
from outofband.net.tls import client_context, server_context

DAY = timedelta(days=1)
NOW = datetime.now(UTC).replace(microsecond=0)


def leaf(pki: Pki) -> x509.Certificate:
    return x509.load_pem_x509_certificate(pki.certificate.read_bytes())


async def handshake(pki: Pki, trust: str | Path, name: str) -> None:
    """One TLS connection on loopback, checked by OpenSSL in its strict mode."""

    async def serve(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=server_context(pki.certificate, pki.key))
    port = server.sockets[0].getsockname()[1]
    context = client_context(trust)
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context, server_hostname=name)
        writer.close()
        await writer.wait_closed()
    finally:
        server.close()
        await server.wait_closed()


@pytest.mark.anyio
@pytest.mark.parametrize("name", ["localhost", "127.0.0.1", "::1", "console.example", "192.0.2.7"])
async def test_clients_reach_it_by_every_name(tmp_path: Path, name: str) -> None:
    pki = Pki.open(tmp_path / "pki", ["console.example.", "[192.0.2.7]"], NOW)
    await handshake(pki, pki.trust, name)


@pytest.mark.anyio
async def test_other_names_and_other_authorities_are_refused(tmp_path: Path) -> None:
    ours, theirs = Pki.open(tmp_path / "a", [], NOW), Pki.open(tmp_path / "b", [], NOW)
    with pytest.raises(ssl.SSLCertVerificationError, match="mismatch"):
        await handshake(ours, ours.trust, "other.example")
    with pytest.raises(ssl.SSLCertVerificationError, match="verify failed"):
        await handshake(ours, theirs.trust, "localhost")


@pytest.mark.anyio
async def test_who_pinned_both_survives_a_promotion(tmp_path: Path) -> None:
    pki = Pki.open(tmp_path, [], NOW)
    pinned, old, coming = pki.trust.read_text(), pki.fingerprint, fingerprint(pki.following)
    pki.promote([], NOW)
    assert pki.fingerprint == coming != old
    await handshake(pki, pinned, "localhost")
    again = Pki.open(tmp_path, [], NOW)
    assert (again.current, again.following) == (pki.current, pki.following)
    await handshake(again, again.trust, "localhost")


def test_keys_are_private_and_the_fingerprint_is_of_the_der(tmp_path: Path) -> None:
    pki = Pki.open(tmp_path / "pki", [], NOW)
    for name in ("ca.key", "ca-next.key", "server.key"):
        assert stat.S_IMODE((tmp_path / "pki" / name).stat().st_mode) == 0o600
    assert stat.S_IMODE((tmp_path / "pki").stat().st_mode) == 0o700
    first = ssl.PEM_cert_to_DER_cert((tmp_path / "pki" / "ca.pem").read_text())
    assert pki.fingerprint == hashlib.sha256(first).hexdigest()


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    Pki.open(tmp_path, ["a.example"], NOW)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    Pki.open(tmp_path, ["a.example"], NOW + DAY)
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


def test_the_leaf_is_renewed_in_time(tmp_path: Path) -> None:
    pki = Pki.open(tmp_path, [], NOW)
    first = leaf(pki)
    assert not pki.renew([], NOW + LEAF_LIFE - RENEW_BEFORE - DAY)
    assert pki.renew([], NOW + LEAF_LIFE - RENEW_BEFORE)
    assert leaf(pki).serial_number != first.serial_number
    assert leaf(pki).not_valid_after_utc > first.not_valid_after_utc


def test_a_new_name_makes_a_new_leaf(tmp_path: Path) -> None:
    pki = Pki.open(tmp_path, ["a.example"], NOW)
    assert pki.renew(["a.example", "B.example"], NOW)
    assert not pki.renew(["b.example"], NOW)


@pytest.mark.parametrize("broken", ["server.key", "server.pem"])
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_a_broken_leaf_is_made_again(tmp_path: Path, broken: str, content: bytes | None) -> None:
    Pki.open(tmp_path, [], NOW)
    (tmp_path / broken).unlink()
    if content is not None:
        (tmp_path / broken).write_bytes(content)
    pki = Pki.open(tmp_path, [], NOW)
    server_context(pki.certificate, pki.key)


@pytest.mark.parametrize("lost", ["ca.key", "ca-next.key", "ca.pem", "ca-next.pem"])
def test_a_lost_authority_is_never_replaced_silently(tmp_path: Path, lost: str) -> None:
    Pki.open(tmp_path, [], NOW)
    (tmp_path / lost).unlink()
    with pytest.raises(Fault, match="PkiDamaged"):
        Pki.open(tmp_path, [], NOW)


def test_an_authority_with_a_foreign_key_is_refused(tmp_path: Path) -> None:
    Pki.open(tmp_path / "a", [], NOW)
    Pki.open(tmp_path / "b", [], NOW)
    (tmp_path / "a" / "ca.key").write_bytes((tmp_path / "b" / "ca.key").read_bytes())
    with pytest.raises(Fault, match="PkiDamaged"):
        Pki.open(tmp_path / "a", [], NOW)


class Killed(BaseException):
    """Stands for kill -9 between two files."""


def test_a_kill_at_any_file_of_the_first_start_or_a_promotion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before each file in turn, the next start ends with a working pair of authorities."""
    real = pki_module.write_private

    def die_at(limit: int) -> None:
        written = iter(range(1000))

        def write(path: Path, data: bytes | str) -> None:
            if next(written) == limit:
                raise Killed
            real(path, data)

        monkeypatch.setattr(pki_module, "write_private", write)

    for step in range(8):
        place = tmp_path / f"first{step}"
        die_at(step)
        try:
            Pki.open(place, [], NOW)
        except Killed:
            monkeypatch.setattr(pki_module, "write_private", real)
            Pki.open(place, [], NOW)
        else:
            assert step == 7
    for step in range(8):
        place = tmp_path / f"promoted{step}"
        monkeypatch.setattr(pki_module, "write_private", real)
        pki = Pki.open(place, [], NOW)
        pinned = {pki.fingerprint, fingerprint(pki.following)}
        die_at(step)
        try:
            pki.promote([], NOW)
        except Killed:
            monkeypatch.setattr(pki_module, "write_private", real)
            after = Pki.open(place, [], NOW)
            assert after.fingerprint in pinned
            assert after.fingerprint != fingerprint(after.following)
            leaf(after).verify_directly_issued_by(after.current)
        else:
            assert step == 7


@pytest.mark.parametrize("name", ["a b", "é.example", "http://x", "*é"])
def test_names_no_certificate_can_hold(tmp_path: Path, name: str) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        Pki.open(tmp_path, [name], NOW)
