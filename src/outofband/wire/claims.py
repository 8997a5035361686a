"""Claims challenges: the 401 that says which claims a new token must have, and how a client reads it.

    WWW-Authenticate: Bearer realm="", authorization_uri="https://...", error="insufficient_claims",
                      claims="<base64url of JSON>"

The JSON is the `claims` parameter of OpenID Connect Core 5.5, which Azure's clients hand to the authority as
it is (OpenID "claims request", as Entra's continuous access evaluation uses it).
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Any

import msgspec

MAX_CLAIMS = 4096
"""Characters of the encoded claims that a client looks at."""
MFA: Mapping[str, Any] = {"access_token": {"acrs": {"essential": True, "values": ["p1"]}}}
"""What a token has to have where the tenant requires a second factor: `p1` is Entra's word for it."""
_CLAIMS = re.compile(r'\bclaims="([A-Za-z0-9_=+/-]+)"')


def insufficient_claims(
    claims: Mapping[str, Any], *, authorization_uri: str = "", description: str = ""
) -> str:
    """The value of WWW-Authenticate. `authorization_uri` is where to sign in, `description` for people."""
    text = base64.urlsafe_b64encode(msgspec.json.encode(claims)).decode().rstrip("=")
    parts = ['realm=""', f'authorization_uri="{authorization_uri}"', 'error="insufficient_claims"']
    safe = "".join(each for each in description if " " <= each <= "~" and each not in '"\\')
    if safe:
        parts.append(f'error_description="{safe}"')
    return f'Bearer {", ".join(parts)}, claims="{text}"'


def wanted(header: str) -> dict[str, Any] | None:
    """The claims that a WWW-Authenticate asks for; None when it is no such challenge."""
    found = _CLAIMS.search(header)
    if 'error="insufficient_claims"' not in header or found is None or len(found[1]) > MAX_CLAIMS:
        return None
    text = found[1].rstrip("=").replace("+", "-").replace("/", "_")
    try:
        claims = msgspec.json.decode(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (binascii.Error, ValueError, RecursionError, msgspec.MsgspecError):
        return None
    return claims if isinstance(claims, dict) else None
