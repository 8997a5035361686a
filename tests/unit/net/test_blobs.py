"""The client that puts blobs: one set of connections, also when whom to trust has changed."""

from __future__ import annotations

import asyncio
import ssl
from typing import Any

import pytest

from outofband.net.blobs import BlobClient

pytestmark = pytest.mark.anyio


async def test_new_trust_makes_one_new_client_whoever_comes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Any] = []

    class Client:
        def __init__(self, **_: object) -> None:
            self.closed = 0
            made.append(self)

        async def aclose(self) -> None:
            await asyncio.sleep(0)
            self.closed += 1

    monkeypatch.setattr("outofband.net.blobs.httpx.AsyncClient", Client)
    trusted = [ssl.create_default_context()]
    client = BlobClient(lambda: "https://here/blob", lambda: trusted[0])
    old = await client._ready()
    trusted[0] = ssl.create_default_context()
    first, second = await asyncio.gather(client._ready(), client._ready())
    assert first is second is made[-1] and len(made) == 2
    await client.close()
    assert [each.closed for each in made] == [1, 1]
    assert old is made[0]
