"""The three cookies of the account pages. `__Host-`: only this very host can set them, and only over TLS."""

from __future__ import annotations

import re

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import secrets

SESSION = "__Host-oob-session"
HALF = "__Host-oob-half"
"""Of half a sign-in, which opens nothing."""
EXTERNAL = "__Host-oob-external"
"""Binds what comes back from a provider to the browser that went there."""
CSRF = "__Host-oob-csrf"
_TOKEN = re.compile(r"[A-Za-z0-9_-]{43}")


def read(request: Request, name: str) -> str | None:
    """The value of a cookie of ours, when it has the form of one."""
    found = request.cookies.get(name, "")
    return found if _TOKEN.fullmatch(found) else None


def put(response: Response, name: str, value: str) -> None:
    """For as long as the browser runs; how long a session is good for is decided by the store."""
    response.set_cookie(name, value, path="/", secure=True, httponly=True, samesite="lax")


def drop(response: Response, name: str) -> None:
    response.delete_cookie(name, path="/", secure=True, httponly=True, samesite="lax")


def form_token(csrf: str) -> str:
    """What a form carries to show that it is a page's of the browser that has the cookie `csrf`."""
    return secrets.digest(f"form:{csrf}")
