"""Our half of the conversation with a provider: where the browser is sent, and what a code is redeemed for
(OpenID Connect Core 3.1, RFC 7636, RFC 9700).

Code verifier and nonce are made of the secret in the browser's cookie and the state: nobody has to keep them,
and what comes back to another browser cannot be redeemed.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from typing import Any
from urllib.parse import quote_plus, urlencode

import msgspec

from outofband.core.errors import Fault
from outofband.identity.external import id_token
from outofband.identity.external.id_token import NotBelieved, Told
from outofband.identity.external.metadata import Metadata, Providers, invalid
from outofband.identity.external.settings import read
from outofband.store.identity_providers import IdentityProvider
from outofband.store.store import Store
from outofband.store.wrapping import PROVIDERS

MAX_CODE = 4096
_KNOWN_ERRORS = frozenset(
    {
        "access_denied",
        "account_selection_required",
        "consent_required",
        "interaction_required",
        "invalid_client",
        "invalid_grant",
        "invalid_request",
        "invalid_scope",
        "login_required",
        "server_error",
        "temporarily_unavailable",
        "unauthorized_client",
        "unsupported_grant_type",
        "unsupported_response_type",
    }
)
"""Of RFC 6749 and OpenID Connect; what else is said is a stranger's text and not shown."""


class _Given(msgspec.Struct, frozen=True):
    id_token: str
    access_token: str = ""

    def __repr__(self) -> str:
        return "_Given(...)"


class _Refused(msgspec.Struct, frozen=True):
    error: str = ""


class Proof(msgspec.Struct, frozen=True, kw_only=True):
    """What a browser has to hold for an answer to be its own."""

    state: str
    secret: str

    @property
    def verifier(self) -> str:
        return self._made("code-verifier")

    @property
    def challenge(self) -> str:
        return _plain(hashlib.sha256(self.verifier.encode()).digest())

    @property
    def nonce(self) -> str:
        return self._made("nonce")

    def _made(self, what: str) -> str:
        return _plain(hashlib.sha256(f"{what}:{self.state}:{self.secret}".encode()).digest())

    def __repr__(self) -> str:
        return "Proof(...)"


class Client:
    def __init__(self, store: Store, providers: Providers) -> None:
        self._store = store
        self._providers = providers

    async def address(
        self, provider: IdentityProvider, proof: Proof, redirect_uri: str, *, anew: bool, hint: str = ""
    ) -> str:
        """Where the browser goes. `anew`: the person has to prove who they are, whatever the provider knows.

        Raises Fault ProviderUnreachable or ProviderAnswerInvalid.
        """
        metadata, settings = await self._providers.metadata(provider), read(provider.settings)
        query = {
            "client_id": provider.client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "scope": " ".join(settings.scopes),
            "state": proof.state,
            "nonce": proof.nonce,
            "code_challenge": proof.challenge,
            "code_challenge_method": "S256",
        }
        if anew:
            query |= {"prompt": "login", "max_age": "0"}
        if hint:
            query["login_hint"] = hint
        joint = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{joint}{urlencode(query)}"

    async def redeem(
        self,
        provider: IdentityProvider,
        proof: Proof,
        code: str,
        redirect_uri: str,
        *,
        now: datetime,
        since: datetime | None = None,
    ) -> Told:
        """Who it is. Raises Fault ProviderUnreachable, ProviderAnswerInvalid, ProviderRefused or
        ExternalTokenInvalid.
        """
        metadata, settings = await self._providers.metadata(provider), read(provider.settings)
        given = await self._tokens(provider, metadata, proof, code, redirect_uri)
        try:
            header = id_token.head(given.id_token)
            keys = await self._providers.keys(provider)
            key = id_token.key_for(header, keys)
            if key is None:
                keys = await self._providers.keys(provider, lacking=header.kid)
                key = id_token.key_for(header, keys)
            if key is None:
                raise NotBelieved("its key is none of the provider's")
            claims = id_token.verify(
                given.id_token,
                key,
                algorithm=header.alg,
                issuer=provider.issuer,
                client_id=provider.client_id,
                nonce=proof.nonce,
                now=now,
                since=since,
            )
            more: dict[str, Any] = {}
            if given.access_token and metadata.userinfo_endpoint and id_token.lacks(claims, settings):
                more = await self._userinfo(provider, metadata.userinfo_endpoint, given.access_token)
                if more.get("sub") != claims["sub"]:
                    # OpenID Connect Core 5.3.2: somebody else's is not to be used.
                    raise NotBelieved("what the provider says of the person is about another one")
            return id_token.told(claims, more, settings)
        except NotBelieved as error:
            raise Fault("ExternalTokenInvalid", name=provider.name, detail=str(error)) from error

    async def _tokens(
        self, provider: IdentityProvider, metadata: Metadata, proof: Proof, code: str, redirect_uri: str
    ) -> _Given:
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect_uri,
            "code_verifier": proof.verifier,
        }
        headers: dict[str, str] = {}
        secret = self._secret(provider)
        ways = metadata.token_endpoint_auth_methods_supported
        if secret is None:
            form["client_id"] = provider.client_id
        elif "client_secret_basic" in ways or "client_secret_post" not in ways:
            # RFC 6749 2.3.1: each part is encoded as in a form, before it is joined.
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        else:
            form |= {"client_id": provider.client_id, "client_secret": secret}
        answer = await self._providers.ask(provider, metadata.token_endpoint, form=form, headers=headers)
        if answer.status != 200:
            raise Fault("ProviderRefused", name=provider.name, error=_error(answer.body))
        try:
            return msgspec.json.decode(answer.body, type=_Given)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise invalid(provider, "its answer to the code has no id token") from error

    async def _userinfo(self, provider: IdentityProvider, url: str, token: str) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {token}"}
        answer = await self._providers.ask(provider, url, headers=headers)
        try:
            if answer.status != 200:
                raise ValueError("no answer")
            return msgspec.json.decode(answer.body, type=dict[str, Any])
        except (ValueError, RecursionError) as error:
            raise invalid(provider, "what it says of the person cannot be read") from error

    def _secret(self, provider: IdentityProvider) -> str | None:
        if provider.secret is None:
            return None
        about = PROVIDERS.about(provider.id)
        return self._store.vault.unseal(provider.secret, about, provider.wrap).decode()


def known_error(word: str) -> str:
    """A provider's word for a refusal, when it is one of the standards'; else `unknown`."""
    return word if word in _KNOWN_ERRORS else "unknown"


def _error(body: bytes) -> str:
    try:
        return known_error(msgspec.json.decode(body, type=_Refused).error)
    except (ValueError, RecursionError):
        return "unknown"


def _plain(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")
