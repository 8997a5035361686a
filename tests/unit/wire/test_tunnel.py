"""What proxies answer to CONNECT; tests/peers/test_doctor.py has running ones."""

from __future__ import annotations

import pytest

from outofband.core.errors import ProtocolError
from outofband.wire import tunnel

TINYPROXY = (
    b"HTTP/1.1 403 Filtered\r\nServer: tinyproxy/1.11.1\r\nContent-Type: text/html\r\nConnection: close\r\n"
    b"\r\n<html>\x1b[2J no</html>"
)
SQUID = (
    b"HTTP/1.1 407 Proxy Authentication Required\r\nServer: squid/5.7\r\nDate: x\r\n"
    b'Proxy-Authenticate: Negotiate\r\nProxy-Authenticate: Basic realm="lab"\r\n'
    b"X-Squid-Error: ERR_CACHE_ACCESS_DENIED 0\r\nVia: 1.1 edge (squid/5.7)\r\n\r\n"
)


def test_a_filter() -> None:
    answer = tunnel.read(TINYPROXY)
    assert (answer.status, answer.line) == (403, "HTTP/1.1 403 Filtered")
    assert answer.server == "tinyproxy/1.11.1" and answer.via == ""
    assert "\x1b" not in answer.body


def test_a_proxy_that_wants_to_know_who() -> None:
    answer = tunnel.read(SQUID)
    assert answer.schemes == ("Negotiate", "Basic")
    assert answer.via == "1.1 edge (squid/5.7)" and answer.detail == "ERR_CACHE_ACCESS_DENIED 0"


@pytest.mark.parametrize(
    "text", [b"", b"SSH-2.0-OpenSSH_9.2\r\n", b"\x15\x03\x01\x00\x02\x02\x16", b"HTTP/1.1 9\r\n"]
)
def test_what_is_no_proxy(text: bytes) -> None:
    with pytest.raises(ProtocolError):
        tunnel.read(text)


def test_a_request() -> None:
    proof = tunnel.authorization("ann%40corp", "p%3Aw")
    assert tunnel.connect("2001:db8::1", 443, proof) == (
        b"CONNECT [2001:db8::1]:443 HTTP/1.1\r\nHost: [2001:db8::1]:443\r\nUser-Agent: outofband-check/1\r\n"
        b"Proxy-Authorization: Basic YW5uQGNvcnA6cDp3\r\n\r\n"
    )


@pytest.mark.parametrize("host", ["a\r\nX: y", "a\nb", "ä.example"])
def test_a_host_stays_in_its_line(host: str) -> None:
    with pytest.raises(ValueError):
        tunnel.connect(host, 443)
