"""A person at a browser, as far as the account pages go: cookies are kept, forms are read from the page and
sent.

It does what browsers do and a client library does not: it says where a form comes from (`Origin`,
`Sec-Fetch-Site`). It follows no redirect by itself, so that a test sees each.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qs, urlencode, urljoin, urlsplit

import httpx

SESSION = "__Host-oob-session"
CSRF = "__Host-oob-csrf"


class Page(HTMLParser):
    """The forms of a page, each with its address and its fields, and the text of the page."""

    def __init__(self, answer: httpx.Response) -> None:
        super().__init__()
        self.address = str(answer.url)
        self.forms: list[tuple[str, dict[str, str]]] = []
        self.words: list[str] = []
        self.buttons: list[str] = []
        self._button = False
        self.feed(answer.text)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())

    def form(self, step: str) -> tuple[str, dict[str, str]]:
        """The one that is for `step`."""
        [found] = [form for form in self.forms if form[1].get("step") == step]
        return found

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.forms.append((urljoin(self.address, values.get("action", "") or self.address), {}))
        elif tag == "input" and "name" in values:
            self.forms[-1][1][values["name"]] = values.get("value", "")
        elif tag == "button":
            self._button = True
            self.buttons.append("")

    def handle_endtag(self, tag: str) -> None:
        if tag == "button":
            self._button = False

    def handle_data(self, data: str) -> None:
        self.words.append(data)
        if self._button:
            self.buttons[-1] += data


class Browser:
    """One browser profile. `base` is the address it uses the control plane under."""

    def __init__(self, base: str, verify: Any) -> None:
        self.base = base
        self.http = httpx.AsyncClient(base_url=base, verify=verify, trust_env=False, timeout=90.0)
        self.page: Page | None = None
        self.last: httpx.Response | None = None

    async def __aenter__(self) -> Browser:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.aclose()

    @property
    def session(self) -> str | None:
        return self.http.cookies.get(SESSION)

    async def go(self, address: str, **query: str) -> httpx.Response:
        where = f"{address}?{urlencode(query)}" if query else address
        return self._show(await self.http.get(where, headers={"Sec-Fetch-Site": "none"}))

    async def send(
        self, step: str, *, headers: dict[str, str] | None = None, **fields: str
    ) -> httpx.Response:
        """Fill in the form of the page that is for `step`, and send it."""
        assert self.page is not None
        address, form = self.page.form(step)
        own = {"Origin": self.base, "Sec-Fetch-Site": "same-origin"}
        sent = own if headers is None else headers
        return self._show(await self.http.post(address, data={**form, **fields}, headers=sent))

    async def sign_in(self, name: str, password: str) -> httpx.Response:
        """Answer the sign-in page that is shown."""
        return await self.send("sign-in", name=name, password=password)

    def _show(self, answer: httpx.Response) -> httpx.Response:
        self.last = answer
        if answer.headers.get("content-type", "").startswith("text/html"):
            self.page = Page(answer)
        return answer


class Pkce:
    """What a client makes up for one authorization request (RFC 7636)."""

    def __init__(self) -> None:
        self.verifier = secrets.token_urlsafe(48)
        digest = hashlib.sha256(self.verifier.encode()).digest()
        self.challenge = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.state = secrets.token_urlsafe(12)
        self.nonce = secrets.token_urlsafe(12)

    def request(self, client_id: str, redirect_uri: str, scope: str, **more: str) -> dict[str, str]:
        """The query of the authorization request."""
        return {
            "client_id": client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": scope,
            "state": self.state,
            "nonce": self.nonce,
            "code_challenge": self.challenge,
            "code_challenge_method": "S256",
        } | more

    def redemption(self, client_id: str, redirect_uri: str, code: str) -> dict[str, str]:
        """The form of the token request."""
        return {
            "client_id": client_id,
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": self.verifier,
            "client_info": "1",
        }


def answered(answer: httpx.Response) -> dict[str, str]:
    """The parameters that a redirect takes back to the client, from query or fragment."""
    assert answer.status_code == 303, answer.text
    parts = urlsplit(answer.headers["location"])
    found = parse_qs(parts.fragment or parts.query, strict_parsing=True, keep_blank_values=True)
    return {name: value for name, [value] in found.items()}
