"""`GET /metrics` for Prometheus, which signs in as any other program does (its `oauth2` settings).

It is of the caller's tenant, whose reader the caller has to be: a role at the scope `/`.
"""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from outofband.http import edge
from outofband.http.services import Services
from outofband.wire import exposition

READ = "Outofband.Diagnostics/metrics/read"
PATH = "/metrics"


class MetricsDoor:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def serve(self, request: Request) -> Response:
        async def answer(ids: edge.Ids) -> Response:
            services = self._services
            principal = await edge.caller_of(request, services.authority)
            await services.authorizer.require(principal, READ, "/")
            told = exposition.text(await services.measures.of(principal.tenant))
            headers = {**ids.headers(), "Cache-Control": "no-store", "Content-Type": exposition.CONTENT_TYPE}
            return Response(told, headers=headers)

        return await edge.guarded(request, self._services.authority, answer)
