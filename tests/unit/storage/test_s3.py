"""Objects in an S3 store, against one that answers as it is told; tests/peers has a real one."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator

import httpx
import pytest

from outofband.core.errors import Fault
from outofband.storage.objects import new_key
from outofband.storage.s3 import S3
from outofband.wire.storage.sigv4 import Credentials

pytestmark = pytest.mark.anyio
MD5 = hashlib.md5(b"abc").digest()


async def pieces() -> AsyncIterator[bytes]:
    yield b"abc"


async def put(**headers: str) -> bytes:
    async def answer(request: httpx.Request) -> httpx.Response:
        await request.aread()
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.Response(200, headers=given)

    credentials = Credentials(access_key="a", secret_key="b")
    store = S3("https://s3.example/box", credentials, transport=httpx.MockTransport(answer))
    try:
        return await store.put(new_key(), pieces(), 3)
    finally:
        await store.close()


async def test_the_entity_tag_is_the_md5_unless_a_key_encrypts() -> None:
    assert await put(etag=f'"{MD5.hex()}"') == MD5
    assert await put() == MD5
    other = f'"{"0" * 32}"'
    for encrypted in ({}, {"x_amz_server_side_encryption": "AES256"}):
        with pytest.raises(Fault, match="ObjectStoreDamaged"):
            await put(etag=other, **encrypted)
    assert await put(etag=other, x_amz_server_side_encryption="aws:kms") == MD5
