"""Objects in a real S3 gateway (Ceph's), with what goes wrong on the way to it."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import pytest

from outofband.core.errors import Fault
from outofband.storage.objects import PIECE, new_key
from outofband.storage.s3 import S3
from outofband.wire.storage.sigv4 import Credentials
from tests.support import radosgw
from tests.support.radosgw import RadosGateway

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RadosGateway]:
    if lacking := radosgw.missing():
        pytest.skip(f"not installed: {', '.join(lacking)}")
    with RadosGateway(Path(tmp_path_factory.mktemp("ceph"))) as running:
        yield running


def credentials(gateway: RadosGateway) -> Credentials:
    return Credentials(access_key=gateway.access_key, secret_key=gateway.secret_key)


@pytest.fixture
async def store(gateway: RadosGateway) -> AsyncIterator[S3]:
    opened = S3(f"{gateway.url}/outofband/some prefix", credentials(gateway))
    await opened.prepare()
    yield opened
    await opened.close()


async def pieces(*given: bytes) -> AsyncIterator[bytes]:
    for piece in given:
        yield piece


async def gather(chunks: AsyncIterator[bytes]) -> bytes:
    return b"".join([chunk async for chunk in chunks])


async def test_what_is_put_is_read(store: S3) -> None:
    key, data = new_key(), os.urandom(2 * PIECE + 3)
    await store.prepare()
    await store.put(key, pieces(data[:10], data[10:PIECE], data[PIECE:]), len(data))
    assert await gather(store.read(key, 0, len(data))) == data
    assert await gather(store.read(key, 5, PIECE + 9)) == data[5 : PIECE + 9]
    await store.erase(key)
    await store.erase(key)
    with pytest.raises(Fault, match="ObjectStoreDamaged"):
        await gather(store.read(key, 0, 1))


async def test_fewer_bytes_than_announced(store: S3) -> None:
    key = new_key()
    with pytest.raises(Fault, match="IncompleteBody"):
        await store.put(key, pieces(b"abc"), 4)
    with pytest.raises(Fault, match="ObjectStoreDamaged"):
        await gather(store.read(key, 0, 3))


async def test_a_wrong_key_is_refused(gateway: RadosGateway) -> None:
    wrong = Credentials(access_key=gateway.access_key, secret_key="wrong")
    store = S3(f"{gateway.url}/outofband", wrong)
    with pytest.raises(Fault, match="answered 403"):
        await store.put(new_key(), pieces(b"abc"), 3)
    await store.close()


class Torn(httpx.AsyncBaseTransport):
    """The real network, but every answer breaks off after so many bytes."""

    def __init__(self, after: int) -> None:
        self._inner = httpx.AsyncHTTPTransport()
        self._after = after

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        answer = await self._inner.handle_async_request(request)
        if request.method != "GET":
            return answer

        async def cut() -> AsyncIterator[bytes]:
            left = self._after
            async for piece in answer.stream:  # type: ignore[union-attr]
                yield piece[:left]
                left -= len(piece)
                if left <= 0:
                    await answer.aclose()
                    raise httpx.ReadError("torn")

        return httpx.Response(answer.status_code, headers=answer.headers, content=cut())

    async def aclose(self) -> None:
        await self._inner.aclose()


async def test_a_read_goes_on_where_it_was_torn(gateway: RadosGateway, store: S3) -> None:
    key, data = new_key(), os.urandom(3 * PIECE)
    await store.put(key, pieces(data), len(data))
    torn = S3(
        f"{gateway.url}/outofband/some prefix", credentials(gateway), transport=Torn(PIECE + PIECE // 2)
    )
    assert await gather(torn.read(key, 0, len(data))) == data
    await torn.close()


async def test_nobody_answers() -> None:
    store = S3("http://127.0.0.1:9/outofband", Credentials(access_key="a", secret_key="b"))
    with pytest.raises(Fault, match="ObjectStoreBusy"):
        await store.put(new_key(), pieces(b"abc"), 3)
    await store.close()
