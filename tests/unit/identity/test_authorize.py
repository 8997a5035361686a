"""The authorization request: what is answered where, and that nothing leads anywhere it should not."""

from __future__ import annotations

from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from outofband.core.errors import Fault
from outofband.identity.authorize import AuthorizeRequest, Reply
from outofband.identity.clients import AZURE_CLI, CLI, PORTAL, PublicClient, public_client
from outofband.identity.oauth import Refusals
from outofband.identity.scopes import parse
from tests.unit.identity.conftest import BASE, Started
from tests.unit.identity.flows import CHALLENGE, SCOPE

pytestmark = pytest.mark.anyio
BASES = frozenset({BASE, "https://host.example:8443"})


def query(**changes: str) -> dict[str, str]:
    given = {
        "client_id": PORTAL.id,
        "response_type": "code",
        "redirect_uri": f"{BASE}/portal/",
        "scope": SCOPE,
        "state": "s",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes
    return {name: value for name, value in given.items() if value != "-"}


async def read(started: Started, now: datetime, tenant: str = "organizations", **changes: str) -> Any:
    return await started.authority.authorizations.read(query(**changes), tenant, Refusals(now, None))


@pytest.mark.parametrize(
    ("client", "uri", "allowed"),
    [
        (PORTAL, f"{BASE}/portal/", True),
        (PORTAL, "https://host.example:8443/portal/", True),
        (PORTAL, f"{BASE}/portal", False),
        (PORTAL, f"{BASE}/portal/?x=1", False),
        (PORTAL, f"{BASE}/portal/#", False),
        (PORTAL, f"{BASE}/portal/../evil", False),
        (PORTAL, f"{BASE}/portal/\r\nSet-Cookie: a=b", False),
        (PORTAL, "https://evil.example/portal/", False),
        (PORTAL, f"{BASE}@evil.example/portal/", False),
        (PORTAL, f"{BASE}.evil.example/portal/", False),
        (PORTAL, "http://127.0.0.1:8443/portal/", False),
        (PORTAL, "//127.0.0.1:8443/portal/", False),
        (PORTAL, "http://localhost:1/", False),
        (PORTAL, "", False),
        (CLI, "http://localhost", True),
        (CLI, "http://localhost:4711", True),
        (AZURE_CLI, "http://localhost:65535/", True),
        (CLI, "http://127.0.0.1:1/", True),
        (CLI, "http://localhost:4711/path", False),
        (CLI, "http://localhost:4711/?a=b", False),
        (CLI, "http://localhost:4711/#a", False),
        (CLI, "http://localhost:4711\n", False),
        (CLI, "http://localhost:", False),
        (CLI, "http://localhost:123456/", False),
        (CLI, "http://localhost:１２/", False),
        (CLI, "https://localhost:4711/", False),
        (CLI, "http://localhost.evil.example/", False),
        (CLI, "http://localhost@evil.example/", False),
        (CLI, "http://localhost:80@evil.example/", False),
        (CLI, "http://127.0.0.10/", False),
        (CLI, "http://127.0.0.1.evil.example/", False),
        (CLI, "http://evil.example/http://localhost/", False),
        (CLI, "javascript:alert(1)//http://localhost/", False),
        (CLI, f"{BASE}/portal/", False),
    ],
)
def test_where_a_code_may_be_sent(client: PublicClient, uri: str, allowed: bool) -> None:
    assert client.may_redirect(uri, BASES) is allowed


@pytest.mark.parametrize(
    ("client", "uri", "allowed"),
    [
        (PORTAL, f"{BASE}/portal/", True),
        (PORTAL, f"{BASE}/portal/signed-out", True),
        (PORTAL, f"{BASE}/portal/other", False),
        (PORTAL, "https://evil.example/portal/", False),
        (CLI, "http://localhost:1/", False),
        (PORTAL, "", False),
    ],
)
def test_where_a_browser_may_go_after_signing_out(client: PublicClient, uri: str, allowed: bool) -> None:
    assert client.may_return(uri, BASES) is allowed


def test_clients_by_id() -> None:
    assert public_client(PORTAL.id.upper()) is PORTAL
    assert public_client("") is public_client("\0") is None
    assert AZURE_CLI.id == "04b07795-8ddb-461a-bbee-02f9e1bf7b46"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"client_id": "-"}, "UnknownApplication"),
        ({"client_id": "x"}, "UnknownApplication"),
        ({"redirect_uri": "-"}, "RedirectMismatch"),
        ({"redirect_uri": "https://evil.example/portal/"}, "RedirectMismatch"),
        ({"client_id": CLI.id}, "RedirectMismatch"),
        ({"state": "s" * 5000}, "SignInRequestInvalid"),
        ({"nonce": "n" * 5000}, "SignInRequestInvalid"),
    ],
)
async def test_what_is_sent_nowhere(
    started: Started, now: datetime, changes: dict[str, str], code: str
) -> None:
    with pytest.raises(Fault, match=code):
        await read(started, now, **changes)
    with pytest.raises(Fault, match="TenantUnknown"):
        await read(started, now, "nowhere.example")


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"response_type": "code id_token"}, "unsupported_response_type"),
        ({"response_type": "-"}, "unsupported_response_type"),
        ({"code_challenge": "-"}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"code_challenge": CHALLENGE + "="}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": "-"}, "invalid_request"),
        ({"response_mode": "form_post"}, "invalid_request"),
        ({"request": "x.y.z"}, "invalid_request"),
        ({"request_uri": "https://evil.example/"}, "invalid_request"),
        ({"prompt": "none login"}, "invalid_request"),
        ({"scope": "https://other.example/.default"}, "invalid_scope"),
        ({"scope": f"{BASE}/.default https://host.example:8443/.default"}, "invalid_scope"),
    ],
)
async def test_what_is_refused_by_way_of_the_client(
    started: Started, now: datetime, changes: dict[str, str], error: str
) -> None:
    refused = await read(started, now, **changes)
    assert isinstance(refused, Reply)
    parts = urlsplit(refused.location)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{BASE}/portal/"
    told = parse_qs(parts.query, strict_parsing=True)
    assert (told["error"], told["state"]) == ([error], ["s"])
    assert told["error_description"][0].startswith("AADSTS")


