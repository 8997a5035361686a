"""Chains of records as a control plane makes them, without one."""

from __future__ import annotations

import base64
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from outofband.wire.audit import chain, lines
from outofband.wire.audit.chain import Checkpoint, Pruned
from outofband.wire.audit.verify import Report, Verifier

KID = "k1"
KEY = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
AT = "2026-03-04T05:06:07.000000Z"


def jwk(key: Ed25519PrivateKey = KEY) -> dict[str, Any]:
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"kty": "OKP", "crv": "Ed25519", "x": base64.urlsafe_b64encode(raw).rstrip(b"=").decode()}


def record(number: int, tenant: str = "t1") -> dict[str, Any]:
    """A record of the log, every field with a value of its own."""
    found: dict[str, Any] = {name: f"{name}-{number}" for name in chain.FIELDS}
    return found | {
        "at": 1_772_600_000_000_000 + number,
        "tenant_id": tenant,
        "properties": {"n": number, "ü": [1.5]},
    }


def log(days: dict[str, int], *, node: str = "n1", signed: int = 3, sequence: int = 0) -> list[lines.Line]:
    """The lines of one node's days: `{"2026-03-04": 7}` has seven records on one day. Each `signed`-th record
    has a checkpoint, and the last one.
    """
    found: list[lines.Line] = []
    before: tuple[str | None, str | None] = (None, None)
    for day, count in days.items():
        link = chain.seed(node, day, *before)
        records: list[lines.Record] = []
        words: list[Checkpoint] = []
        for number in range(1, count + 1):
            sequence += 1
            told = record(sequence)
            link = chain.link(link, number, chain.digest(told))
            records.append(
                lines.Record(node=node, day=day, number=number, link=link, sequence=sequence, record=told)
            )
            if number % signed == 0 or number == count:
                words.append(checkpoint(node, day, number, link))
        head = lines.Chain(
            node=node, day=day, count=count, link=link, previous_day=before[0], previous_link=before[1]
        )
        found += [head, *words, *records]
        before = (day, link)
    return found


def checkpoint(node: str, day: str, count: int, link: str, *, key: Ed25519PrivateKey = KEY) -> Checkpoint:
    word = Checkpoint(node=node, day=day, count=count, link=link, at=AT, kid=KID)
    signed: Checkpoint = chain.sign(word, key)
    return signed


def pruned(node: str, day: str, count: int, link: str, *, key: Ed25519PrivateKey = KEY) -> Pruned:
    word = Pruned(node=node, day=day, count=count, link=link, at=AT, kid=KID, keep_days=90)
    signed: Pruned = chain.sign(word, key)
    return signed


def whole(inner: list[lines.Line], since: str | None = None) -> list[lines.Line]:
    """As an export: with its first lines and its last."""
    found = [lines.Header(version=lines.VERSION, at=AT, since=since), lines.Key(kid=KID, jwk=jwk()), *inner]
    return [*found, lines.End(lines=len(found))]


def verify(told: list[lines.Line]) -> Report:
    """By the public key, through the text that an export is."""
    verifier = Verifier({KID: chain.public_key(jwk())})
    for line in told:
        verifier.feed(lines.read(lines.write(line)))
    return verifier.report()
