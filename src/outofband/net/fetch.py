"""One HTTPS request to a server that somebody else runs and names: bounded in size and time, not redirected.

What comes back is bytes of a stranger. No cookie is kept, no connection is shared, nothing is believed of it
here.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import httpx
import msgspec

from outofband.net import tls
from outofband.net.proxies import proxy_for

SECONDS = 10.0
"""For all of it, from the name's look-up to the last byte."""
LIMIT = 256 * 1024
"""Bytes of an answer."""


class FetchFailed(Exception):
    """There is no answer. The text is for people, and tells nothing that was sent or received."""


class Answer(msgspec.Struct, frozen=True):
    status: int
    body: bytes


def is_https(url: str) -> bool:
    """Whether an address may be asked: https, a host, no user and no fragment."""
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return False
    plain = url.isascii() and url.isprintable() and " " not in url and "\\" not in url
    return plain and parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def trusting(pem: str | None) -> ssl.SSLContext:
    """Trust exactly the authorities in `pem`, or without it those of the system. Raises ValueError."""
    try:
        context = tls.client_context(pem) if pem is not None else ssl.create_default_context()
    except (ssl.SSLError, ValueError) as error:
        raise ValueError("no certificate of an authority in PEM form") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


async def fetch(
    url: str,
    context: ssl.SSLContext,
    *,
    form: Mapping[str, str] | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
    address: str | None = None,
) -> Answer:
    """GET, or with a `form` or a `body` POST, through the proxy of the environment if there is one.

    `address` is connected to in place of what the host's name means now; without a proxy only.

    Raises FetchFailed. A redirect is one: where it leads, nobody has allowed.
    """
    if not is_https(url):
        raise FetchFailed("its address does not begin with https:// or has parts that it must not have")
    proxy = proxy_for(url)
    try:
        target = httpx.URL(url)
    except httpx.InvalidURL as error:
        raise FetchFailed("its address is none") from error
    extensions, sent = {}, {"Accept": "application/json", **(headers or {})}
    if address is not None and proxy is None:
        # The certificate has to be the name's all the same.
        extensions = {"sni_hostname": target.host}
        sent["Host"] = target.netloc.decode("ascii")
        target = target.copy_with(host=address)
    try:
        async with (
            asyncio.timeout(SECONDS),
            httpx.AsyncClient(
                verify=context,
                timeout=httpx.Timeout(SECONDS),
                trust_env=False,
                proxy=proxy,
                follow_redirects=False,
            ) as client,
            client.stream(
                "GET" if form is None and body is None else "POST",
                target,
                data=dict(form) if form is not None else None,
                content=body,
                headers={"Accept-Encoding": "identity", **sent},
                extensions=extensions,
            ) as answer,
        ):
            if 300 <= answer.status_code < 400:
                raise FetchFailed("it answered with a redirect, and none is followed")
            if answer.headers.get("content-encoding", "identity") != "identity":
                # A few bytes could become many before anybody counts them.
                raise FetchFailed("it answered compressed, which it was not asked for")
            held = bytearray()
            async for piece in answer.aiter_raw():
                held += piece
                if len(held) > LIMIT:
                    raise FetchFailed(f"its answer has more than {LIMIT} bytes")
            return Answer(answer.status_code, bytes(held))
    except TimeoutError as error:
        raise FetchFailed(f"it did not answer within {SECONDS:.0f} seconds") from error
    except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError, UnicodeError) as error:
        raise FetchFailed(_why(error)) from error


def _why(error: BaseException) -> str:
    """What went wrong, in words of ours: a library's may quote addresses and answers."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return f"its certificate is not trusted ({cause.verify_message.rstrip('.')})"
        cause = cause.__cause__ or cause.__context__
    if isinstance(error, httpx.TimeoutException):
        return "it did not answer in time"
    if isinstance(error, httpx.ProxyError):
        return "the proxy did not let the request through"
    if isinstance(error, httpx.ConnectError):
        return "no connection could be made: the name is unknown, or nothing listens there"
    return "the connection broke, or it does not speak HTTP"
