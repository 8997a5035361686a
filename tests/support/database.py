"""A store for a test. Its migrations are run once: a new SQLite file begins as a copy of what they made."""

from __future__ import annotations

import asyncio
import tempfile
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from pathlib import Path

from outofband.store.store import Store
from tests.support.vault import TEST_KEYS

SQLITE = "sqlite:///"


async def open_store(place: Path | str) -> Store:
    """Open `place/control.db` of a folder, or the database of an address; a new one has only tables."""
    url = place if isinstance(place, str) else f"{SQLITE}{place}/control.db"
    if url.startswith(SQLITE):
        file = Path(url.removeprefix(SQLITE))
        if not file.exists():
            file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            file.write_bytes(_migrated())
            file.chmod(0o600)
    return await Store.open(url, TEST_KEYS)


@cache
def _migrated() -> bytes:
    """The file that the migrations make of nothing. They run in a thread: here a loop runs already."""

    async def migrate(url: str) -> None:
        await (await Store.open(url)).close()

    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(1) as thread:
        file = Path(folder, "control.db")
        thread.submit(asyncio.run, migrate(f"{SQLITE}{file}")).result()
        return file.read_bytes()
