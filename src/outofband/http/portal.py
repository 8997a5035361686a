"""The portal's door: its page under a policy of its own, its files, and what it is told before a sign-in."""

from __future__ import annotations

from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from outofband import __version__
from outofband.core import secrets
from outofband.http import edge
from outofband.http.files import ASSETS, WEB, Builds
from outofband.http.services import Services
from outofband.identity.clients import PORTAL

HOME = "/portal/"
CAUTION_VERSION = 1
"""Of the caution before the first console. Raise it when the text changes: everybody sees it again."""
_NONCE = "__NONCE__"
_FOR_GOOD = "public, max-age=31536000, immutable"
_ASK_FIRST = "no-cache"
_NO_STORE = {"Cache-Control": "no-store"}
_GRANTED = ("clipboard-read", "clipboard-write", "fullscreen")
_REFUSED = (
    "accelerometer",
    "autoplay",
    "camera",
    "display-capture",
    "encrypted-media",
    "geolocation",
    "gyroscope",
    "hid",
    "idle-detection",
    "local-fonts",
    "magnetometer",
    "microphone",
    "midi",
    "payment",
    "picture-in-picture",
    "publickey-credentials-create",
    "publickey-credentials-get",
    "screen-wake-lock",
    "serial",
    "usb",
    "window-management",
    "xr-spatial-tracking",
)
_PERMISSIONS = ", ".join([*(f"{each}=(self)" for each in _GRANTED), *(f"{each}=()" for each in _REFUSED)])
_NOT_BUILT = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>Outofband</title></head>
<body>
<h1>Outofband</h1>
<p>The portal's files were not built on this server. Whoever looks after it builds them with
<code>make up</code> in the checkout, or installs a package that has them.</p>
<p>The command line works without them: <code>oob console NAME</code>.</p>
</body></html>
"""


class PortalConfig(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`GET /portal/config.json`. `resource` is the audience of the API, `gateways` where consoles open."""

    tenant_id: str
    client_id: str
    issuer: str
    resource: str
    gateways: list[str]
    version: str = __version__
    caution_version: int = CAUTION_VERSION


class Portal:
    """`folder` holds the built files, if there are any."""

    def __init__(self, services: Services, folder: Path = WEB) -> None:
        self._services = services
        self._builds = Builds(folder)

    async def home(self, request: Request) -> Response:
        """GET / and GET /portal"""
        return RedirectResponse(HOME, status_code=302)

    async def config(self, request: Request) -> Response:
        """GET /portal/config.json"""

        async def work(ids: edge.Ids) -> Response:
            services = self._services
            async with services.store.read() as tx:
                first, *_ = await services.store.directory.tenants(tx)
            known = PortalConfig(
                tenant_id=first.id,
                client_id=PORTAL.id,
                issuer=services.authority.issuer(first.id),
                resource=services.authority.base,
                gateways=[self._gateway(request)],
            )
            return edge.json_answer(200, known, {**ids.headers(), **_NO_STORE})

        return await edge.guarded(request, self._services.authority, work)

    async def serve(self, request: Request) -> Response:
        """GET /portal/{path}: a file, or else the page, which knows its own addresses."""
        path: str = request.path_params["path"]
        build = await self._builds.current()
        if build is not None and (file := build.files.get(path)) is not None:
            return file.answer(request, _FOR_GOOD if path.startswith(ASSETS) else _ASK_FIRST)
        if path.startswith(ASSETS):
            return PlainTextResponse("There is no such file in this build of the portal.\n", 404, _NO_STORE)
        if build is None:
            return HTMLResponse(_NOT_BUILT, 503, _NO_STORE)
        nonce = secrets.token()
        headers = {
            **_NO_STORE,
            "Content-Security-Policy": policy(nonce, self._gateway(request)),
            "Cross-Origin-Opener-Policy": "same-origin",
            "Permissions-Policy": _PERMISSIONS,
        }
        return HTMLResponse(build.page.replace(_NONCE, nonce), headers=headers)

    def _gateway(self, request: Request) -> str:
        services = self._services
        return services.gateway.seen_from(edge.base_of(request, services.authority.base))


def policy(nonce: str, gateway: str) -> str:
    """The page's content security policy (decision 0016). `gateway`: base URL of the console listener."""
    origin = "/".join(gateway.split("/")[:3])
    return "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            f"style-src 'self' 'nonce-{nonce}'",
            "img-src 'self' data: blob:",
            "font-src 'self'",
            f"connect-src 'self' {origin} {origin.replace('wss:', 'https:', 1)}",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'self'",
            "frame-ancestors 'none'",
            "object-src 'none'",
        )
    )
