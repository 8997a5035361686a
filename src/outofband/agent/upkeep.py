"""What an agent says and asks for from time to time on its link: how it is, and its next certificate.

Fed with the time once a second while the link is up. Everything is spread: a fleet that came back at one
moment does not beat, or renew, at one moment.
"""

from __future__ import annotations

import asyncio
import datetime
import random
from collections.abc import Callable

import structlog

from outofband.agent import certificate
from outofband.agent.certificate import Certificate
from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.wire import link
from outofband.wire.machine import AgentReport

RENEW_SPREAD_SECONDS = 3600.0
"""Within so much after day 45 an agent asks; there are 45 more days."""
RETRY_SECONDS = 3600.0
"""A refusal, or an answer that did not come, is asked again after."""
WARN_SECONDS = 86400.0
BEAT_SPREAD = 0.1

log = structlog.get_logger(__name__)


class Upkeep:
    """`report` says how the agent is; `public_key` are the 32 bytes that a certificate has to be of, `name`
    is the machine's.

    `spread` gives numbers in [0, 1).
    """

    def __init__(
        self,
        state: StateDir,
        public_key: bytes,
        report: Callable[[], AgentReport],
        *,
        name: str,
        spread: Callable[[], float] = random.random,
    ) -> None:
        self._state, self._report, self._spread = state, report, spread
        self._public_key, self._name = public_key, name
        self._beats = self._renewals = False
        self._beat_at = float("-inf")
        self._first = True
        self._renew_at: float | None = None
        self._warned = float("-inf")
        self._waiting: list[asyncio.Future[Certificate]] = []
        self.certificate = certificate.load(state, public_key)
        self.refused: Fault | None = None
        """Why the last request for a certificate brought none."""
        self.beat = ""
        """When the last beat was sent (ISO, UTC)."""

    def linked(self, takes: list[str]) -> None:
        """A link is up, to a control plane that takes these."""
        self._beats, self._renewals = link.TAKES_BEATS in takes, link.TAKES_RENEWALS in takes
        self._beat_at, self._first = float("-inf"), True
        self._renew_at = None

    def due(self, now: float, wall: datetime.datetime) -> list[link.Beat | link.Renew]:
        """What is to be sent now; `now` is monotonic, `wall` what certificates are measured by."""
        messages: list[link.Beat | link.Renew] = []
        if self._renewals and self._wants(now, wall):
            self._renew_at = now + RETRY_SECONDS
            messages.append(link.Renew())
        if self._beats and now >= self._beat_at:
            # After the first at once, the second at any time within the period: from then on they are apart.
            part = self._spread() if self._first else 1 + BEAT_SPREAD * (2 * self._spread() - 1)
            self._first = False
            self._beat_at = now + link.BEAT_SECONDS * part
            self.beat = clock.iso(wall)
            try:
                messages.append(link.Beat(self._report()))
            except Exception:
                # What cannot be told is no reason to end a link that brings consoles.
                log.exception("beat.defect")
        return messages

    def say(self) -> None:
        """What a beat tells has changed: the next one goes now."""
        self._beat_at = float("-inf")

    def ask(self) -> asyncio.Future[Certificate]:
        """Renew now, whatever the age; the new certificate. The future raises Fault CertificateNotRenewed."""
        made: asyncio.Future[Certificate] = asyncio.get_running_loop().create_future()
        if not self._renewals:
            made.set_exception(Fault("CertificateNotRenewed", detail="the control plane issues none"))
            return made
        self._waiting.append(made)
        self._renew_at = float("-inf")
        return made

    def renewed(self, message: link.Renewed) -> None:
        """The control plane's answer, or one that comes unasked."""
        made = None
        if message.code is None:
            made = certificate.keep(self._state, message.certificate, self._public_key)
        if made is None:
            detail = "the certificate is not of this server's key"
            if message.code is not None:
                detail = explain(Fault(message.code, **message.fields)).message.rstrip(".")
            self.refused = Fault("CertificateNotRenewed", detail=detail)
            log.error("certificate.not_renewed", detail=detail)
        else:
            self.certificate, self.refused, self._renew_at = made, None, None
            log.info("certificate.renewed", ends=clock.iso(made.ends))
            self.say()
        waiting, self._waiting = self._waiting, []
        for each in waiting:
            if each.done():
                continue
            if made is not None:
                each.set_result(made)
            elif self.refused is not None:
                each.set_exception(self.refused)

    def rekeyed(self, public_key: bytes) -> None:
        """Another key has taken over, and its certificate is on disk."""
        self._public_key = public_key
        self.certificate = certificate.load(self._state, public_key)
        self._renew_at = None

    def troubles(self, wall: datetime.datetime) -> list[Fault]:
        """What is wrong with the certificate now."""
        held = self.certificate
        if held is None:
            return [self.refused] if self.refused else []
        if held.ended(wall):
            return [Fault("AgentExpired", agent=self._name, expired=clock.iso(held.ends))]
        if held.ending(wall):
            days = (held.ends - wall).days
            return [Fault("CertificateEnding", days=days, ends=clock.iso(held.ends))]
        return []

    def _wants(self, now: float, wall: datetime.datetime) -> bool:
        held = self.certificate
        if self._renew_at is None and (held is None or held.due(wall)):
            hurry = held is None or held.ending(wall)
            self._renew_at = now + (0.0 if hurry else self._spread() * RENEW_SPREAD_SECONDS)
        return self._renew_at is not None and now >= self._renew_at

    def warn(self, now: float, wall: datetime.datetime) -> None:
        """Log what is wrong with the certificate, once a day; to be called also while the link is down, which
        is when certificates end.
        """
        if now - self._warned < WARN_SECONDS or not (told := self.troubles(wall)):
            return
        self._warned = now
        for each in told:
            log.warning("certificate.trouble", code=each.code, **each.fields)
