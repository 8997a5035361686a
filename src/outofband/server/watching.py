"""What a node looks for all the time: keys and certificates that somebody else changed.

That may be another node, or a verb of `oob` on this host that works on the store and the files itself. A bell
would not be heard from there, so a small question is asked every second (ADR 6: whoever waits looks for
himself after a second).
"""

from __future__ import annotations

import asyncio

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.server.wiring import Services

log = structlog.get_logger(__name__)

EVERY_SECONDS = 1.0


class Watch:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._stamp = ""

    async def look(self) -> bool:
        """True when keys, authorities or certificate changed since the last look; agents were told."""
        services = self._services
        services.store.vault.reread()
        async with services.store.read() as tx:
            stamp = await services.store.keyring.stamp(tx)
        keys = stamp != self._stamp
        if keys:
            services.keys.forget()
        now = clock.now()
        certificates = services.certificates.refresh(now)
        services.certificates.warn(now)
        if keys or certificates:
            if self._stamp:
                log.info("keys.changed", signing=keys, certificates=certificates)
                await services.fleet.switchboard.announce_keys()
            self._stamp = stamp
        return keys or certificates


async def watch(services: Services) -> None:
    """Runs until cancelled."""
    looking = Watch(services)
    while True:
        try:
            await looking.look()
        except Fault as fault:
            log.warning("watch.put_off", code=fault.code)
        except Exception:
            log.exception("watch.failed")
        await asyncio.sleep(EVERY_SECONDS)
