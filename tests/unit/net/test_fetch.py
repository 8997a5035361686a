"""One request to a stranger: what it may be asked, and what it cannot make us do."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.core import clock
from outofband.identity.pki import Pki
from outofband.net import fetch as fetching
from outofband.net import tls
from outofband.net.fetch import FetchFailed, fetch, is_https, trusting

pytestmark = pytest.mark.anyio
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nConnection: close\r\n"


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Pki:
    return Pki.open(tmp_path_factory.mktemp("pki"), [], clock.now())


class Stranger:
    """Answers every connection with the same bytes, over TLS; keeps what it was asked."""

    def __init__(self, answer: bytes, *, endless: bytes = b"", silent: bool = False) -> None:
        self.answer, self.endless, self.silent = answer, endless, silent
        self.asked: list[bytes] = []

    @contextlib.asynccontextmanager
    async def at(self, pki: Pki) -> AsyncIterator[str]:
        context = tls.server_context(pki.certificate, pki.key)
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=context)
        async with server:
            yield f"https://localhost:{server.sockets[0].getsockname()[1]}"

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            self.asked.append(await reader.readuntil(b"\r\n\r\n"))
            if self.silent:
                await reader.read()
            writer.write(self.answer)
            while self.endless:
                writer.write(self.endless)
                await writer.drain()
            await writer.drain()
        with contextlib.suppress(Exception):
            writer.close()


async def test_what_is_asked_and_what_comes(pki: Pki) -> None:
    stranger = Stranger(HEAD + b"Set-Cookie: a=b\r\nContent-Length: 2\r\n\r\n{}")
    async with stranger.at(pki) as url:
        context = trusting(pki.trust.read_text())
        for _ in range(2):
            answer = await fetch(f"{url}/x", context, headers={"Authorization": "Bearer t"})
            assert (answer.status, answer.body) == (200, b"{}")
        await fetch(f"{url}/x", context, form={"a": "b c"})
    assert stranger.asked[0].startswith(b"GET /x ") and stranger.asked[2].startswith(b"POST /x ")
    assert not any(b"cookie" in each.lower() for each in stranger.asked)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_no_redirect_is_followed(pki: Pki, status: int) -> None:
    inner = Stranger(HEAD + b"Content-Length: 2\r\n\r\n{}")
    async with inner.at(pki) as there:
        where = f"HTTP/1.1 {status} Go\r\nLocation: {there}/inner\r\nContent-Length: 0\r\n\r\n"
        async with Stranger(where.encode()).at(pki) as url:
            with pytest.raises(FetchFailed, match="redirect"):
                await fetch(url, trusting(pki.trust.read_text()))
    assert inner.asked == []


async def test_it_ends_whatever_comes(pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    context = trusting(pki.trust.read_text())
    async with Stranger(HEAD + b"\r\n", endless=b"x" * 65536).at(pki) as url:
        with pytest.raises(FetchFailed, match="more than"):
            await fetch(url, context)
    for answer in (b"SSH-2.0-x\r\n", HEAD + b"Content-Length: 9\r\n\r\nx"):
        async with Stranger(answer).at(pki) as url:
            with pytest.raises(FetchFailed, match=r"broke|HTTP"):
                await fetch(url, context)
    packed = HEAD + b"Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}"
    async with Stranger(packed).at(pki) as url:
        with pytest.raises(FetchFailed, match="compressed"):
            await fetch(url, context)
    monkeypatch.setattr(fetching, "SECONDS", 0.5)
    async with Stranger(b"", silent=True).at(pki) as url:
        with pytest.raises(FetchFailed, match="did not answer"):
            await fetch(url, context)
    with pytest.raises(FetchFailed, match="no connection"):
        await fetch("https://127.0.0.1:9/", context)


async def test_only_who_is_trusted_is_talked_to(pki: Pki, tmp_path: Path) -> None:
    stranger = Stranger(HEAD + b"Content-Length: 2\r\n\r\n{}")
    other = Pki.open(tmp_path, [], clock.now())
    async with stranger.at(pki) as url:
        for context in (trusting(None), trusting(other.trust.read_text())):
            with pytest.raises(FetchFailed, match="not trusted"):
                await fetch(url, context, headers={"Authorization": "Bearer secret"})
    assert stranger.asked == []
    for nothing in ("", "-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n"):
        with pytest.raises(ValueError, match="PEM"):
            trusting(nothing)


@pytest.mark.parametrize(
    "url",
    [
        "http://x.example/",
        "file:///etc/passwd",
        "https://",
        "https://user@x.example/",
        "https://x.example:99999/",
        "https://x.example\\@y.example/",
        "https://x.example/ a",
        "https://x.example/\r\nHost: y",
        "https://bücher.example/",
        "",
    ],
)
async def test_what_is_never_asked(url: str) -> None:
    assert not is_https(url)
    with pytest.raises(FetchFailed, match="https"):
        await fetch(url, trusting(None))


async def test_what_only_looks_like_an_address(monkeypatch: pytest.MonkeyPatch) -> None:
    # A proxy would be asked for it: nobody looks the name up here.
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    with pytest.raises(FetchFailed, match="address"):
        await fetch("https://999.999.999.999/", trusting(None))
