"""One request to an account page: who is at the browser, what was posted, and the cookies that go back."""

from __future__ import annotations

import hmac
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock, secrets
from outofband.core.errors import Fault
from outofband.http import edge, forms
from outofband.http.account import cookies
from outofband.http.oauth import visitor_of
from outofband.identity.authority import Authority
from outofband.identity.requests import Visitor
from outofband.identity.second_step import Address
from outofband.identity.sessions import SignedIn
from outofband.identity.sign_in import Half

STEP = "step"
"""The field that says what a form is for."""
_TOKEN = "csrf"  # noqa: S105 - the name of a field


class Visit:
    """Call `begin` first; every answer goes through `finish`."""

    def __init__(self, request: Request, authority: Authority, ids: edge.Ids) -> None:
        self.request = request
        self.authority = authority
        self.ids = ids
        self.now: datetime = clock.now()
        self.visitor: Visitor = visitor_of(request, ids)
        self.base = edge.base_of(request, authority.base)
        self.at = Address.of(authority.known(self.base))
        self.who: SignedIn | None = None
        self.half: Half | None = None
        self.half_secret = cookies.read(request, cookies.HALF)
        self.external_secret = cookies.read(request, cookies.EXTERNAL)
        self.form: dict[str, str] = {}
        kept = cookies.read(request, cookies.CSRF)
        self._csrf = kept or secrets.token()
        self._csrf_is_new = kept is None
        self._session: str | None = None
        self._half: str | None = None
        self._external: str | None = None
        self._signed_out = self._half_over = False

    async def begin(self) -> None:
        """Look who is there and, of a POST, read the form, which has to come from a page of ours.

        Raises Fault CrossSiteForm, FormExpired, InvalidRequestContent, RequestTooLarge or RequestTimeout.
        """
        if self.request.method == "POST":
            self._require_own_page()
            self.form = forms.parse(await edge.body_of(self.request, forms.MAX_FORM))
            self._require_token()
        secret = cookies.read(self.request, cookies.SESSION)
        self.who = await self.authority.sessions.at(secret, self.now)
        self.half = await self.authority.second_step.at(self.half_secret, self.now)

    @property
    def step(self) -> str:
        """What was posted; empty for a page that was asked for."""
        return self.form.get(STEP, "")

    @property
    def token(self) -> str:
        """The value of the hidden field of every form."""
        return cookies.form_token(self._csrf)

    def signed_in(self, who: SignedIn, secret: str) -> None:
        """Give the browser its session; with it half a sign-in is over."""
        self.who, self._session = who, secret
        self.half_is_over()

    def went_half(self, half: Half | None, secret: str) -> None:
        """Give the browser half a sign-in; None: of nobody yet."""
        self.half, self._half = half, secret

    def half_is_over(self) -> None:
        self.half, self._half, self._half_over = None, None, self.half_secret is not None

    def went_out(self, secret: str) -> None:
        """The browser goes to a provider; only it can come back."""
        self._external = secret

    def signed_out(self) -> None:
        self.who, self._signed_out = None, True

    def finish(self, response: Response) -> Response:
        if self._csrf_is_new:
            cookies.put(response, cookies.CSRF, self._csrf)
        if self._session is not None:
            cookies.put(response, cookies.SESSION, self._session)
        elif self._signed_out:
            cookies.drop(response, cookies.SESSION)
        if self._half is not None:
            cookies.put(response, cookies.HALF, self._half)
        elif self._half_over:
            cookies.drop(response, cookies.HALF)
        if self._external is not None:
            cookies.put(response, cookies.EXTERNAL, self._external)
        return response

    def _require_own_page(self) -> None:
        """Browsers say where a form comes from; one that does not is not let in."""
        origin = self.request.headers.get("origin")
        site = self.request.headers.get("sec-fetch-site")
        own = origin is None or origin.lower() == self.base.lower()
        if not own or site not in (None, "same-origin") or (origin is None and site is None):
            raise Fault("CrossSiteForm")

    def _require_token(self) -> None:
        given = self.form.pop(_TOKEN, "")
        if self._csrf_is_new or not hmac.compare_digest(given.encode(), self.token.encode()):
            raise Fault("FormExpired")
