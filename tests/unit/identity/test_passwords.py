"""What is taken as a password, how it is kept, and that the work for it is bounded."""

from __future__ import annotations

import asyncio
import re
import threading

import pytest
from argon2 import PasswordHasher

from outofband.core.errors import Fault
from outofband.identity import passwords
from outofband.identity.passwords import WORKERS, Passwords
from tests.support.users import CHEAP, cheap_passwords

pytestmark = pytest.mark.anyio
GOOD = "slow heron ladder 7"


@pytest.mark.parametrize(
    "password",
    [
        GOOD,
        "x7" * 3 + "Qm!w9z",
        "пароль-и-ещё-слово",
        "日本語の長い合言葉です。はい",
        "tabs\tand\0zeros too",
        "é" * 4 + "abcdefgh7",
    ],
)
def test_what_is_taken(password: str) -> None:
    passwords.check(password, "ann@lab.example")


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("", "fewer than 12"),
        ("elevenchars", "fewer than 12"),
        ("\ufb03" * 100, "more than 256"),  # a ligature of three letters
        ("a" * 10_000_000, "more than 256"),
        ("my-ANNabelle-7q", "user name"),
        ("aaaaaaaaaaaaaaaa", "different characters"),
        ("abababababab12", "different characters"),
        ("qwertyuiopas", "a row"),
        ("mnbvcxzlkjhg", "a row"),
        ("123456789012", "a row"),
        ("Password2024!", "well-known"),
        ("changeme-1234", "well-known"),
        ("letmein letmein", "well-known"),
        ("ＰＡＳＳＷＯＲＤ２０２４", "well-known"),
    ],
)
def test_what_is_not(password: str, why: str) -> None:
    with pytest.raises(Fault, match="PasswordRefused") as caught:
        passwords.check(password, "ann@lab.example")
    assert why in caught.value.fields["detail"]
    assert password == "" or password not in str(caught.value)


def test_a_short_user_name_may_be_part_of_a_password() -> None:
    passwords.check("ox and heron 77", "ox@lab.example")


def test_a_made_password_can_be_read_to_somebody() -> None:
    made = {passwords.readable() for _ in range(200)}
    assert len(made) == 200
    for each in made:
        assert re.fullmatch(r"[a-z2-9]{5}(-[a-z2-9]{5}){3}", each)
        assert not set(each) & set("ilo01")
        passwords.check(each, "admin@lab.example")


async def test_it_is_kept_as_argon2id_and_compared_in_one_form() -> None:
    pool = cheap_passwords()
    kept = await pool.hash("caf\u00e9 caf\u00e9 caf\u00e9")
    assert kept.startswith("$argon2id$v=19$") and "caf" not in kept
    assert await pool.matches("cafe\u0301 cafe\u0301 cafe\u0301", kept)
    assert not await pool.matches("cafe cafe cafe", kept)
    assert kept != await pool.hash("caf\u00e9 caf\u00e9 caf\u00e9")


@pytest.mark.parametrize(
    "kept", [None, "", "plain text", "$argon2id$v=19$m=64,t=1,p=1$AAAA$", "$2b$12$" + "a" * 53]
)
async def test_what_is_no_hash_matches_nothing(kept: str | None) -> None:
    pool = cheap_passwords()
    for password in ("", GOOD, "\0", "x" * 100_000):
        assert not await pool.matches(password, kept)


def test_the_default_cost_is_what_is_recommended() -> None:
    """RFC 9106 section 4, the second choice: 3 passes over 64 MiB."""
    kept = Passwords()._hasher.hash("x")
    assert kept.startswith("$argon2id$v=19$m=65536,t=3,p=1$")


async def test_another_cost_is_noticed() -> None:
    kept = await cheap_passwords().hash(GOOD)
    assert not cheap_passwords().outdated(kept)
    assert Passwords(PasswordHasher(time_cost=2, memory_cost=64, parallelism=1)).outdated(kept)


class Gated(PasswordHasher):
    """Waits at the gate, so that a test knows what is under way; and counts."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_cost=64, parallelism=1)
        self.gate = threading.Event()
        self.verified: list[str] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> bool:  # type: ignore[override]
        self.verified.append(str(hash))
        assert self.gate.wait(20)
        return super().verify(hash, password)  # type: ignore[arg-type]


async def test_when_too_many_wait_the_next_is_refused_and_nothing_is_let_through() -> None:
    hasher = Gated()
    pool, kept = Passwords(hasher, waiting=3), CHEAP.hash(GOOD)
    running = [asyncio.ensure_future(pool.matches(GOOD, kept)) for _ in range(WORKERS + 3)]
    await asyncio.sleep(0)
    with pytest.raises(Fault, match="SignInBusy") as caught:
        await pool.matches(GOOD, kept)
    assert caught.value.fields["seconds"] > 0
    # Whoever gives up waiting does not free a place: the thread works on.
    running[0].cancel()
    await asyncio.sleep(0)
    with pytest.raises(Fault, match="SignInBusy"):
        await pool.matches(GOOD, kept)
    hasher.gate.set()
    assert await asyncio.gather(*running[1:]) == [True] * (WORKERS + 2)
    assert await pool.matches(GOOD, kept)


async def test_nobody_takes_as_much_work_as_somebody() -> None:
    hasher = Gated()
    hasher.gate.set()
    pool = Passwords(hasher)
    assert not await pool.matches(GOOD, None)
    [dummy] = hasher.verified
    cost = re.compile(r"^\$argon2id\$v=19\$m=64,t=1,p=1\$")
    assert cost.match(dummy) and cost.match(hasher.hash(GOOD))
