"""What a node forgets, and what it keeps."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.server import housekeeping
from outofband.server.blobs import open_storage
from outofband.server.certificates import Certificates
from outofband.server.settings import Settings
from outofband.server.wiring import Services, wire
from outofband.store.directory import Subscription, Tenant
from tests.support.database import open_store
from tests.support.users import add_user

pytestmark = pytest.mark.anyio


@pytest.fixture
async def services(tmp_path: Path) -> AsyncIterator[Services]:
    store = await open_store(tmp_path)
    certificates = Certificates.open(StateDir(tmp_path), Settings(), store.vault)
    storage = await open_storage(Settings(), StateDir(tmp_path), store)
    yield wire(Settings(), store, certificates, storage, unready=lambda: None)
    await storage.close()
    await store.close()


async def test_old_tokens_are_forgotten_and_new_ones_kept(services: Services) -> None:
    store, now = services.store, clock.now()
    tenant, subscription = str(uuid.uuid4()), str(uuid.uuid4())
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=tenant, name="T", domain=None, created=now))
        mine = Subscription(id=subscription, tenant_id=tenant, name="S", state="Enabled", created=now)
        await store.directory.add_subscription(tx, mine)
        made = [
            await store.enrolment.make(
                tx, tenant_id=tenant, subscription_id=subscription, resource_group="g", by="t", now=when
            )
            for when in (now - timedelta(days=60), now)
        ]
    await housekeeping.forget(services)
    async with store.write() as tx:
        # What is left can be redeemed; what was pruned is unknown.
        for (row, _), expected in zip(made, (0, 1), strict=True):
            assert await store.enrolment.prune(tx, row.expires + timedelta(seconds=1)) == expected


async def test_old_sign_ins_are_forgotten_and_live_ones_kept(services: Services) -> None:
    store, now = services.store, clock.now()
    tenant, month = str(uuid.uuid4()), timedelta(days=30)
    async with store.write() as tx:
        await store.directory.add_tenant(tx, Tenant(id=tenant, name="T", domain=None, created=now))
    ann = (await add_user(store, tenant, "ann@lab.example")).object_id
    kept: list[str] = []
    async with store.write() as tx:
        for when in (now - 2 * month, now):
            session, secret = await store.sign_ins.start(
                tx, ann, address="", agent="", now=when, life=timedelta(hours=12)
            )
            code = await store.codes.make(
                tx,
                session_id=session.id,
                client_id="c",
                redirect_uri="r",
                challenge="c",
                scope="s",
                audience="a",
                nonce=None,
                now=when,
            )
            device = await store.device_codes.make(
                tx,
                user_code=str(when),
                client_id="c",
                tenant="t",
                scope="s",
                audience="a",
                address="",
                now=when,
            )
            await store.sign_in_failures.failed(tx, str(when), when)
            kept += [secret, code, str(device), str(when)]
    await housekeeping.forget(services)
    async with store.read() as tx:
        for number in (0, 1):
            secret, code, device, name = kept[4 * number : 4 * number + 4]
            assert (await store.sign_ins.by_secret(tx, secret) is not None) is bool(number)
            assert (await store.codes.get(tx, code) is not None) is bool(number)
            assert (await store.device_codes.get(tx, device) is not None) is bool(number)
            assert (await store.sign_in_failures.get(tx, name)).failures == number
