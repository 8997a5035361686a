"""What every door does: bodies within bounds, tokens, request ids, and a refusal that explains itself."""

from __future__ import annotations

import asyncio
import hashlib
import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from functools import cached_property
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import msgspec
import structlog
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Receive, Scope

from outofband.catalogue import explain
from outofband.core import clock, locale
from outofband.core.errors import Fault
from outofband.core.principal import Principal
from outofband.identity.authority import Authority
from outofband.resources import exchange
from outofband.wire.arm import errors, reasons

log = structlog.get_logger(__name__)

BODY_SECONDS = 30.0
MAX_HEADER = 16 * 1024
"""Bytes of an Authorization header that is looked at."""
T = TypeVar("T")
_ID = re.compile(r"^[A-Za-z0-9{}._:-]{1,128}$")
_HOST = re.compile(r"^[A-Za-z0-9.-]{1,253}(:\d{1,5})?$|^\[[0-9A-Fa-f:.]{2,45}\](:\d{1,5})?$")


class Ids(msgspec.Struct, frozen=True):
    """Names of one request: ours, the one that binds all it leads to, and the client's own."""

    request: str
    correlation: str
    client: str | None
    echo: bool
    languages: str = ""
    """As the client gave them; looked at when there is something to say."""

    def headers(self) -> dict[str, str]:
        stamp = clock.now().strftime("%Y%m%dT%H%M%SZ")
        found = {
            "x-ms-request-id": self.request,
            "x-ms-correlation-request-id": self.correlation,
            "x-ms-routing-request-id": f"OUTOFBAND:{stamp}:{self.request}",
            "Cache-Control": "no-cache",
            "X-Content-Type-Options": "nosniff",
        }
        if self.client is not None and self.echo:
            found["x-ms-client-request-id"] = self.client
        return found


class QuickRequest(Request):
    """A request whose header fields are looked up in a dict, for the door that has most of them."""

    def __init__(self, scope: Scope, receive: Receive) -> None:
        super().__init__(scope, receive)
        self._fields = _Fields(raw=scope["headers"])

    @property
    def headers(self) -> Headers:
        return self._fields


class _Fields(Headers):
    @cached_property
    def _first(self) -> dict[str, str]:
        return {name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(self.raw)}

    def get(self, key: str, default: Any = None) -> Any:
        """The first field of that name, as everywhere."""
        return self._first.get(key.lower(), default)


def ids_of(request: Request) -> Ids:
    """What a client sends as an id is echoed only in a form that fits a header and a log line."""
    own = str(uuid.uuid4())
    client = safe_id(request.headers.get("x-ms-client-request-id"))
    return Ids(
        own,
        safe_id(request.headers.get("x-ms-correlation-request-id")) or own,
        client,
        request.headers.get("x-ms-return-client-request-id", "").lower() == "true",
        request.headers.get("accept-language", ""),
    )


def base_of(request: Request, fallback: str) -> str:
    """Scheme and authority the client used, so that the addresses it is given lead to where it already is."""
    host = request.headers.get("host", "")
    return f"{request.scope['scheme']}://{host}" if _HOST.fullmatch(host) else fallback


def address_of(request: Request) -> str:
    client = request.scope.get("client")
    return str(client[0]) if client else ""


async def body_of(request: Request, limit: int) -> bytes:
    """The whole body. Raises Fault RequestTooLarge as soon as it is known to be longer than `limit` bytes,
    and RequestTimeout when it does not come within BODY_SECONDS.
    """
    declared = request.headers.get("content-length", "")
    if not declared and "transfer-encoding" not in request.headers:
        # RFC 9112 section 6.3: there is none.
        return b""
    if declared.isdecimal() and int(declared) > limit:
        raise Fault("RequestTooLarge", limit=limit)
    held = bytearray()
    try:
        async with asyncio.timeout(BODY_SECONDS):
            async for piece in request.stream():
                held += piece
                if len(held) > limit:
                    raise Fault("RequestTooLarge", limit=limit)
    except TimeoutError as error:
        raise Fault("RequestTimeout", seconds=int(BODY_SECONDS)) from error
    return bytes(held)


def decoded(body: bytes, kind: type[T]) -> T:
    """A JSON body as `kind`. Raises Fault InvalidRequestContent."""
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Fault("InvalidRequestContent", detail=str(error)) from error


