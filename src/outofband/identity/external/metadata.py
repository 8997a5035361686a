"""What a provider says of itself: its endpoints (OpenID Connect Discovery 1.0) and its keys, kept for a time.

Keys change without notice. A token that names one that is not known has them fetched again, but not more
often than every REFETCH_SECONDS, whatever is shown to us.
"""

from __future__ import annotations

import asyncio
import ssl
from typing import Any, TypeVar

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.net.fetch import Answer, FetchFailed, fetch, is_https, trusting
from outofband.store.identity_providers import IdentityProvider

WELL_KNOWN = "/.well-known/openid-configuration"
KEEP_SECONDS = 600.0
"""Endpoints and keys; what changes before is met by fetching again."""
REFETCH_SECONDS = 30.0
MAX_KEPT = 64
"""Providers whose documents are in memory."""
MAX_KEYS = 64
MIN_RSA_BITS = 2048
Key = RSAKey | ECKey | OKPKey
_KEYS: dict[str, type[RSAKey] | type[ECKey] | type[OKPKey]] = {"RSA": RSAKey, "EC": ECKey, "OKP": OKPKey}
_S = TypeVar("_S", bound=msgspec.Struct)


class Metadata(msgspec.Struct, frozen=True, kw_only=True):
    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    userinfo_endpoint: str | None = None
    end_session_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    code_challenge_methods_supported: tuple[str, ...] = ()
    authorization_response_iss_parameter_supported: bool = False


class _KeySet(msgspec.Struct, frozen=True):
    keys: list[dict[str, Any]]


class _Kept:
    """The documents of one provider, as one issuer and one trust made them."""

    def __init__(self, issuer: str, ca: str | None) -> None:
        self.issuer, self.ca = issuer, ca
        self.metadata: Metadata | None = None
        self.keys: dict[str, Key] = {}
        self.until = 0.0
        self.asked = 0.0
        """When the keys were fetched last, on the monotonic clock."""
        self.failure: Fault | None = None
        self.failed = 0.0
        self.lock = asyncio.Lock()


class Providers:
    """Fetches and keeps. What a person has to be told is a Fault with the provider's name."""

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}

    async def metadata(self, provider: IdentityProvider, *, fresh: bool = False) -> Metadata:
        """Raises Fault ProviderUnreachable or ProviderAnswerInvalid."""
        kept, came = self._of(provider), clock.monotonic()
        async with kept.lock:
            if fresh or kept.metadata is None or clock.monotonic() > kept.until:
                # Who waited for another's vain attempt does not make one more.
                if kept.failure is not None and kept.failed > came:
                    raise Fault(kept.failure.code, **kept.failure.fields)
                try:
                    kept.metadata = await self._discover(provider)
                    kept.keys = await self._keys(provider, kept.metadata)
                except Fault as fault:
                    kept.failure, kept.failed = fault, clock.monotonic()
                    raise
                kept.asked = clock.monotonic()
                kept.until = kept.asked + KEEP_SECONDS
            return kept.metadata

    async def keys(self, provider: IdentityProvider, *, lacking: str | None = None) -> dict[str, Key]:
        """Public keys by their id. `lacking` is an id that was not among them: they may have changed.

        Raises Fault ProviderUnreachable or ProviderAnswerInvalid.
        """
        metadata, kept = await self.metadata(provider), self._of(provider)
        async with kept.lock:
            waited = clock.monotonic() - kept.asked
            if lacking is not None and lacking not in kept.keys and waited >= REFETCH_SECONDS:
                kept.asked = clock.monotonic()
                kept.keys = await self._keys(provider, metadata)
            return kept.keys

    async def ask(
        self,
        provider: IdentityProvider,
        url: str,
        *,
        form: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """One request to an endpoint of the provider. Raises Fault ProviderUnreachable."""
        try:
            return await fetch(url, self._context(provider), form=form, headers=headers)
        except FetchFailed as error:
            raise Fault("ProviderUnreachable", name=provider.name, detail=str(error)) from error

    def forget(self, provider_id: str) -> None:
        self._kept.pop(provider_id, None)

    def known(self, provider_id: str) -> Metadata | None:
        """What is in memory, without asking anybody."""
        kept = self._kept.get(provider_id)
        return kept.metadata if kept is not None else None

    def _of(self, provider: IdentityProvider) -> _Kept:
        issuer, ca = provider.issuer, provider.settings.get("ca")
        kept = self._kept.get(provider.id)
        if kept is None or (kept.issuer, kept.ca) != (issuer, ca):
            self._kept.pop(provider.id, None)
            while len(self._kept) >= MAX_KEPT:
                del self._kept[next(iter(self._kept))]
            kept = self._kept[provider.id] = _Kept(issuer, ca)
        return kept

    def _context(self, provider: IdentityProvider) -> ssl.SSLContext:
        return trusting(provider.settings.get("ca"))

    async def _discover(self, provider: IdentityProvider) -> Metadata:
        url = provider.issuer.rstrip("/") + WELL_KNOWN
        found = await self._document(provider, url, Metadata, "its configuration")
        if found.issuer != provider.issuer:
            raise invalid(provider, f"it says that its issuer is {found.issuer[:200]!r}")
        asked = (found.authorization_endpoint, found.token_endpoint, found.jwks_uri)
        more = (found.userinfo_endpoint, found.end_session_endpoint)
        if not all(is_https(each) for each in (*asked, *(each for each in more if each is not None))):
            raise invalid(provider, "an endpoint in its configuration does not begin with https://")
        supported = found.code_challenge_methods_supported
        if supported and "S256" not in supported:
            raise invalid(provider, "it does not support PKCE with S256")
        return found

    async def _keys(self, provider: IdentityProvider, metadata: Metadata) -> dict[str, Key]:
        found = await self._document(provider, metadata.jwks_uri, _KeySet, "its keys")
        keys: dict[str, Key] = {}
        for each in found.keys[:MAX_KEYS]:
            kind = _KEYS.get(str(each.get("kty")))
            if kind is None or each.get("use", "sig") != "sig":
                continue
            try:
                key = kind.import_key(_public(each))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
            if isinstance(key, RSAKey) and key.raw_value.key_size < MIN_RSA_BITS:
                continue
            keys[str(each.get("kid", ""))] = key
        if not keys:
            raise invalid(provider, "there is no key among its keys that may sign id tokens")
        return keys

    async def _document(self, provider: IdentityProvider, url: str, kind: type[_S], what: str) -> _S:
        answer = await self.ask(provider, url)
        if answer.status != 200:
            raise invalid(provider, f"{what} cannot be read: it answered with status {answer.status}")
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
            raise invalid(provider, f"{what} cannot be read: it is not the JSON that it has to be") from error


def invalid(provider: IdentityProvider, detail: str) -> Fault:
    return Fault("ProviderAnswerInvalid", name=provider.name, detail=detail)


def _public(jwk: dict[str, Any]) -> dict[str, Any]:
    """Only what is public of a key: what else a provider sends is not for us to hold."""
    members = ("kty", "kid", "alg", "use", "crv", "n", "e", "x", "y")
    return {name: jwk[name] for name in members if isinstance(jwk.get(name), str)}
