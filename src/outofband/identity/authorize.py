"""The authorization request: read, checked, and answered by sending the browser back (RFC 6749 section 4.1).

Until client and redirect address are known to belong together nothing is sent anywhere: a Fault becomes a
page. After that every refusal goes to the client, as a redirect.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from datetime import datetime
from urllib.parse import urlencode, urlsplit

import msgspec

from outofband.core.errors import Fault
from outofband.identity import claims
from outofband.identity.clients import PublicClient, public_client
from outofband.identity.oauth import OAuthFault, Refusals
from outofband.identity.requests import NOT_A_TENANT
from outofband.identity.scopes import Scope, parse
from outofband.identity.sessions import SignedIn
from outofband.identity.tokens import Tokens
from outofband.store.store import Store

MAX_STATE = 4096
MAX_CLAIMS = 4096
MAX_NONCE = 512
MAX_HINT = 320
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")


class Prompt(msgspec.Struct, frozen=True):
    """`prompt` of OpenID Connect Core 3.1.2.1."""

    none: bool = False
    """Show nothing: answer from the browser's session, or say that it cannot be done."""
    login: bool = False
    """Ask for the password even when there is a session."""
    select: bool = False
    """Let the person choose the account."""


class Mode(enum.StrEnum):
    """`response_mode`: how the browser takes the answer back."""

    QUERY = "query"
    FRAGMENT = "fragment"
    FORM = "form_post"
    """As a form that the browser sends: what a program's own little web server gets (msal wants it so)."""


class Reply(msgspec.Struct, frozen=True, kw_only=True):
    """An answer for the client, by way of the browser."""

    to: str
    parameters: Mapping[str, str]
    mode: Mode

    @property
    def origin(self) -> str:
        return origin(self.to)

    @property
    def location(self) -> str:
        """Where the browser is sent with the parameters, every one of them quoted; not for `Mode.FORM`."""
        return f"{self.to}{'#' if self.mode is Mode.FRAGMENT else '?'}{urlencode(self.parameters)}"


class AuthorizeRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose answer may be sent to `redirect_uri`."""

    client: PublicClient
    redirect_uri: str
    tenant: str
    """The path segment."""
    issuer: str
    """As the metadata of this tenant names it."""
    state: str | None
    mode: Mode
    scope: Scope
    challenge: str
    nonce: str | None
    prompt: Prompt
    mfa: bool
    """The program asks for a second factor, whatever the tenant requires (parameter `claims`)."""
    hint: str
    """The name the client expects; what the page is filled with."""

    def answered(self, *, issuer: str = "", **parameters: str) -> Reply:
        """With who answers (RFC 9207): a client of several authorities is not led to mix them up."""
        state = {"state": self.state} if self.state is not None else {}
        more = {**state, "iss": issuer or self.issuer}
        return Reply(to=self.redirect_uri, parameters={**parameters, **more}, mode=self.mode)

    def refused(self, fault: OAuthFault) -> Reply:
        return self.answered(error=fault.error, error_description=fault.description)


class Authorizations:
    def __init__(self, store: Store, tokens: Tokens) -> None:
        self._store = store
        self._tokens = tokens

    async def read(
        self, fields: Mapping[str, str], tenant: str, refuse: Refusals
    ) -> AuthorizeRequest | Reply:
        """The request, or the refusal that the client is told.

        Raises Fault UnknownApplication, RedirectMismatch, TenantUnknown or SignInRequestInvalid."""
        if len(fields.get("state", "")) > MAX_STATE or len(fields.get("nonce", "")) > MAX_NONCE:
            raise Fault("SignInRequestInvalid", detail="a parameter is too long")
        client = public_client(fields.get("client_id", ""))
        if client is None:
            raise Fault("UnknownApplication", client=fields.get("client_id", "")[:80])
        redirect_uri = fields.get("redirect_uri", "")
        if not client.may_redirect(redirect_uri, self._tokens.bases):
            raise Fault("RedirectMismatch", uri=redirect_uri[:200], client=client.name)
        issuer = self._tokens.issuer("{tenantid}")
        if tenant.lower() not in NOT_A_TENANT:
            async with self._store.read() as tx:
                home = await self._store.directory.tenant(tx, tenant)
            if home is None:
                raise Fault("TenantUnknown", tenant=tenant[:80])
            issuer = self._tokens.issuer(home.id)
        scope = parse(fields.get("scope", ""), self._tokens.audiences, default=self._tokens.base)
        mode = _mode(fields.get("response_mode", Mode.QUERY), client)
        wanted = claims.read(fields.get("claims", "")[:MAX_CLAIMS])
        asked = AuthorizeRequest(
            client=client,
            redirect_uri=redirect_uri,
            tenant=tenant,
            issuer=issuer,
            state=fields.get("state"),
            mode=mode or Mode.QUERY,
            scope=scope or Scope(audience=self._tokens.base, words=()),
            challenge=fields.get("code_challenge", ""),
            nonce=fields.get("nonce") or None,
            prompt=_prompt(fields.get("prompt", "")),
            mfa=wanted is not None and wanted.mfa,
            hint=fields.get("login_hint", "")[:MAX_HINT],
        )
        if mode is None:
            words = "The parameter 'response_mode' must be 'query', 'fragment' or, for programs, 'form_post'."
            return asked.refused(refuse.malformed(words))
        if (fault := _wrong(fields, asked, refuse)) is not None:
            return asked.refused(fault)
        if scope is None:
            return asked.refused(refuse.bad_user_scope(fields.get("scope", "")[:200]))
        return asked

    async def grant(self, asked: AuthorizeRequest, who: SignedIn, now: datetime) -> Reply:
        """Make a code for whoever is at the browser, and the answer that brings it to the client.

        Raises Fault WrongTenant when the request names another tenant than the person's, or MfaRequired.
        """
        async with self._store.write() as tx:
            if asked.tenant.lower() not in NOT_A_TENANT:
                home = await self._store.directory.tenant(tx, asked.tenant)
                if home is None or home.id != who.user.tenant_id:
                    raise Fault("WrongTenant", name=who.user.name, tenant=asked.tenant[:80])
            policy = await self._store.sign_in_policies.get(tx, who.user.tenant_id)
            if (asked.mfa or policy.require_mfa) and not who.session.mfa:
                raise Fault("MfaRequired", name=who.user.name)
            code = await self._store.codes.make(
                tx,
                session_id=who.session.id,
                client_id=asked.client.id,
                redirect_uri=asked.redirect_uri,
                challenge=asked.challenge,
                scope=str(asked.scope),
                audience=asked.scope.audience,
                nonce=asked.nonce,
                now=now,
            )
        return asked.answered(issuer=self._tokens.issuer(who.user.tenant_id), code=code)

    def may_return(self, uri: str, client: PublicClient) -> bool:
        """Whether a browser that signed out may be sent to `uri`."""
        return client.may_return(uri, self._tokens.bases)


def origin(uri: str) -> str:
    """Scheme and authority of a redirect address."""
    parts = urlsplit(uri)
    return f"{parts.scheme}://{parts.netloc}"


def _prompt(text: str) -> Prompt:
    words = set(text.split())
    return Prompt(none="none" in words, login="login" in words, select="select_account" in words)


def _mode(text: str, client: PublicClient) -> Mode | None:
    """None when the client cannot be answered so: a page of ours takes no forms."""
    try:
        mode = Mode(text)
    except ValueError:
        return None
    return mode if client.native or mode is not Mode.FORM else None


def _wrong(fields: Mapping[str, str], asked: AuthorizeRequest, refuse: Refusals) -> OAuthFault | None:
    if fields.get("response_type") != "code":
        return refuse.unsupported_response_type(fields.get("response_type", "")[:80])
    if fields.get("request") or fields.get("request_uri"):
        return refuse.malformed("Request objects are not supported.")
    if fields.get("code_challenge_method") != "S256" or _CHALLENGE.fullmatch(asked.challenge) is None:
        return refuse.malformed("Proof Key for Code Exchange with 'code_challenge_method=S256' is required.")
    if asked.prompt.none and (asked.prompt.login or asked.prompt.select):
        return refuse.malformed("'prompt=none' cannot be combined with another prompt.")
    return None
