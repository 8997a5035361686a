"""Programs that prove themselves with a certificate: as MSAL does it, and everything that must not pass."""

from __future__ import annotations

import base64
import functools
import json
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey, RSAKey
from joserfc.jws import JWSRegistry

from outofband.core.errors import Fault
from outofband.identity import certificates
from outofband.identity.assertions import ASSERTION_TYPE
from outofband.identity.oauth import OAuthFault, TokenResponse
from outofband.store.principals import ClientCertificate
from tests.unit.identity.conftest import BASE, NOW, VISITOR, Started

pytestmark = pytest.mark.anyio
SECOND = timedelta(seconds=1)
Private = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey


class Signer:
    """A program with a key and a certificate of its own."""

    def __init__(
        self, private: Private, *, life: timedelta = timedelta(days=30), now: datetime = NOW
    ) -> None:
        self.private = private
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "program")])
        self.certificate = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + life)
            .sign(private, hashes.SHA256())
        )

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()

    @property
    def der(self) -> str:
        return base64.b64encode(self.certificate.public_bytes(serialization.Encoding.DER)).decode()

    def thumbprint(self, kind: hashes.HashAlgorithm, *, padded: bool = True) -> str:
        text = base64.urlsafe_b64encode(self.certificate.fingerprint(kind)).decode()
        return text if padded else text.rstrip("=")

    def sign(self, header: dict[str, Any], claims: dict[str, Any]) -> str:
        raw = self.private.private_bytes(
            serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        key = RSAKey.import_key(raw) if isinstance(self.private, rsa.RSAPrivateKey) else ECKey.import_key(raw)
        registry = JWSRegistry(algorithms=[header["alg"]], strict_check_header=False)
        return jwt.encode(header, claims, key, registry=registry)


@functools.cache
def signer(which: str = "program") -> Signer:
    if which == "ec":
        return Signer(ec.generate_private_key(ec.SECP256R1()))
    return Signer(rsa.generate_private_key(65537, 2048))


class Program(msgspec.Struct):
    """The first client of a fresh installation, with a certificate."""

    started: Started
    signer: Signer
    now: datetime

    @property
    def token_endpoint(self) -> str:
        return f"{BASE}/{self.started.first.tenant_id}/oauth2/v2.0/token"

    def header(self, **changes: Any) -> dict[str, Any]:
        return {"alg": "PS256", "typ": "JWT", "x5t#S256": self.signer.thumbprint(hashes.SHA256())} | changes

    def claims(self, **changes: Any) -> dict[str, Any]:
        """As MSAL writes them, with times that are no whole seconds."""
        at, client = self.now.timestamp() + 0.25, self.started.first.client_id
        times = {"iat": at, "exp": at + 600}
        return (
            {
                "aud": self.token_endpoint,
                "iss": client,
                "sub": client,
                "jti": str(uuid.uuid4()),
            }
            | times
            | changes
        )

    def assertion(self, header: dict[str, Any] | None = None, **claims: Any) -> str:
        made = self.claims(**claims)
        return self.signer.sign(header or self.header(), {k: v for k, v in made.items() if v is not None})

    async def ask(
        self, assertion: str, *, address: str = VISITOR.address, now: datetime | None = None, **changes: str
    ) -> TokenResponse | OAuthFault:
        form = self.started.form(
            client_secret="", client_assertion=assertion, client_assertion_type=ASSERTION_TYPE
        )
        given = {name: value for name, value in (form | changes).items() if value}
        visitor = msgspec.structs.replace(VISITOR, address=address)
        return await self.started.authority.issue_token(
            given, self.started.first.tenant_id, now=now or self.now, visitor=visitor
        )

    async def refused(self, assertion: str, **changes: Any) -> OAuthFault:
        answer = await self.ask(assertion, **changes)
        assert isinstance(answer, OAuthFault), answer
        return answer


async def register(started: Started, pem: str, now: datetime) -> ClientCertificate:
    found = certificates.read(pem, now)
    row = ClientCertificate(
        id=str(uuid.uuid4()),
        app_id=started.first.client_id,
        object_id=started.first.object_id,
        label="test",
        thumbprint=found.thumbprint,
        thumbprint_sha256=found.thumbprint_sha256,
        certificate=found.pem,
        created=now,
        begins=found.begins,
        expires=found.expires,
    )
    async with started.store.write() as tx:
        await started.store.principals.add_certificate(tx, row)
    return row


@pytest.fixture
async def program(started: Started, now: datetime) -> Program:
    await register(started, signer().pem, now)
    return Program(started, signer(), now)


@pytest.mark.parametrize(
    "header",
    [
        lambda made: {"alg": "PS256", "x5t#S256": made.thumbprint(hashes.SHA256())},
        lambda made: {"alg": "RS256", "x5t": made.thumbprint(hashes.SHA1())},
        lambda made: {"alg": "RS256", "x5t": made.thumbprint(hashes.SHA1(), padded=False)},
        lambda made: {"alg": "PS256", "x5c": [made.der], "x5t#S256": made.thumbprint(hashes.SHA256())},
        lambda made: {"alg": "RS256", "x5c": [made.der], "odd": 1},
        lambda made: {"alg": "RS256", "x5c": [made.der, signer("other").der]},
        lambda made: {"alg": "RS256", "kid": made.certificate.fingerprint(hashes.SHA1()).hex().upper()},
    ],
    ids=["x5t#S256", "x5t", "x5t-unpadded", "both", "x5c", "x5c-chain", "kid"],
)
async def test_every_way_to_name_a_certificate(
    program: Program, now: datetime, header: Callable[[Signer], dict[str, Any]]
) -> None:
    answer = await program.ask(program.assertion({"typ": "JWT"} | header(program.signer)))
    assert isinstance(answer, TokenResponse), answer
    principal = await program.started.authority.verify_token(answer.access_token, now)
    assert principal.app_id == program.started.first.client_id


async def test_an_elliptic_key_signs_in_its_own_algorithm(started: Started, now: datetime) -> None:
    await register(started, signer("ec").pem, now)
    program = Program(started, signer("ec"), now)
    answer = await program.ask(program.assertion(program.header(alg="ES256")))
    assert isinstance(answer, TokenResponse), answer


@pytest.mark.parametrize("ending", ["oauth2/v2.0/token", "v2.0", "oauth2/token", "v2.0/"])
async def test_what_an_assertion_may_be_for(program: Program, ending: str) -> None:
    for tenant in (program.started.first.tenant_id, "outofband.local"):
        answer = await program.ask(program.assertion(aud=f"{BASE}/{tenant}/{ending}".upper().lower()))
        assert isinstance(answer, TokenResponse), (tenant, answer)
    other = f"https://host.example:8443/{program.started.first.tenant_id}/{ending}"
    assert isinstance(await program.ask(program.assertion(aud=["x", other])), TokenResponse)


@pytest.mark.parametrize(
    ("claims", "code", "status"),
    [
        ({"aud": "https://login.microsoftonline.com/t/oauth2/v2.0/token"}, 700023, 401),
        ({"aud": BASE}, 700023, 401),
        ({"aud": []}, 700023, 401),
        ({"iss": "99999999-0000-0000-0000-000000000000"}, 700021, 401),
        ({"sub": "99999999-0000-0000-0000-000000000000"}, 700021, 401),
        ({"jti": None}, 50027, 400),
        ({"jti": ""}, 50027, 400),
        ({"jti": "j" * 257}, 50027, 400),
        ({"exp": None}, 50027, 400),
        ({"exp": "soon"}, 50027, 400),
        ({"exp": 1e300}, 700024, 401),
    ],
)
async def test_what_an_assertion_must_say(
    program: Program, claims: dict[str, Any], code: int, status: int
) -> None:
    fault = await program.refused(program.assertion(**claims))
    assert (fault.code, fault.status) == (code, status)
    assert fault.error == ("invalid_client" if status == 401 else "invalid_request")


async def test_two_minutes_between_clocks(program: Program, now: datetime) -> None:
    async def made(seconds: float) -> TokenResponse | OAuthFault:
        at = now.timestamp() + seconds
        return await program.ask(program.assertion(iat=at, nbf=at, exp=at + 600))

    assert isinstance(await made(119), TokenResponse)
    assert isinstance(await made(-718), TokenResponse)
    ahead, behind = await made(121), await made(-721)
    assert isinstance(ahead, OAuthFault) and ahead.code == 700024
    assert "The caller's clock seems to be 121 seconds ahead of this server's" in ahead.text
    assert isinstance(behind, OAuthFault) and behind.code == 700024
    assert "The caller's clock seems to be 721 seconds behind this server's" in behind.text
    at = now.timestamp()
    fault = await program.refused(program.assertion(exp=at + 3721))
    assert fault.code == 700024 and "more than 3600 seconds" in fault.text


async def test_whose_signature_counts(program: Program) -> None:
    """A stranger's certificate, a stranger's key under our name, a public key as an HMAC secret, none."""
    stranger, mine = signer("stranger"), program.header()
    unknown = await program.refused(
        stranger.sign(mine | {"x5t#S256": stranger.thumbprint(hashes.SHA256())}, program.claims())
    )
    assert unknown.code == 700027
    shown = stranger.certificate.fingerprint(hashes.SHA256()).hex().upper()
    assert f"thumbprint of the key used by the client: '{shown}'" in unknown.text
    assert (await program.refused(stranger.sign(mine, program.claims()))).code == 700027
    # The certificate that is brought along has to be the registered one, not only named like it.
    brought = mine | {"x5c": [stranger.der]}
    assert (await program.refused(stranger.sign(brought, program.claims()))).code == 700027
    public = program.signer.certificate.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    confused = jwt.encode(
        mine | {"alg": "HS256"}, program.claims(), OctKey.import_key(base64.b64encode(public).decode())
    )
    fault = await program.refused(confused)
    assert fault.code == 700027 and "PS256, RS256" in fault.text
    good = program.assertion()
    head, body, signature = good.split(".")
    none = base64.urlsafe_b64encode(json.dumps(mine | {"alg": "none"}).encode()).decode().rstrip("=")
    assert (await program.refused(f"{none}.{body}.")).code == 700027
    assert (await program.refused(f"{head}.{body}.{signature[:-8]}AAAAAAAA")).code == 700027


@pytest.mark.parametrize("text", ["x", "a.b.c", "..", "é.é.é", "a" * 17000, "W10.e30.AA", "e30.e30.AA"])
async def test_what_is_no_assertion(program: Program, text: str) -> None:
    assert (await program.refused(text)).code in (50027, 9002313)


async def test_the_other_parameters(program: Program, now: datetime) -> None:
    good = program.assertion()
    assert (await program.refused(good, client_assertion_type="")).code == 9002313
    assert (await program.refused(good, client_secret=program.started.secret)).code == 9002313
    assert (await program.refused(good, client_id=str(uuid.uuid4()))).code == 700016
    assert isinstance(await program.ask(good), TokenResponse)


async def test_an_assertion_is_one_hosts(program: Program, now: datetime) -> None:
    """MSAL shows one as long as it lasts; nobody else may, and not with another program's name."""
    good = program.assertion()
    assert isinstance(await program.ask(good), TokenResponse)
    assert isinstance(await program.ask(good, now=now + 300 * SECOND), TokenResponse)
    stolen = await program.refused(good, address="198.51.100.9")
    assert (stolen.code, stolen.error) == (700027, "invalid_client")
    local = program.assertion()
    assert isinstance(await program.ask(local, address="127.0.0.1"), TokenResponse)
    assert isinstance(await program.ask(local, address="::1"), TokenResponse)
    async with program.started.store.write() as tx:
        assert await program.started.store.client_assertions.prune(tx, now + 721 * SECOND) == 2


async def test_a_certificate_that_ended(started: Started, now: datetime) -> None:
    made = Signer(signer().private, life=timedelta(hours=1))
    await register(started, made.pem, now)
    program = Program(started, made, now + timedelta(hours=1))
    fault = await program.refused(program.assertion())
    assert (fault.code, fault.error) == (1000502, "invalid_client")
    assert "2026-03-04T06:06:07" in fault.text


async def test_a_certificate_that_was_taken_back(started: Started, now: datetime) -> None:
    row = await register(started, signer().pem, now)
    program = Program(started, signer(), now)
    answer = await program.ask(program.assertion())
    assert isinstance(answer, TokenResponse)
    async with started.store.write() as tx:
        assert await started.store.principals.remove_certificate(tx, row.id)
    with pytest.raises(Fault, match="was taken back") as caught:
        await started.authority.verify_token(answer.access_token, now)
    assert "claims" in caught.value.fields
    assert (await program.refused(program.assertion())).code == 700027


async def test_guessing_keys_is_stopped(program: Program) -> None:
    wrong = signer("stranger").sign(program.header(), program.claims())
    codes = [(await program.refused(wrong, address="192.0.2.77")).code for _ in range(11)]
    assert codes == [700027] * 10 + [50196]
