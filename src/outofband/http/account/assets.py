"""Style sheet, script and mark of the account pages: read once, named by what is in them, kept for ever."""

from __future__ import annotations

import hashlib
from importlib import resources

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

PREFIX = "/account/assets"
_TYPES = {
    "account.css": "text/css; charset=utf-8",
    "account.js": "text/javascript; charset=utf-8",
    "mark.svg": "image/svg+xml",
}


class _Asset(msgspec.Struct, frozen=True):
    body: bytes
    kind: str
    version: str


def _load(name: str, kind: str) -> _Asset:
    body = resources.files(__package__).joinpath("static", name).read_bytes()
    return _Asset(body, kind, hashlib.sha256(body).hexdigest()[:12])


_ASSETS = {name: _load(name, kind) for name, kind in _TYPES.items()}


def address(name: str) -> str:
    return f"{PREFIX}/{_ASSETS[name].version}/{name}"


async def serve(request: Request) -> Response:
    """GET /account/assets/{version}/{name}"""
    found = _ASSETS.get(request.path_params["name"])
    if found is None or found.version != request.path_params["version"]:
        return PlainTextResponse("Not found.", status_code=404)
    headers = {
        "Cache-Control": "public, max-age=31536000, immutable",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "default-src 'none'",
    }
    return Response(found.body, media_type=None, headers={**headers, "Content-Type": found.kind})
