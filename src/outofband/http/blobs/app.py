"""The Blob service as an ASGI application in front of all others: it takes what is addressed to it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from urllib.parse import unquote

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from outofband.catalogue import explain
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http import edge
from outofband.http.blobs import target as targets
from outofband.http.blobs.changing import Copying
from outofband.http.blobs.exchange import Ask, Body, Reply
from outofband.http.blobs.grants import Grants
from outofband.http.blobs.operations import Operations
from outofband.http.blobs.target import Target
from outofband.http.services import Services
from outofband.identity.tokens import STORAGE_RESOURCE
from outofband.wire.storage import errors
from outofband.wire.storage.asked import Asked, plain_address

log = structlog.get_logger(__name__)

VERSION = "2021-12-02"
"""What is answered to who names no version."""
MAX_PATH = 16 * 1024
# A blob is somebody's bytes under this origin: a browser must neither run it nor give it the origin's rights.
_SANDBOX = "sandbox; default-src 'none'; frame-ancestors 'none'; base-uri 'none'"
_UNAUTHORIZED = 401


class Blobs:
    """`otherwise` gets every request that is not for the Blob service."""

    def __init__(self, services: Services, otherwise: ASGIApp) -> None:
        self._services = services
        self._otherwise = otherwise
        self._grants = Grants(
            services.store, services.storage.accounts, services.authority, services.authorizer
        )
        self._operations = Operations(Copying(self._grants))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._otherwise(scope, receive, send)
            return
        host = next((value for name, value in scope["headers"] if name == b"host"), b"").decode("latin-1")
        try:
            found = targets.find(host, _path(scope))
        except Fault as fault:
            request = Request(scope, receive)
            await self._refusal(request, edge.ids_of(request), fault)(scope, receive, send)
            return
        if found is None:
            await self._otherwise(scope, receive, send)
            return
        request = Request(scope, receive)
        ids = edge.ids_of(request)
        response = await self._answer(request, ids, found)
        # Who hangs up while bytes come or go has ended the matter.
        with contextlib.suppress(ClientDisconnect):
            await response(scope, receive, send)

    async def _answer(self, request: Request, ids: edge.Ids, target: Target) -> Response:
        body = Body(_pieces(request), _length(request))
        try:
            return _response(await self._perform(request, target, body), self._headers(request, ids))
        except Fault as fault:
            with contextlib.suppress(Fault, ClientDisconnect):
                await body.drain()
            return self._refusal(request, ids, fault)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            log.exception("blobs.broke", request=ids.request, method=request.method)
            return self._refusal(request, ids, Fault("InternalError"))

    async def _perform(self, request: Request, target: Target, body: Body) -> Reply:
        services = self._services
        asked = asked_of(request)
        operation = self._operations.find(asked, target)
        async with services.store.read() as tx:
            account = await self._grants.admit(tx, asked, target)
            grant = await self._grants.decide(tx, asked, target, account, operation.need)
        base = edge.base_of(request, services.authority.base)
        ask = Ask(
            asked=asked,
            target=target,
            account=account,
            grant=grant,
            body=body,
            base=f"{base}/{targets.PREFIX}/{account.name}/" if target.styled else f"{base}/",
            store=services.store,
            storage=services.storage,
        )
        return await operation.handler(ask)

    def _refusal(self, request: Request, ids: edge.Ids, fault: Fault) -> Response:
        said = explain(fault)
        if said.status >= 500:
            log.warning("blobs.failed", request=ids.request, fault=str(fault), exc_info=fault.__cause__)
        headers = {**self._headers(request, ids), "x-ms-error-code": errors.code(fault)}
        if said.status == _UNAUTHORIZED:
            where = f"{self._services.authority.base}/common/oauth2/authorize"
            resource = STORAGE_RESOURCE
            headers["WWW-Authenticate"] = f"Bearer authorization_uri={where} resource_id={resource}"
        if request.method == "HEAD":
            return Response(status_code=said.status, headers=headers)
        headers["Content-Type"] = "application/xml"
        content = errors.document(fault, said, ids.request, clock.now())
        return Response(content, status_code=said.status, headers=headers)

    def _headers(self, request: Request, ids: edge.Ids) -> dict[str, str]:
        version = request.headers.get("x-ms-version", "")
        found = {
            "x-ms-request-id": ids.request,
            "x-ms-version": version if edge.safe_id(version) else VERSION,
            "Content-Security-Policy": _SANDBOX,
            "Server": "Outofband-Blob",
        }
        # Unlike Resource Manager, this service always says the client's own id back.
        return found | ({"x-ms-client-request-id": ids.client} if ids.client is not None else {})


def asked_of(request: Request) -> Asked:
    raw = request.scope.get("query_string", b"").decode("ascii", "replace")
    pairs = (each.partition("=") for each in raw.split("&") if each)
    headers: dict[str, str] = {}
    for name, value in request.headers.items():
        headers[name] = f"{headers[name]},{value}" if name in headers else value
    return Asked(
        method=request.method,
        path=_path(request.scope),
        # Not as forms are read: a plus sign is one.
        query=tuple((unquote(name), unquote(value)) for name, _, value in pairs),
        headers=headers,
        address=plain_address(edge.address_of(request)),
        https=request.url.scheme == "https",
    )


def _response(reply: Reply, common: Mapping[str, str]) -> Response:
    headers = {**common, **reply.headers}
    if reply.status == 304:
        headers["x-ms-error-code"] = "ConditionNotMet"
    if reply.stream is not None:
        return StreamingResponse(reply.stream, status_code=reply.status, headers=headers)
    if reply.status == 304 or "Content-Length" in headers:
        response = Response(status_code=reply.status, headers=headers)
        if reply.body:
            response.body = reply.body
        return response
    return Response(reply.body, status_code=reply.status, headers=headers)


def _path(scope: Scope) -> str:
    raw: bytes = scope.get("raw_path") or scope["path"].encode()
    return raw.partition(b"?")[0].decode("ascii", "replace")[:MAX_PATH]


def _length(request: Request) -> int | None:
    given = request.headers.get("content-length")
    if given is None:
        return None
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 19 else None


async def _pieces(request: Request) -> AsyncIterator[bytes]:
    async for piece in request.stream():
        yield piece
