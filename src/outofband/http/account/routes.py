"""Which path leads to which account page."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import structlog
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from outofband.catalogue import entry
from outofband.core.errors import Fault
from outofband.http import edge
from outofband.http.account import assets, external, home, own_external, own_factors, pages
from outofband.http.account.authorize import authorize
from outofband.http.account.device import DEVICE, device
from outofband.http.account.logout import logout
from outofband.http.account.visit import Visit
from outofband.http.services import Services
from outofband.identity.authority import Authority

log = structlog.get_logger(__name__)

_METHODS = ["GET", "POST"]


def account_routes(services: Services) -> list[Route]:
    authority = services.authority

    def at(path: str, work: Callable[[Visit], Awaitable[Response]]) -> Route:
        return Route(path, _guarded(authority, work), methods=_METHODS)

    return [
        at("/{tenant}/oauth2/v2.0/authorize", authorize),
        at("/{tenant}/oauth2/v2.0/logout", logout),
        at(DEVICE, device),
        at(home.HOME, home.home),
        at(home.PASSWORD, home.password),
        at(own_factors.FACTORS, own_factors.factors),
        at(own_factors.ADD, own_factors.add),
        at(own_external.EXTERNAL, own_external.external),
        at(external.CALLBACK, external.callback),
        Route(f"{assets.PREFIX}/{{version}}/{{name}}", assets.serve, methods=["GET"]),
    ]


def _guarded(
    authority: Authority, work: Callable[[Visit], Awaitable[Response]]
) -> Callable[[Request], Awaitable[Response]]:
    """Run a page's work; whatever it raises becomes a page that explains it."""

    async def serve(request: Request) -> Response:
        ids = edge.ids_of(request)
        visit = Visit(request, authority, ids)
        try:
            await visit.begin()
            return await work(visit)
        except Fault as fault:
            if entry(fault.code).status >= 500:
                log.warning("page.failed", request=ids.request, fault=str(fault), exc_info=fault.__cause__)
            return pages.failed(visit, fault)
        except ClientDisconnect:
            return Response(status_code=499)
        except Exception:
            log.exception("page.broke", request=ids.request, method=request.method, path=request.url.path)
            return pages.failed(visit, Fault("InternalError"))

    return serve
