"""Certificates end, are renewed over the link, and count for those alone that renew them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from cryptography import x509

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.fleet import fleet, renewals
from outofband.wire.connecting import LIFE, RENEW_AFTER
from outofband.wire.link import TAKES_BEATS, TAKES_KEYS, TAKES_RENEWALS, Beat, Renew
from outofband.wire.machine import AgentReport
from tests.support.actors import AgentPeer, HostKey
from tests.support.plane import Plane
from tests.support.wait import until
from tests.unit.fleet.test_connecting import MACHINE, make, row

pytestmark = pytest.mark.anyio
DAY = timedelta(days=1)


class Calendar:
    """Moves the wall clock; what waits by the other clock notices nothing."""

    def __init__(self) -> None:
        self._real = clock.now
        self.ahead = timedelta(0)

    def now(self) -> datetime:
        return self._real() + self.ahead


@pytest.fixture
def calendar(monkeypatch: pytest.MonkeyPatch) -> Iterator[Calendar]:
    made = Calendar()
    monkeypatch.setattr(clock, "now", made.now)
    monkeypatch.setattr(fleet, "FLUSH_SECONDS", 0.05)
    yield made


async def connected(plane: Plane, *takes: str) -> AgentPeer:
    key = HostKey()
    await make(plane, key)
    answer = await plane.fleet.connect(key.claim(MACHINE))
    peer = AgentPeer(key, answer, plane.client_context())
    peer.takes = (TAKES_KEYS, *takes)
    return peer


def serial(pem: str) -> int:
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


async def test_an_agent_asks_and_gets_the_next(plane: Plane, monkeypatch: pytest.MonkeyPatch) -> None:
    peer = await connected(plane, TAKES_RENEWALS)
    await peer.connect()
    assert peer.welcome is not None
    assert {TAKES_RENEWALS, TAKES_BEATS} <= set(peer.welcome.takes)
    await peer.send(Renew())
    await until(lambda: len(peer.renewed) == 1)
    given = peer.renewed[0].certificate
    certificate = x509.load_pem_x509_certificate(given.encode())
    certificate.verify_directly_issued_by(plane.pki.current)
    found = await row(plane, peer.identity.agent)
    assert found.certificate == given
    assert found.certificate_expires == certificate.not_valid_after_utc
    await peer.send(Renew())
    await until(lambda: len(peer.renewed) == 2)
    assert (peer.renewed[1].code, peer.renewed[1].certificate) == ("TooManyRequests", "")
    monkeypatch.setattr(renewals, "RENEW_SECONDS", 0.0)
    await peer.send(Renew())
    await until(lambda: len(peer.renewed) == 3)
    assert serial(peer.renewed[2].certificate) != serial(given)
    await peer.kill()


async def test_from_day_45_it_comes_unasked(plane: Plane, calendar: Calendar) -> None:
    peer, silent = await connected(plane, TAKES_RENEWALS), None
    await peer.connect()
    calendar.ahead = RENEW_AFTER - DAY
    await peer.send(Beat(AgentReport(services={"himds": "running"})))
    await until(lambda: _beaten(plane, peer.identity.agent))
    assert peer.renewed == [], "not before its time"
    calendar.ahead = RENEW_AFTER + DAY
    await until(lambda: peer.renewed)
    end = (await row(plane, peer.identity.agent)).certificate_expires
    assert end is not None and end > clock.now() + LIFE - DAY
    assert silent is None
    await peer.kill()


async def _beaten(plane: Plane, agent: str) -> bool:
    return (await row(plane, agent)).beat is not None


async def test_after_the_end_there_is_no_link(plane: Plane, calendar: Calendar) -> None:
    peer = await connected(plane, TAKES_RENEWALS)
    calendar.ahead = LIFE + DAY
    await peer.connect()
    assert peer.rejected is not None and peer.rejected.code == "AgentExpired"
    assert peer.rejected.fields["agent"] == "srv-1"
    with pytest.raises(Fault, match="AgentExpired"):
        await plane.fleet.connect(peer.key.claim(MACHINE))
    with pytest.raises(Fault, match="AgentExpired"):
        await plane.fleet.rekey(peer.key.successor(peer.identity.agent, HostKey()))
    await peer.kill()


async def test_an_agent_that_takes_none_is_not_expired(plane: Plane, calendar: Calendar) -> None:
    """Enrolled by an older agent: it has a certificate that it knows nothing of."""
    key = HostKey()
    answer = await plane.fleet.enrol(key.enrolment(await plane.token(), "h1"))
    assert answer.certificate
    calendar.ahead = LIFE + 30 * DAY
    async with AgentPeer(key, answer, plane.client_context()) as old:
        assert old.welcome is not None
        assert old.renewed == []
    newer = AgentPeer(key, answer, plane.client_context())
    newer.takes = (TAKES_RENEWALS,)
    await newer.connect()
    await until(lambda: newer.renewed)
    found = await row(plane, answer.agent)
    assert found.renews and not found.expired(clock.now())
    calendar.ahead += LIFE + DAY
    assert found.expired(clock.now())
    await newer.kill()


async def test_hosts_of_before_get_one_with_their_first_link(plane: Plane) -> None:
    key = HostKey()
    answer = await plane.fleet.enrol(key.enrolment(await plane.token(), "h1"))
    async with plane.store.write() as tx:
        await plane.store.agents.update(
            tx, answer.agent, certificate=None, certificate_issued=None, certificate_expires=None
        )
    peer = AgentPeer(key, answer, plane.client_context())
    peer.takes = (TAKES_RENEWALS,)
    await peer.connect()
    await until(lambda: peer.renewed)
    assert (await row(plane, answer.agent)).certificate == peer.renewed[0].certificate
    await peer.kill()
