"""When the way is clear again by the time somebody looks, what the exception said has to do."""

from __future__ import annotations

import errno
import socket
import ssl
import threading
from collections.abc import Iterator

import httpx
import pytest

from outofband.net.doctor import evidence
from outofband.wire.check import Name, State

pytestmark = pytest.mark.anyio
CLEAR = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
def url() -> Iterator[str]:
    """A server that is well."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    one, _ = listening.accept()
                except OSError:
                    return
                with one:
                    one.recv(4096)
                    one.sendall(CLEAR)

        threading.Thread(target=serve, daemon=True, name="well").start()
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/"
        listening.shutdown(socket.SHUT_RDWR)


def caused(outer: Exception, inner: Exception) -> Exception:
    outer.__cause__ = inner
    return outer


@pytest.mark.parametrize(
    ("error", "step", "cause"),
    [
        (caused(httpx.ConnectError("x"), OSError(errno.ENETUNREACH, "x")), Name.ROUTE, "NetworkUnreachable"),
        (caused(httpx.ConnectError("x"), socket.gaierror(-3, "x")), Name.DNS, "LookUpFailed"),
        (caused(httpx.ConnectError("x"), ConnectionRefusedError()), Name.TCP, "PortClosed"),
        (ConnectionResetError(), Name.TCP, "ConnectionCut"),
        (httpx.ProxyError("403 Filtered"), Name.PROXY, "ProxyForbids"),
        (httpx.ProxyError("407 Proxy Authentication Required"), Name.PROXY, "ProxyWantsPassword"),
        (httpx.ReadTimeout("x"), Name.HTTP, "ServiceSilent"),
        (TimeoutError(), Name.HTTP, "ServiceSilent"),
        (ssl.SSLError(1, "x"), Name.TLS, "TlsCut"),
        (None, Name.HTTP, "ServiceSilent"),
    ],
)
async def test_the_exception_decides(url: str, error: Exception | None, step: Name, cause: str) -> None:
    found = await evidence.explain(url, error)
    assert (found.step.step, found.cause, found.code) == (step, cause, "AZCM0026")
    assert found.step.message and "?" not in found.step.title
    assert found.fault.code == cause
    assert found.endpoint.state is State.FAILED
    assert [each.state for each in found.endpoint.steps if each.state is not State.SKIPPED] == [
        State.OK,
        State.OK,
        State.OK,
    ]


async def test_the_way_decides_when_it_is_still_broken(unused: int) -> None:
    """An exception that says too little: the service is not there."""
    found = await evidence.explain(f"https://127.0.0.1:{unused}/", httpx.ConnectError("All attempts failed"))
    assert (found.step.step, found.cause) == (Name.TCP, "PortClosed")
    assert found.evidence["address"] == "127.0.0.1"


async def test_in_a_persons_language(unused: int) -> None:
    words = {}
    for locale in ("en", "fr", "nl"):
        words[locale] = (await evidence.explain(f"https://127.0.0.1:{unused}/", locale=locale)).step.title
    assert words == {
        "en": "Nothing listens there",
        "fr": "Rien n'écoute là",
        "nl": "Daar luistert niets",
    }


@pytest.fixture
def unused() -> Iterator[int]:
    """A port that stays without a listener: it is bound, and nobody listens."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]
