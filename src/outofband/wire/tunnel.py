"""CONNECT (RFC 9110 section 9.3.6), and what a proxy's answer tells about the proxy."""

from __future__ import annotations

import base64
import re
from urllib.parse import unquote

import msgspec

from outofband.core.errors import ProtocolError

MAX_HEAD = 32 * 1024
MAX_SHOWN = 200
_LINE = re.compile(rb"HTTP/(\d\.\d) ([1-5]\d\d)(?: ([^\r\n]*))?")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """`line` is the status line; `via`, `server`, `detail`: what a proxy says of itself and of the error."""

    status: int
    line: str
    via: str = ""
    server: str = ""
    detail: str = ""
    schemes: tuple[str, ...] = ()
    """Ways to prove oneself, of a 407."""
    request_id: str = ""
    """`x-ms-request-id`: a control plane's, which no proxy makes up."""
    date: str = ""
    body: str = ""


def authorization(user: str, password: str) -> str:
    """Basic, RFC 7617; the parts come from a URL, still quoted."""
    pair = f"{unquote(user)}:{unquote(password)}"
    return "Basic " + base64.b64encode(pair.encode()).decode()


def connect(host: str, port: int, proof: str = "") -> bytes:
    """The request. Raises ValueError for a host that would break out of its line."""
    where = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    return _request(f"CONNECT {where}", where, proof)


def get(target: str, where: str, proof: str = "") -> bytes:
    """A GET: `target` is a path, or a whole URL for a proxy."""
    return _request(f"GET {target}", where, proof, "Accept: */*", "Connection: close")


def _request(first: str, where: str, proof: str, *more: str) -> bytes:
    lines = [f"{first} HTTP/1.1", f"Host: {where}", "User-Agent: outofband-check/1", *more]
    if proof:
        lines.append(f"Proxy-Authorization: {proof}")
    if any(not line.isascii() or not line.isprintable() for line in lines):
        raise ValueError("an address that cannot be asked for")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def read(data: bytes) -> Answer:
    """The head of an answer; what comes after it is shortened. Raises ProtocolError for anything else."""
    head, _, body = data.partition(b"\r\n\r\n")
    first, *rest = head.split(b"\r\n")
    if (found := _LINE.fullmatch(first)) is None:
        raise ProtocolError(f"expected the status line of an answer, got {first[:40]!r}")
    fields: dict[str, list[str]] = {}
    for line in rest:
        name, colon, value = line.partition(b":")
        if colon:
            fields.setdefault(name.decode("latin-1").strip().lower(), []).append(shown(value))

    def field(name: str) -> str:
        return ", ".join(fields.get(name, ()))

    schemes = tuple(
        dict.fromkeys(each.split(" ")[0] for each in fields.get("proxy-authenticate", ()) if each)
    )
    return Answer(
        status=int(found[2]),
        line=shown(first),
        via=field("via"),
        server=field("server") or field("proxy-agent"),
        detail=field("x-squid-error"),
        schemes=schemes,
        request_id=field("x-ms-request-id"),
        date=field("date"),
        body=shown(body),
    )


def shown(raw: bytes) -> str:
    """Text of a stranger, fit for one line of a terminal."""
    text = "".join(each if each.isprintable() else " " for each in raw.decode("latin-1"))
    return text.strip()[:MAX_SHOWN]
