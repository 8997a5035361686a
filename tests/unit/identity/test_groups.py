"""Groups and the last owner; certificates as their managers hand them in."""

from __future__ import annotations

import base64
from datetime import timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import NameOID

from outofband.core.errors import Fault
from outofband.identity import certificates
from outofband.identity.groups import GroupDirectory
from outofband.store.assignments import Assignment
from outofband.store.groups import GROUP, Group
from outofband.store.store import Store
from tests.unit.identity.town import NOW, OTHER, OWNER, TENANT, Town, found

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


async def owning_group(town: Town, groups: GroupDirectory) -> Group:
    async with town.store.write() as tx:
        group = await groups.add(tx, TENANT, name="Owners", mail_nickname="owners", description=None, now=NOW)
        await town.store.assignments.add(
            tx,
            Assignment(
                tenant_id=TENANT,
                name="n",
                scope="/",
                role_id=OWNER,
                principal_id=group.object_id,
                principal_type=GROUP,
                created=NOW,
                created_by="test",
            ),
        )
    return group


async def test_who_is_owner_by_a_group_counts_and_is_not_lost(store: Store) -> None:
    town = await found(store)
    groups = GroupDirectory(store, town.owners)
    ann, bob = await town.person("ann"), await town.person("bob")
    group = await owning_group(town, groups)
    assert await town.owning() == set()
    async with store.write() as tx:
        inner = await groups.add(tx, TENANT, name="in", mail_nickname="in", description=None, now=NOW)
        await groups.add_member(tx, group, inner.object_id, NOW)
        await groups.add_member(tx, inner, ann.object_id, NOW)
    assert await town.owning() == {ann.object_id}
    for code, change in (
        ("remove", lambda tx: groups.remove(tx, group)),
        ("remove inner", lambda tx: groups.remove(tx, inner)),
        ("remove member", lambda tx: groups.remove_member(tx, inner, ann.object_id)),
        ("disable", lambda tx: town.directory.set_disabled(tx, ann, True, NOW)),
        ("delete", lambda tx: town.directory.remove(tx, ann)),
    ):
        with pytest.raises(Fault, match="LastOwner"):
            async with store.write() as tx:
                await change(tx)
        assert await town.owning() == {ann.object_id}, code
    async with store.write() as tx:
        await groups.add_member(tx, group, bob.object_id, NOW)
        await town.directory.remove(tx, ann)
    assert await town.owning() == {bob.object_id}
    async with store.read() as tx:
        assert await store.groups.of(tx, ann.object_id) == []


async def test_tenants_are_walls(store: Store) -> None:
    town = await found(store)
    groups = GroupDirectory(store, town.owners)
    eve = await town.person("eve", tenant=OTHER)
    async with store.write() as tx:
        ours = await groups.add(tx, TENANT, name="o", mail_nickname="o", description=None, now=NOW)
        theirs = await groups.add(tx, OTHER, name="t", mail_nickname="t", description=None, now=NOW)
        for each in (eve.object_id, theirs.object_id, "nobody"):
            with pytest.raises(Fault, match="DirectoryObjectNotFound"):
                await groups.add_member(tx, ours, each, NOW)
        with pytest.raises(Fault, match="GroupNotFound"):
            await groups.require(tx, TENANT, theirs.object_id)


@pytest.mark.parametrize(
    ("name", "nickname", "description"),
    [("", "x", None), ("x" * 257, "x", None), ("x\n", "a\tb", None), ("x", "x", "d" * 1025)],
)
async def test_names_within_bounds(store: Store, name: str, nickname: str, description: str | None) -> None:
    town = await found(store)
    groups = GroupDirectory(store, town.owners)
    async with store.write() as tx:
        with pytest.raises(Fault, match="InvalidParameter"):
            await groups.add(tx, TENANT, name=name, mail_nickname=nickname, description=description, now=NOW)


Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


def issued(key: Key, begins: int = -1, ends: int = 10) -> x509.Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "robot")])
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, NOW + begins * DAY, NOW + ends * DAY)
    return made.sign(key, None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def test_a_certificate_in_either_form_is_the_same() -> None:
    made = issued(ec.generate_private_key(ec.SECP256R1()))
    der = base64.encodebytes(made.public_bytes(serialization.Encoding.DER)).decode()
    first, second = (certificates.read(text, NOW) for text in (pem(made), der))
    assert first == second
    assert (first.subject, first.begins, first.expires) == ("CN=robot", NOW - DAY, NOW + 10 * DAY)
    assert certificates.hex_of(first.thumbprint) == made.fingerprint(hashes.SHA1()).hex().upper()
    sha256 = made.fingerprint(hashes.SHA256())
    assert first.thumbprint_sha256 == base64.urlsafe_b64encode(sha256).decode().rstrip("=")


def test_a_certificate_that_proves_nothing_is_refused() -> None:
    good = issued(rsa.generate_private_key(65537, 2048))
    assert certificates.read(pem(good), NOW).subject == "CN=robot"
    private = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for text, why in (
        ("", "X.509"),
        ("AAAA", "X.509"),
        ("é", "X.509"),
        ("A" * 40_000, "X.509"),
        (pem(good) * 2, "more than one"),
        (private.decode() + pem(good), "private key"),
        (pem(issued(rsa.generate_private_key(65537, 1024))), "1024 bits"),
        (pem(issued(ec.generate_private_key(ec.SECP192R1()))), "curve"),
        (pem(issued(ed25519.Ed25519PrivateKey.generate())), "neither"),
        (pem(issued(ec.generate_private_key(ec.SECP256R1()), -9, -1)), "ended"),
    ):
        with pytest.raises(Fault, match="CertificateRefused") as raised:
            certificates.read(text, NOW)
        assert why in str(raised.value.fields["detail"]), text[:60]
