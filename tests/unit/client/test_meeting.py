"""The first meeting with a control plane: what an address may be, and whom a fingerprint vouches for."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.client import background, meeting
from outofband.client.transport import Transport
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.pki import Pki
from outofband.net.tls import client_context
from outofband.net.trust import MAX_TRUST_LENGTH
from tests.unit.client.far import Far

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("address", "base"),
    [
        ("oob.example", "https://oob.example:8443"),
        (" OOB.example:9443 ", "https://oob.example:9443"),
        ("https://oob.example", "https://oob.example:443"),
        ("https://oob.example:8443/", "https://oob.example:8443"),
        ("192.0.2.7", "https://192.0.2.7:8443"),
        ("[2001:db8::1]:9443", "https://[2001:db8::1]:9443"),
    ],
)
def test_addresses(address: str, base: str) -> None:
    assert meeting.base_of(address) == base


@pytest.mark.parametrize(
    "address", ["", "http://oob.example", "https://", "a:b:c", "oob.example:99999", "https://u@h", "h?x=1"]
)
def test_what_is_no_address(address: str) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        meeting.base_of(address)


def test_fingerprints_as_people_spell_them() -> None:
    plain = "3f" * 32
    assert meeting.spelled(plain) == ":".join(["3F"] * 32)
    for text in (plain, meeting.spelled(plain), f"  {plain.upper()}\n", " ".join(["3f3f"] * 16)):
        assert meeting.fingerprint_of(text) == plain
    for text in ("", "3f", plain + "00", "zz" * 32):
        with pytest.raises(Fault, match="InvalidParameter"):
            meeting.fingerprint_of(text)


async def learn(far: Far, fingerprint: str | None = None, *, answer: bool = False) -> tuple[str, list[str]]:
    asked: list[str] = []

    def ask(spelled: str) -> bool:
        asked.append(spelled)
        return answer

    return await background.call(lambda: meeting.learn_authorities(far.base, fingerprint, ask=ask)), asked


async def test_a_right_fingerprint_brings_both_authorities(far: Far) -> None:
    pem, asked = await learn(far, far.pki.fingerprint)
    assert pem == far.pki.trust.read_text()
    assert asked == []


async def test_a_person_is_asked_for_the_one_in_use(far: Far) -> None:
    pem, asked = await learn(far, answer=True)
    assert pem == far.pki.trust.read_text()
    assert asked == [meeting.spelled(far.pki.fingerprint)]


async def test_a_no_trusts_nobody(far: Far) -> None:
    with pytest.raises(Fault) as raised:
        await learn(far)
    assert raised.value.code == "AuthorityNotConfirmed"
    assert raised.value.fields["seen"] == meeting.spelled(far.pki.fingerprint)


async def test_a_wrong_fingerprint_is_told_with_the_right_one(far: Far) -> None:
    with pytest.raises(Fault) as raised:
        await learn(far, "ab" * 32)
    assert raised.value.code == "FingerprintWrong"
    assert meeting.spelled(far.pki.fingerprint) in raised.value.fields["seen"]


async def test_an_authority_that_is_shown_but_not_in_use(
    far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody in between could hand on the right certificates; he cannot answer with their keys."""
    other = Pki.open(tmp_path / "other", [], clock.now())
    monkeypatch.setattr(far.pki, "trust", other.trust)
    for fingerprint in (None, other.fingerprint):
        with pytest.raises(Fault, match="CertificateNotTrusted"):
            await learn(far, fingerprint, answer=True)


async def test_what_is_no_control_plane(far: Far, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(far.pki, "trust", tmp_path / "hello")
    for text in ("hello", "", "x" * (MAX_TRUST_LENGTH + 1)):
        (tmp_path / "hello").write_text(text)
        with pytest.raises(Fault, match="UnexpectedAnswer"):
            await learn(far, answer=True)


async def test_what_it_says_of_itself(far: Far) -> None:
    def work() -> meeting.Config:
        with Transport(far.base, client_context(far.pki.trust)) as transport:
            return meeting.config(transport)

    about = await background.call(work)
    assert (about.tenant_id, about.resource) == ("t", "https://oob.example:8443")
    assert about.gateways == [far.gateway]


def test_a_file_with_authorities(far_pki: Pki, tmp_path: Path) -> None:
    assert meeting.authorities_in(far_pki.trust) == far_pki.trust.read_text()
    (tmp_path / "hello").write_text("hello")
    for path in (tmp_path / "hello", tmp_path / "nowhere", tmp_path):
        with pytest.raises(Fault) as raised:
            meeting.authorities_in(path)
        assert raised.value.code == "AuthoritiesInvalid"


@pytest.fixture
def far_pki(tmp_path: Path) -> Pki:
    return Pki.open(tmp_path / "pki", [], clock.now())