async def caller_of(request: Request, authority: Authority) -> Principal:
    """Raises Fault AuthenticationFailed, InvalidAuthenticationToken or ExpiredAuthenticationToken."""
    given = request.headers.get("authorization", "")
    scheme, _, token = given.partition(" ")
    if scheme.lower() != "bearer" or not token.strip() or len(given) > MAX_HEADER:
        raise Fault("AuthenticationFailed")
    return await authority.verify_token(token.strip(), clock.now())


def asked(request: Request, ids: Ids, principal: Principal, base: str, body: bytes = b"") -> exchange.Request:
    """The request in the kernel's words. `base`: where the client is sent when its own words do not do."""
    # The path as it was sent: unquoting twice would let one resource have two names.
    raw: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    return exchange.Request(
        method=request.scope["method"],
        path=raw.partition(b"?")[0].decode("ascii", "replace"),
        query=tuple(parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)),
        body=body,
        principal=principal,
        base=base_of(request, base),
        request_id=ids.request,
        correlation_id=ids.correlation,
        address=address_of(request),
        if_match=request.headers.get("if-match"),
        if_none_match=request.headers.get("if-none-match"),
        locale=locale.of_header(ids.languages),
        reason=reasons.decode(request.headers.get(reasons.HEADER)),
    )


def json_answer(status: int, body: Any, headers: Mapping[str, str]) -> Response:
    if body is None:
        return Response(status_code=status, headers=dict(headers))
    return Response(
        msgspec.json.encode(body),
        status_code=status,
        headers={**headers, "Content-Type": "application/json; charset=utf-8"},
    )


def tagged(request: Request, answer: Response) -> Response:
    """The same answer under a weak entity tag of its body, or 304 when the client has it: who asks every few
    seconds gets a few bytes while nothing has changed.
    """
    tag = f'W/"{hashlib.sha256(answer.body).hexdigest()[:32]}"'
    answer.headers["ETag"] = tag
    if not has(request, tag):
        return answer
    kept = {name: value for name, value in answer.headers.items() if not name.startswith("content-")}
    return Response(status_code=304, headers=kept)


def has(request: Request, tag: str) -> bool:
    """Whether an If-None-Match names this entity tag, compared weakly (RFC 9110 section 13.1.2)."""
    given = [each.strip().removeprefix("W/") for each in request.headers.get("if-none-match", "").split(",")]
    return "*" in given or tag.removeprefix("W/") in given


async def guarded(
    request: Request, authority: Authority, work: Callable[[Ids], Awaitable[Response]]
) -> Response:
    """Run a door's work; whatever it raises becomes an error envelope. Internals go to the log only."""
    ids = ids_of(request)
    try:
        return await work(ids)
    except Fault as fault:
        return refusal(fault, ids, authority)
    except ClientDisconnect:
        # Nobody is left to read an answer.
        return Response(status_code=499)
    except Exception:
        log.exception("request.broke", request=ids.request, method=request.method, path=request.url.path)
        return refusal(Fault("InternalError"), ids, authority)


def refusal(fault: Fault, ids: Ids, authority: Authority) -> Response:
    """The envelope of a fault, with the challenge that belongs to a 401."""
    language = locale.of_header(ids.languages)
    said = explain(fault, language)
    if said.status >= 500:
        log.warning("request.failed", request=ids.request, fault=str(fault), exc_info=fault.__cause__)
    headers = {**ids.headers(), "Content-Language": language, "Vary": "Accept-Language"}
    if said.status == 401:
        # Field `claims` of a fault: what a token has to have that this one lacks.
        claims = fault.fields.get("claims")
        headers["WWW-Authenticate"] = authority.challenge("common", explain(fault).message, claims)
    if said.status in (429, 503):
        headers["Retry-After"] = str(_seconds(fault))
    fields: dict[str, Any] = msgspec.to_builtins(fault.fields, str_keys=True)
    target = fault.fields.get("target")
    body = errors.envelope(said, fields, str(target) if target else None)
    return json_answer(said.status, body, headers)


def safe_id(given: str | None) -> str | None:
    """A client's name for its request, when it fits a header, a log line and a row."""
    return given if given is not None and _ID.fullmatch(given) else None


def _seconds(fault: Fault) -> int:
    given = fault.fields.get("seconds")
    return max(1, int(given)) if isinstance(given, int | float) else 5
