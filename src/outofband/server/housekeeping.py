"""What a node does once in a while: see to the next keys, forget what nobody asks for any more."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import structlog

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.server.wiring import Services
from outofband.store import operations
from outofband.store.wrapping import wrap_all

log = structlog.get_logger(__name__)

EVERY_SECONDS = 3600.0
KEEP_COMMANDS = timedelta(days=7)
KEEP_WITHHELD = timedelta(days=3)
"""Longer than any script may run and its host be away."""
KEEP_TOKENS = timedelta(days=30)
KEEP_KEYS = timedelta(days=30)
KEEP_CODES = timedelta(days=1)
"""A code that is used again must still be known as used."""
KEEP_SIGN_INS = timedelta(days=7)
KEEP_FAILURES = timedelta(days=1)
KEEP_FINDINGS = timedelta(days=90)
"""After a finding ended and was heard of last."""
KEEP_RESCUES = timedelta(days=90)


async def keep_house(services: Services) -> None:
    """Runs until cancelled."""
    while True:
        try:
            await services.keys.keep(clock.now())
            # What an older node wrote in clear beside us, or under a master key that is on its way out.
            await wrap_all(services.store.db, services.store.vault)
            await forget(services)
            await services.retention.run(clock.now())
            await services.storage.sweep.run()
        except Fault as fault:
            log.warning("housekeeping.put_off", code=fault.code)
        await asyncio.sleep(EVERY_SECONDS)


async def forget(services: Services) -> None:
    """Each kind in a unit of its own: other writers wait behind a long one."""
    store, now = services.store, clock.now()
    kinds = (
        (store.operations.prune, operations.KEEP),
        (store.outbox.prune, KEEP_COMMANDS),
        (store.withheld.prune, KEEP_WITHHELD),
        (store.enrolment.prune, KEEP_TOKENS),
        (store.keyring.prune, KEEP_KEYS),
        (store.codes.prune, KEEP_CODES),
        (store.client_assertions.prune, KEEP_CODES),
        (store.device_codes.prune, KEEP_CODES),
        (store.refresh_tokens.prune, KEEP_SIGN_INS),
        (store.sign_ins.prune, KEEP_SIGN_INS),
        (store.sign_in_steps.prune, KEEP_CODES),
        (store.external_sign_ins.prune, KEEP_CODES),
        (store.factors.prune, KEEP_CODES),
        (store.sign_in_failures.prune, KEEP_FAILURES),
        (store.findings.prune, KEEP_FINDINGS),
        (store.rescues.prune, KEEP_RESCUES),
    )
    for prune, keep in kinds:
        async with store.write() as tx:
            await prune(tx, now - keep)
    await services.audit.retention.run(now)
