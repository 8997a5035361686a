"""Step proxy: CONNECT, and who said what about it."""

from __future__ import annotations

from urllib.parse import urlsplit

from outofband.core.errors import ProtocolError
from outofband.net.doctor.stream import HEAD_SECONDS, Stream
from outofband.net.proxies import Choice
from outofband.wire import tunnel
from outofband.wire.check import Evidence, Name, Step, failed, ok

SCHEMES = {"http": 80}
"""Kinds of proxies that are walked through, and the ports they have unless told otherwise."""


def proof(choice: Choice) -> str:
    """`Proxy-Authorization` for the user and password in the proxy's URL; empty without."""
    parts = urlsplit(choice.url or "")
    return tunnel.authorization(parts.username or "", parts.password or "") if parts.username else ""


def seen_of(choice: Choice, host: str, port: int) -> Evidence:
    return {"proxy": choice.shown or "", "source": choice.source, "host": host, "port": port}


async def open_tunnel(stream: Stream, choice: Choice, host: str, port: int) -> Step:
    """Ask the proxy for a tunnel to `host`; when the step is ok, the stream is the tunnel."""
    evidence = seen_of(choice, host, port)
    given = proof(choice)
    try:
        answer = tunnel.read(await stream.head(tunnel.connect(host, port, given)))
    except (ProtocolError, EOFError, OSError, ValueError) as error:
        silent = isinstance(error, TimeoutError)
        detail = f"no answer within {HEAD_SECONDS:.0f} s" if silent else str(error) or type(error).__name__
        return failed(Name.PROXY, "ProxyNotSpoken", {**evidence, "detail": detail})
    return judged(answer, evidence, bool(given))


def judged(answer: tunnel.Answer, evidence: Evidence, given: bool) -> Step:
    """What a proxy's answer means; `given` says whether it was told a user and a password."""
    found: Evidence = {**evidence, "line": answer.line, "status": answer.status}
    found |= {
        "via": answer.via or answer.server or "-",
        "server": answer.server,
        "detail": answer.detail or "-",
    }
    if 200 <= answer.status < 300:
        return ok(Name.PROXY, **found)
    # 401 is for origins, and what some proxies say all the same to a user and password they do not take.
    if answer.status == 407 or (answer.status == 401 and given):
        found["schemes"] = list(answer.schemes) or ["-"]
        return failed(Name.PROXY, "ProxyPasswordRefused" if given else "ProxyWantsPassword", found)
    return failed(Name.PROXY, "ProxyFailed" if answer.status >= 500 else "ProxyForbids", found)