@pytest.mark.parametrize("state", ["a b&c=d#e", "\r\nSet-Cookie: x=y", "ü\0", "%0d%0a", ""])
async def test_state_comes_back_as_it_was_and_splits_nothing(
    started: Started, now: datetime, state: str
) -> None:
    for mode, separator in (("query", "?"), ("fragment", "#")):
        asked = await read(started, now, state=state, response_mode=mode)
        assert isinstance(asked, AuthorizeRequest)
        where = asked.answered(code="c").location
        assert where.isascii() and not set(where) & set("\r\n\0 ")
        head, _, tail = where.partition(separator)
        assert head == f"{BASE}/portal/"
        assert parse_qs(tail, strict_parsing=True, keep_blank_values=True) == {
            "code": ["c"],
            "state": [state],
            "iss": [asked.issuer],
        }


async def test_without_a_state_there_is_none(started: Started, now: datetime) -> None:
    asked = await read(started, now, state="-")
    assert asked.answered(code="c", issuer="i").location == f"{BASE}/portal/?code=c&iss=i"


@pytest.mark.parametrize(
    ("text", "audience"),
    [
        ("openid profile", BASE),
        ("", BASE),
        (f"{BASE}/.default offline_access", BASE),
        (f"{BASE}//.default", f"{BASE}/"),
        (f"{BASE}/user_impersonation", BASE),
        (f"{BASE}/.default  {BASE}/user_impersonation", BASE),
        ("https://host.example:8443/.default email", "https://host.example:8443"),
        (".default", None),
        ("/.default", None),
        (f"{BASE}/other", None),
        (f"{BASE}///.default", None),
        ("https://evil.example/.default", None),
        (" ".join(f"{BASE}/.default{number}" for number in range(40)), None),
        ("\0", None),
    ],
)
def test_scopes(text: str, audience: str | None) -> None:
    found = parse(text, BASES | {f"{each}/" for each in BASES}, default=BASE)
    assert (found.audience if found is not None else None) == audience
