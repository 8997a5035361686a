"""A person at the scripted far side: what its authority answers, and a state directory after a sign-in."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

from starlette.responses import JSONResponse, Response

from outofband.client.account import Account
from outofband.client.authority import CLIENT_ID
from outofband.client.profile import PersonProfile
from outofband.core.paths import StateDir
from tests.unit.client.far import Far

NAME = "ada@outofband.local"
OBJECT = "00000000-0000-4000-8000-00000000000a"


def id_token(**claims: Any) -> str:
    known = {"aud": CLIENT_ID, "tid": "t", "oid": OBJECT, "preferred_username": NAME, "name": "Ada"}
    middle = base64.urlsafe_b64encode(json.dumps(known | claims).encode()).decode().rstrip("=")
    return f"e30.{middle}.c2ln"


def granted(number: int, *, seconds: int = 3600, **claims: Any) -> Response:
    """Tokens `access-N` and `refresh-N`."""
    body = {"access_token": f"access-{number}", "refresh_token": f"refresh-{number}", "expires_in": seconds}
    return JSONResponse(body | {"id_token": id_token(**claims)})


def refused(error: str, status: int = 400, **headers: str) -> Response:
    words = {"error": error, "error_description": f"AADSTS1: {error} it is. Trace ID: 1"}
    return JSONResponse(words, status_code=status, headers=headers)


def device_code(**changes: Any) -> Response:
    body = {
        "device_code": "device-1",
        "user_code": "BCDF-GHJK",
        "verification_uri": "https://oob.example:8443/device",
        "expires_in": 900,
        "interval": 5,
    }
    return JSONResponse(body | changes)


def signed_in(far: Far, root: Path, *, access: str | None = None, subscription: str = "s") -> Account:
    """The files of somebody whose next refresh token is `refresh-0`."""
    account = Account(StateDir(root))
    profile = PersonProfile(
        arm=far.base,
        gateway=far.gateway,
        ca_file=account.trust,
        tenant_id="t",
        subscription_id=subscription,
        resource_group="g" if subscription else "",
        client_id=CLIENT_ID,
        resource="https://oob.example:8443",
        object_id=OBJECT,
        name=NAME,
        display_name="Ada",
    )
    with account.locked():
        account.keep(profile, far.pki.trust.read_text(), "refresh-0")
    if access is not None:
        account.access_token(profile).put(access, 2e10)
    return account
