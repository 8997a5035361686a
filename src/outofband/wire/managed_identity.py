"""Managed identity as a host's agent hands it to local programs: what they ask, and how they are answered.

Two forms, as Azure's clients speak them:

    Arc (himds)   GET /metadata/identity/oauth2/token?api-version=2020-06-01&resource=R    Metadata: true
                  401, WWW-Authenticate: Basic realm=/folder/NAME.key: the same again, with the text of that
                  file as Authorization: Basic TEXT. Who can read the folder is who may have a token.
    App Service   GET /msi/token?api-version=2019-08-01&resource=R    X-IDENTITY-HEADER: SECRET

A browser on the host can be led to any port of it, a proxy to any address: so nothing is answered without
the header that neither sends, nor under a foreign host name, nor through a proxy.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import parse_qsl

import msgspec

ARC_PATH = "/metadata/identity/oauth2/token"
APP_PATH = "/msi/token"
MAX_HEAD = 16 * 1024
MAX_RESOURCE = 1024
MAX_CLIENT = 64
_OTHERS = ("client_id", "object_id", "principal_id", "msi_res_id", "mi_res_id")
"""Parameters that name an identity that a user assigned."""
_HOST = re.compile(r"(?:localhost|127\.0\.0\.1|\[::1\])(?::\d{1,5})?", re.IGNORECASE)


class Form(enum.Enum):
    ARC = "arc"
    APP = "app"


class Ask(msgspec.Struct, frozen=True):
    form: Form
    resource: str
    secret: str
    """What proves that the program may ask; empty at the first request of the Arc form."""
    fresh: bool = False
    """The program wants no token that was kept: `bypass_cache`."""
    client: str = ""
    """What the program calls itself: the header `Client-Id`, printable and short."""

    def __repr__(self) -> str:
        return f"Ask({self.form}, {self.resource!r})"


class Refusal(msgspec.Struct, frozen=True):
    status: int
    error: str
    description: str

    def body(self) -> dict[str, str]:
        return {"error": self.error, "error_description": self.description}


def read(method: str, target: str, fields: Sequence[tuple[str, str]], *, identity: str) -> Ask | Refusal:
    """Decide about a request. `target` as in its first line, names of `fields` in lower case, `identity` the
    client id of the host's own identity.
    """
    path, _, query = target.partition("?")
    if path not in (ARC_PATH, APP_PATH):
        return Refusal(404, "not_found", "There is no such path here.")
    if (refused := from_this_host(method, fields)) is not None:
        return refused
    given = dict(fields)
    asked = parameters(query)
    if isinstance(asked, Refusal):
        return asked
    if not asked.get("api-version"):
        return Refusal(400, "invalid_request", "The parameter 'api-version' is missing.")
    resource = asked.get("resource", "")
    if not 0 < len(resource) <= MAX_RESOURCE or not resource.isprintable():
        return Refusal(400, "invalid_request", "The parameter 'resource' is missing or wrong.")
    for name in _OTHERS:
        if asked.get(name, "") not in ("", identity):
            words = f"This host has no identity of that '{name}': only its own, which needs no name."
            return Refusal(400, "invalid_request", words)
    if path == APP_PATH:
        if not given.get("x-identity-header"):
            return Refusal(400, "invalid_request", "The header X-IDENTITY-HEADER is missing.")
        return Ask(Form.APP, resource, given["x-identity-header"])
    if given.get("metadata", "").lower() != "true":
        return Refusal(400, "invalid_request", "The header 'Metadata: true' is missing.")
    scheme, _, secret = given.get("authorization", "").partition(" ")
    if scheme and scheme.lower() != "basic":
        return Refusal(400, "invalid_request", "The Authorization header is not of the Basic scheme.")
    return Ask(
        Form.ARC,
        resource,
        secret.strip(),
        fresh=asked.get("bypass_cache", "").lower() == "true",
        client="".join(each for each in given.get("client-id", "") if each.isprintable())[:MAX_CLIENT],
    )


def from_this_host(method: str, fields: Sequence[tuple[str, str]]) -> Refusal | None:
    """Why a request is not answered that a program on this host would not send, whatever it asks for."""
    if method != "GET":
        return Refusal(405, "invalid_request", "Only GET is answered here.")
    names = [name for name, _ in fields]
    if names.count("host") != 1 or _HOST.fullmatch(dict(fields)["host"]) is None:
        return Refusal(400, "invalid_request", "The host name has to be localhost, 127.0.0.1 or [::1].")
    if any(name in ("x-forwarded-for", "forwarded", "via") for name in names):
        return Refusal(400, "invalid_request", "Requests that came through a proxy are not answered.")
    return None


def parameters(query: str) -> dict[str, str] | Refusal:
    """Those of a query, each at most once."""
    try:
        pairs = parse_qsl(query, keep_blank_values=True, max_num_fields=16, errors="strict")
    except ValueError:
        return Refusal(400, "invalid_request", "The query cannot be read.")
    asked = dict(pairs)
    if len(asked) != len(pairs):
        return Refusal(400, "invalid_request", "A parameter is given twice.")
    return asked


def answer(token: Mapping[str, Any], resource: str, identity: str, now: float) -> dict[str, str]:
    """Body of a 200. `token` is the authority's answer with the seconds that are left of it; every number is
    text, as himds writes them.
    """
    seconds = int(token["expires_in"])
    return {
        "access_token": str(token["access_token"]),
        "client_id": identity,
        "expires_in": str(seconds),
        "expires_on": str(int(now) + seconds),
        "ext_expires_in": str(seconds),
        "not_before": str(int(now)),
        "resource": resource,
        "token_type": "Bearer",
    }
