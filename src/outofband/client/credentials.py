"""Who we are towards a control plane, and where the next access token comes from."""

from __future__ import annotations

import contextlib
from typing import Protocol

from outofband.client import background
from outofband.client.account import Account
from outofband.client.authority import Authority, Refusal
from outofband.client.profile import LocalProfile, PersonProfile
from outofband.client.tokens import TokenCache
from outofband.client.transport import Transport, trusting
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.secrets import write_private
from outofband.net.trust import MAX_TRUST_LENGTH, next_trust
from outofband.wire.enrolment import TRUST_PATH

RENEW_BEFORE_SECONDS = 300


class Credentials(Protocol):
    def token(self, transport: Transport, refused: str | None = None) -> str:
        """An access token, and not the one the server `refused`. Raises Fault."""
        ...

    def hurry(self) -> None:
        """Rather fail than wait, from now on."""
        ...


class Secret:
    """The client that the control plane made for its own host (client credentials)."""

    def __init__(self, profile: LocalProfile, cache: TokenCache) -> None:
        self._profile, self._cache = profile, cache

    def token(self, transport: Transport, refused: str | None = None) -> str:
        """Raises Fault SignInFailed, and those of the profile's files."""
        if held := self._cache.get(clock.wall() + RENEW_BEFORE_SECONDS, refused):
            return held
        profile = self._profile
        granted = Authority(transport, profile.tenant_id).token(
            grant_type="client_credentials",
            client_id=profile.client_id,
            client_secret=profile.secret(),
            scope=f"{profile.arm}/.default",
        )
        if isinstance(granted, Refusal):
            raise Fault("SignInFailed", client=profile.client_id, detail=granted.words)
        self._cache.put(granted.access_token, clock.wall() + granted.expires_in)
        return granted.access_token

    def hurry(self) -> None:
        pass


class Person:
    """Somebody who signed in with `oob login`: a renewal uses the refresh token up and brings the next."""

    def __init__(self, profile: PersonProfile, account: Account) -> None:
        self._profile, self._account = profile, account
        self._cache = account.access_token(profile)
        self._hurried = False

    def token(self, transport: Transport, refused: str | None = None) -> str:
        """Raises Fault SignInEnded, StateNotWritable or AnotherSignsIn."""
        if held := self._held(refused):
            return held
        if self._hurried:
            # An answer that is not waited for would take the next refresh token with it.
            raise self._ended("a new token has to be fetched first")
        again = transport.again()
        return background.finish(lambda: self._renew(again, refused))

    def hurry(self) -> None:
        self._hurried = True

    def end(self) -> None:
        """End the sign-in, there and here. Raises Fault when the control plane did not take note of it; here
        everything is gone in any case.
        """
        account, profile = self._account, self._profile
        with account.locked():
            try:
                token = account.refresh_token(profile)
                if token is not None:
                    with Transport(profile.arm, trusting(profile.ca_file)) as transport:
                        authority = Authority(transport, profile.tenant_id)
                        authority.revoke(client_id=profile.client_id, refresh_token=token)
            finally:
                account.remove()

    def _held(self, refused: str | None) -> str | None:
        return self._cache.get(clock.wall() + RENEW_BEFORE_SECONDS, refused)

    def _renew(self, transport: Transport, refused: str | None) -> str:
        with transport, self._account.locked():
            # Another `oob` may have done it while this one waited for the lock.
            if held := self._held(refused):
                return held
            token = self._account.refresh_token(self._profile)
            if token is None:
                raise self._ended("its files are gone from this machine")
            # What cannot be kept must not be asked for: a full disk shows before the old one is used up.
            self._account.replace_refresh_token(self._profile, token)
            granted = Authority(transport, self._profile.tenant_id).token(
                grant_type="refresh_token",
                client_id=self._profile.client_id,
                refresh_token=token,
                scope=scopes(self._profile.resource),
            )
            if isinstance(granted, Refusal):
                raise self._ended(granted.words)
            if granted.refresh_token:
                self._account.replace_refresh_token(self._profile, granted.refresh_token)
            self._cache.put(granted.access_token, clock.wall() + granted.expires_in)
            self._learn(transport)
            return granted.access_token

    def _learn(self, transport: Transport) -> None:
        """Take up the next authority, told over a connection that the known ones vouch for."""
        with contextlib.suppress(Fault, ValueError, OSError):
            offered = transport.fetch(TRUST_PATH, MAX_TRUST_LENGTH)
            pinned = next_trust(self._profile.ca_file.read_text(), offered)
            if pinned is not None and self._profile.ca_file == self._account.trust:
                write_private(self._account.trust, pinned)

    def _ended(self, detail: str) -> Fault:
        return Fault("SignInEnded", name=self._profile.name, url=self._profile.arm, detail=detail)


def scopes(resource: str) -> str:
    """What a person's sign-in asks for: this control plane, who it is, and to stay signed in."""
    return f"{resource}/.default offline_access openid profile"
