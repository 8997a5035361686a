"""Steps http and clock: an answer, whose it is, and what time it is there."""

from __future__ import annotations

import base64
import secrets

from outofband.core.errors import ProtocolError
from outofband.net import skew
from outofband.net.doctor.handshakes import SKEW_SECONDS, differs
from outofband.net.doctor.stream import HEAD_SECONDS, Stream
from outofband.net.doctor.tunnels import judged
from outofband.wire import tunnel
from outofband.wire.check import Because, Evidence, Name, State, Step, failed, ok, skipped


async def ask(
    stream: Stream, request: bytes, evidence: Evidence, *, plain_proxy: bool, given: bool
) -> list[Step]:
    """The steps http and clock. `plain_proxy`: the proxy reads the request, so a refusal may be its own."""
    try:
        answer = tunnel.read(await stream.head(request))
    except (OSError, EOFError) as error:
        silent = isinstance(error, TimeoutError)
        detail = f"no answer within {HEAD_SECONDS:.0f} s" if silent else str(error) or type(error).__name__
        return [failed(Name.HTTP, "ServiceSilent", {**evidence, "detail": detail})]
    except ProtocolError as error:
        return [
            failed(Name.HTTP, "AnsweredOnTheWay", {**evidence, "line": str(error), "via": "-", "server": "-"})
        ]
    seen: Evidence = {
        **evidence,
        "line": answer.line,
        "status": answer.status,
        "server": answer.server or "-",
    }
    seen |= {"via": answer.via or "-", "request": answer.request_id or "-"}
    step = _whose(answer, seen, plain_proxy=plain_proxy, given=given)
    return [step, _clock(answer.date)]


def _whose(answer: tunnel.Answer, seen: Evidence, *, plain_proxy: bool, given: bool) -> Step:
    """A refusal with a request id is the control plane's, and shows that it can be reached; one without is of
    somebody between.
    """
    if answer.status < 400 or (answer.request_id and answer.status < 500):
        return ok(Name.HTTP, **seen)
    if plain_proxy and not answer.request_id:
        step = judged(answer, seen, given)
        return step if answer.status in (401, 407) else failed(Name.HTTP, "AnsweredOnTheWay", seen)
    if answer.status >= 500:
        return failed(Name.HTTP, "ServiceUnwell", seen)
    # Sign-in and the link have no request ids: a 4xx that means "not so" is theirs, a 403 nobody's here.
    if answer.status in (403, 407, 451) or answer.via:
        return failed(Name.HTTP, "AnsweredOnTheWay", seen)
    return ok(Name.HTTP, **seen)


def _clock(date: str) -> Step:
    away = skew.seconds(date)
    if away is None:
        return skipped(Name.CLOCK, Because.NO_DATE)
    evidence = differs(away)
    if abs(away) > SKEW_SECONDS:
        return failed(Name.CLOCK, "ClockDiffers", evidence, state=State.WARNING)
    return ok(Name.CLOCK, **evidence)


def upgrade(path: str, where: str) -> bytes:
    """A WebSocket's first request (RFC 6455), as the agent's link sends it."""
    key = base64.b64encode(secrets.token_bytes(16)).decode()
    lines = (
        f"GET {path} HTTP/1.1",
        f"Host: {where}",
        "User-Agent: outofband-check/1",
        "Connection: Upgrade",
        "Upgrade: websocket",
        "Sec-WebSocket-Version: 13",
        f"Sec-WebSocket-Key: {key}",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode()
