"""When an agent beats and renews, by clocks of the test's own."""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections.abc import Callable
from datetime import UTC, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.x509.oid import NameOID
from structlog.testing import capture_logs

from outofband.agent import certificate, upkeep
from outofband.agent.state import HostKey
from outofband.agent.upkeep import Upkeep
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire import link
from outofband.wire.connecting import LIFE, RENEW_AFTER, WARN_BEFORE
from outofband.wire.link import BEAT_SECONDS, TAKES_BEATS, TAKES_RENEWALS, Beat, Renew
from outofband.wire.machine import AgentReport

BEGIN = datetime.datetime(2030, 1, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def issued(key: HostKey, begins: datetime.datetime = BEGIN) -> str:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "agent-1")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name)
    builder = builder.public_key(Ed25519PublicKey.from_public_bytes(key.raw)).serial_number(7)
    builder = builder.not_valid_before(begins).not_valid_after(begins + LIFE)
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.fixture
def key() -> HostKey:
    return HostKey.make()


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


def made(state: StateDir, key: HostKey, spread: Callable[[], float] = lambda: 0.5) -> Upkeep:
    report = AgentReport(services={"himds": "running"})
    return Upkeep(state, key.raw, lambda: report, name="srv-1", spread=spread)


def kinds(messages: list[Beat | Renew]) -> list[str]:
    return [type(each).__name__ for each in messages]


def test_it_beats_at_once_and_then_apart(state: StateDir, key: HostKey) -> None:
    mine = made(state, key)
    assert mine.due(0.0, BEGIN) == []
    mine.linked([TAKES_BEATS])
    [first] = mine.due(100.0, BEGIN)
    assert isinstance(first, Beat) and first.report.services == {"himds": "running"}
    assert mine.beat.startswith("2030-01-01")
    times: list[float] = []
    now = 100.0
    while len(times) < 4:
        now += 1.0
        if mine.due(now, BEGIN):
            times.append(now)
    assert times[0] - 100.0 == BEAT_SECONDS / 2, "at some time within the period: a fleet falls apart"
    assert {later - earlier for earlier, later in itertools.pairwise(times)} == {BEAT_SECONDS}
    mine.linked([])
    assert mine.due(now + 10 * BEAT_SECONDS, BEGIN) == []


def test_beats_of_many_are_spread(state: StateDir, key: HostKey) -> None:
    seconds = set()
    for number in range(100):
        mine = made(state, key, lambda number=number: number / 100)  # type: ignore[misc]
        mine.linked([TAKES_BEATS])
        mine.due(0.0, BEGIN)
        seconds.add(next(now for now in range(1, 301) if mine.due(float(now), BEGIN)))
    assert len(seconds) > 90


@pytest.mark.parametrize("spread", [0.0, 0.5, 0.99])
def test_it_renews_from_day_45_on(state: StateDir, key: HostKey, spread: float) -> None:
    assert certificate.keep(state, issued(key), key.raw) is not None
    mine = made(state, key, lambda: spread)
    mine.linked([TAKES_RENEWALS])
    day_44, day_45 = BEGIN + RENEW_AFTER - DAY, BEGIN + RENEW_AFTER
    assert mine.due(0.0, day_44) == []
    at = next(now for now in range(4000) if mine.due(float(now), day_45))
    assert at == pytest.approx(spread * upkeep.RENEW_SPREAD_SECONDS, abs=1)
    # Without an answer it asks again, an hour later.
    assert mine.due(at + upkeep.RETRY_SECONDS - 1, day_45) == []
    assert kinds(mine.due(at + upkeep.RETRY_SECONDS, day_45)) == ["Renew"]
    mine.renewed(link.Renewed(issued(key, day_45)))
    assert mine.certificate is not None and mine.certificate.ends == day_45 + LIFE
    assert certificate.load(state, key.raw) == mine.certificate
    assert mine.due(at + 3 * upkeep.RETRY_SECONDS, day_45) == []


def test_one_that_is_missing_or_ends_soon_is_asked_for_at_once(state: StateDir, key: HostKey) -> None:
    mine = made(state, key, lambda: 0.99)
    mine.linked([TAKES_RENEWALS])
    assert kinds(mine.due(0.0, BEGIN)) == ["Renew"]
    certificate.keep(state, issued(key), key.raw)
    mine = made(state, key, lambda: 0.99)
    mine.linked([TAKES_RENEWALS])
    assert kinds(mine.due(0.0, BEGIN + LIFE - WARN_BEFORE + DAY)) == ["Renew"]
    old = made(state, key)
    old.linked([TAKES_BEATS])
    assert kinds(old.due(0.0, BEGIN + LIFE)) == ["Beat"], "an older control plane issues none"


def test_its_end_is_told_before_it_comes(state: StateDir, key: HostKey) -> None:
    certificate.keep(state, issued(key), key.raw)
    mine = made(state, key)

    def told(days: int) -> list[tuple[str, object]]:
        return [(each.code, each.fields.get("days")) for each in mine.troubles(BEGIN + days * DAY)]

    assert (told(0), told(76)) == ([], [])
    assert told(77) == [("CertificateEnding", 13)]
    assert told(89) == [("CertificateEnding", 1)]
    assert told(90) == [("AgentExpired", None)]


def test_its_end_is_logged_once_a_day(state: StateDir, key: HostKey) -> None:
    certificate.keep(state, issued(key), key.raw)
    mine = made(state, key)
    with capture_logs() as logged:
        mine.warn(0.0, BEGIN)
        for now in (10.0, 20.0, 86_000.0, 86_500.0):
            mine.warn(now, BEGIN + 80 * DAY)
        mine.warn(200_000.0, BEGIN + 91 * DAY)
    told = [(each["log_level"], each["code"]) for each in logged]
    assert told == [("warning", "CertificateEnding")] * 2 + [("warning", "AgentExpired")]


def test_a_certificate_of_another_key_is_not_taken(state: StateDir, key: HostKey) -> None:
    certificate.keep(state, issued(key), key.raw)
    mine = made(state, key)
    before = mine.certificate
    for wrong in (issued(HostKey.make()), "", "no certificate", "x" * 100_000):
        mine.renewed(link.Renewed(wrong))
        assert mine.refused is not None and mine.refused.code == "CertificateNotRenewed"
        assert (mine.certificate, certificate.load(state, key.raw)) == (before, before)
    certificate.path(state).unlink()
    mine = made(state, key)
    mine.renewed(link.Renewed(code="TooManyRequests", fields={"seconds": 9}))
    [trouble] = mine.troubles(BEGIN)
    assert trouble.code == "CertificateNotRenewed" and "9" in str(trouble.fields["detail"])


@pytest.mark.anyio
async def test_asked_for_by_hand(state: StateDir, key: HostKey) -> None:
    certificate.keep(state, issued(key), key.raw)
    mine = made(state, key)
    with pytest.raises(Fault, match="CertificateNotRenewed"):
        await mine.ask()
    mine.linked([TAKES_RENEWALS])
    first, second = mine.ask(), mine.ask()
    assert kinds(mine.due(0.0, BEGIN)) == ["Renew"]
    mine.renewed(link.Renewed(issued(key, BEGIN + DAY)))
    assert (await first).ends == (await second).ends == BEGIN + DAY + LIFE
    third = mine.ask()
    third.cancel()
    mine.renewed(link.Renewed(code="AgentUnknown"))
    with pytest.raises(asyncio.CancelledError):
        await third
