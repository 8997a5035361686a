"""A node takes up what another one, or a verb of `oob`, did to keys and certificates: on both databases."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.core import clock
from outofband.core.paths import StateDir
from outofband.identity.keys import KeyUse
from outofband.server.blobs import open_storage
from outofband.server.certificates import Certificates
from outofband.server.settings import Settings
from outofband.server.watching import Watch
from outofband.server.wiring import Services, wire
from outofband.store.store import Store
from tests.support.vault import TEST_KEYS
from tests.unit.store.conftest import cluster, store_url

__all__ = ["cluster", "store_url"]
pytestmark = pytest.mark.anyio


@contextlib.asynccontextmanager
async def node(folder: Path, store: Store) -> AsyncIterator[Services]:
    certificates = Certificates.open(StateDir(folder), Settings(), store.vault)
    storage = await open_storage(Settings(), StateDir(folder), store)
    services = wire(Settings(), store, certificates, storage, unready=lambda: None)
    await services.keys.ensure(clock.now())
    yield services
    await storage.close()


async def test_a_key_revoked_elsewhere_ends_here_at_the_next_look(tmp_path: Path, store_url: str) -> None:
    first = await Store.open(store_url, TEST_KEYS)
    second = await Store.beside(store_url, TEST_KEYS)
    try:
        async with node(tmp_path / "a", first) as here, node(tmp_path / "b", second) as there:
            watch, now = Watch(here), clock.now()
            assert await watch.look()
            assert not await watch.look()
            lost = (await here.keys.signing(KeyUse.TOKEN, now)).kid or ""
            done = await there.keys.revoke(lost, now)
            # Read a moment ago, so this node still believes in it; the look is what ends that.
            assert await here.keys.trusts(KeyUse.TOKEN, lost, now)
            assert await watch.look()
            assert not await here.keys.trusts(KeyUse.TOKEN, lost, now)
            assert (await here.keys.signing(KeyUse.TOKEN, clock.now())).kid == done.kid
            # The authorities are files: a rotation beside this node is taken up in the same way.
            before = here.certificates.fingerprint()
            Certificates.open(StateDir(tmp_path / "a"), Settings(), first.vault).rotate(clock.now())
            assert await watch.look()
            assert here.certificates.fingerprint() != before
            assert not await watch.look()
    finally:
        await second.close()
        await first.close()
