"""The authority's doors for programs: token, device code, revocation, discovery, keys. The decisions are
`identity.authority`'s; what people see is in `http.account`.
"""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http import edge, forms
from outofband.http.services import Services
from outofband.identity.aadsts import MEANINGS
from outofband.identity.oauth import OAuthFault
from outofband.identity.requests import Visitor
from outofband.store.sign_ins import MAX_AGENT

NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class OAuth:
    def __init__(self, services: Services) -> None:
        self._authority = services.authority

    async def token(self, request: Request) -> Response:
        """POST /{tenant}/oauth2/v2.0/token"""

        async def work(ids: edge.Ids) -> Response:
            decided = await self._authority.issue_token(
                forms.parse(await edge.body_of(request, forms.MAX_FORM)),
                request.path_params["tenant"],
                now=clock.now(),
                visitor=visitor_of(request, ids),
                authorization=request.headers.get("authorization"),
            )
            if isinstance(decided, OAuthFault):
                return self._refused(decided, ids)
            return _given(msgspec.to_builtins(decided), ids)

        return await edge.guarded(request, self._authority, work)

    async def device_code(self, request: Request) -> Response:
        """POST /{tenant}/oauth2/v2.0/devicecode"""

        async def work(ids: edge.Ids) -> Response:
            decided = await self._authority.begin_device(
                forms.parse(await edge.body_of(request, forms.MAX_FORM)),
                request.path_params["tenant"],
                base=self._authority.known(edge.base_of(request, self._authority.base)),
                now=clock.now(),
                visitor=visitor_of(request, ids),
            )
            return self._refused(decided, ids) if isinstance(decided, OAuthFault) else _given(decided, ids)

        return await edge.guarded(request, self._authority, work)

    async def revoke(self, request: Request) -> Response:
        """POST /{tenant}/oauth2/v2.0/revoke"""

        async def work(ids: edge.Ids) -> Response:
            fault = await self._authority.revoke(
                forms.parse(await edge.body_of(request, forms.MAX_FORM)),
                request.path_params["tenant"],
                now=clock.now(),
                visitor=visitor_of(request, ids),
            )
            return self._refused(fault, ids) if fault is not None else _given(None, ids)

        return await edge.guarded(request, self._authority, work)

    async def discovery(self, request: Request) -> Response:
        """GET /{tenant}/v2.0/.well-known/openid-configuration"""

        async def work(ids: edge.Ids) -> Response:
            base = edge.base_of(request, self._authority.base)
            found = await self._authority.discovery(request.path_params["tenant"], clock.now(), base=base)
            if isinstance(found, OAuthFault):
                return self._refused(found, ids)
            return edge.json_answer(200, found, ids.headers())

        return await edge.guarded(request, self._authority, work)

    async def keys(self, request: Request) -> Response:
        """GET /{tenant}/discovery/v2.0/keys"""

        async def work(ids: edge.Ids) -> Response:
            return edge.json_answer(200, await self._authority.jwks(clock.now()), ids.headers())

        return await edge.guarded(request, self._authority, work)

    async def error(self, request: Request) -> Response:
        """GET /error?code=NUMBER: what an AADSTS number means here; `error_uri` of a refusal leads to it."""

        async def work(ids: edge.Ids) -> Response:
            given = request.query_params.get("code", "")[:12]
            known = MEANINGS.get(int(given)) if given.isdecimal() and given.isascii() else None
            if known is None:
                raise Fault("InvalidParameter", target="code", detail="no number that refusals have here")
            return PlainTextResponse(f"AADSTS{int(given)}: {known}\n", headers=ids.headers())

        return await edge.guarded(request, self._authority, work)

    def _refused(self, fault: OAuthFault, ids: edge.Ids) -> Response:
        body = fault.body(self._authority.base)
        return edge.json_answer(fault.status, body, {**ids.headers(), **fault.headers()})


def visitor_of(request: Request, ids: edge.Ids) -> Visitor:
    """Where a request comes from. Azure's sign-in clients name a request in a header of their own."""
    return Visitor(
        address=edge.address_of(request),
        agent=request.headers.get("user-agent", "")[:MAX_AGENT],
        correlation_id=edge.safe_id(request.headers.get("client-request-id")) or ids.correlation,
    )


def _given(body: Any, ids: edge.Ids) -> Response:
    return edge.json_answer(200, body, {**ids.headers(), **NO_STORE})
