"""A store as the first start leaves it, and the authority on it."""

from __future__ import annotations

import asyncio
import atexit
import functools
import shutil
import tempfile
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from outofband.identity import bootstrap
from outofband.identity.authority import Authority
from outofband.identity.bootstrap import FirstStart
from outofband.identity.keys import Keys
from outofband.identity.requests import Visitor
from outofband.store.people import User
from outofband.store.store import Store
from tests.support.database import open_store
from tests.support.users import add_user, cheap_passwords

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
BASE = "https://127.0.0.1:8443"
VISITOR = Visitor(address="192.0.2.1", agent="test", correlation_id="c0ffee00-0000-4000-8000-000000000000")
ANN = "ann@outofband.local"
OWNER = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"


class Started(msgspec.Struct):
    store: Store
    keys: Keys
    authority: Authority
    first: FirstStart
    secret: str

    def form(self, **changes: str) -> dict[str, str]:
        """The token request that `az login --service-principal` sends."""
        return {
            "client_id": self.first.client_id,
            "grant_type": "client_credentials",
            "client_info": "1",
            "client_secret": self.secret,
            "claims": '{"access_token": {"xms_cc": {"values": ["CP1"]}}}',
            "scope": f"{BASE}//.default",
        } | changes


@pytest.fixture
def now() -> datetime:
    return NOW


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = await open_store(tmp_path)
    yield opened
    await opened.close()


@functools.cache
def _template() -> tuple[Path, FirstStart]:
    """A folder as the first start leaves it: made once, for keys take long, and copied for each test."""
    folder = Path(tempfile.mkdtemp(prefix="oob-identity-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)

    async def fill() -> FirstStart:
        store = await open_store(folder)
        first = await bootstrap.ensure(store, folder / "secret", owner_role=OWNER, now=NOW)
        await Keys(store).ensure(NOW)
        await store.close()
        return first

    # The caller's loop runs already: this one is for a moment, in a thread of its own.
    with ThreadPoolExecutor(1) as thread:
        return folder, thread.submit(asyncio.run, fill()).result()


@pytest.fixture
async def started(tmp_path: Path) -> AsyncIterator[Started]:
    folder, first = _template()
    shutil.copytree(folder, tmp_path, dirs_exist_ok=True)
    store = await open_store(tmp_path)
    keys = Keys(store)
    yield Started(
        store, keys, authority_on(store, keys, tmp_path), first, (tmp_path / "secret").read_text().strip()
    )
    await store.close()


def authority_on(store: Store, keys: Keys, folder: Path) -> Authority:
    return Authority(
        store,
        keys,
        base=BASE,
        audiences=["https://host.example:8443/"],
        passwords=cheap_passwords(),
        first_password=folder / "first-password",
    )


@pytest.fixture
async def ann(started: Started, now: datetime) -> User:
    return await add_user(started.store, started.first.tenant_id, ANN, now=now)
