"""Whether a request may do what it asks for: by key, by signature, by token, or because anyone may.

The order is Azure's: the account, its protocol and network rules, who asks, what that allows. What exists in
an account is told only to those who may do there what they asked for.
"""

from __future__ import annotations

import msgspec

from outofband.access.authorizer import Authorizer, Rights
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.http.blobs.needs import ACCOUNT_INFO, ADD, READ_BLOB, Level, Need
from outofband.http.blobs.target import Target
from outofband.identity.authority import Authority
from outofband.identity.tokens import STORAGE_AUDIENCES
from outofband.storage.accounts import Account, Accounts
from outofband.store.blobs_containers import Container
from outofband.store.store import Store
from outofband.store.tx import Tx
from outofband.wire.storage import sas, shared_key
from outofband.wire.storage.asked import Asked
from outofband.wire.storage.sas import Policy, Sas

CHALLENGED_SINCE = "2019-12-12"
"""From this version on who sends nothing is told how to sign in."""


_REACHES = {"b": {Level.OBJECT}, "c": {Level.CONTAINER, Level.OBJECT}}
"""What a signature for a blob or a container can be used on."""


class Grant(msgspec.Struct, frozen=True, kw_only=True):
    """What a request was allowed by."""

    sas: Sas | None = None
    rights: Rights | None = None
    """Of the caller of a token."""
    overwrites: bool = True
    """It may write over what is there, not only make something new."""
    anonymous: bool = False


class Grants:
    def __init__(
        self, store: Store, accounts: Accounts, authority: Authority, authorizer: Authorizer
    ) -> None:
        self._store = store
        self._accounts = accounts
        self._authority = authority
        self._authorizer = authorizer

    async def admit(self, tx: Tx, asked: Asked, target: Target) -> Account:
        """The account, when requests from there may come to it at all.

        Raises Fault StorageResourceNotFound, AccountRequiresHttps or AuthorizationFailure.
        """
        account = await self._accounts.named(tx, target.account)
        if account is None:
            raise Fault("StorageResourceNotFound")
        if account.https_only and not asked.https:
            raise Fault("AccountRequiresHttps")
        if not account.admits(asked.address):
            raise Fault("AuthorizationFailure", address=asked.address)
        return account

    async def decide(self, tx: Tx, asked: Asked, target: Target, account: Account, need: Need) -> Grant:
        """What the request is allowed by. Raises a Fault where it is by nothing."""
        authorization = asked.header("authorization")
        if authorization is not None:
            claim = shared_key.read(authorization)
            if claim is not None:
                return self._by_key(asked, target, account, claim)
            return await self._by_token(tx, authorization, target, account, need)
        signed = sas.read(asked.query)
        container = await self._container(tx, target, account)
        if signed is not None:
            return self._by_sas(asked, target, account, container, signed, need)
        return _by_nobody(asked, account, container, need)

    async def _container(self, tx: Tx, target: Target, account: Account) -> Container | None:
        if not target.container:
            return None
        return await self._store.containers.get(tx, account.uid, target.container)

    def _by_key(self, asked: Asked, target: Target, account: Account, claim: shared_key.Claim) -> Grant:
        if claim.account not in target.spellings:
            detail = "the Authorization header is for another account than the address"
            raise Fault("StorageAuthenticationFailed", detail=detail)
        shared_key.verify(asked, claim, [key.raw for key in account.keys], clock.now())
        if not account.takes_keys:
            raise Fault("KeyBasedAuthenticationNotPermitted")
        return Grant()

    async def _by_token(
        self, tx: Tx, authorization: str, target: Target, account: Account, need: Need
    ) -> Grant:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token.strip():
            raise Fault("StorageAuthenticationFailed", detail="the scheme is neither SharedKey nor Bearer")
        principal = await self._authority.verify_token(
            token.strip(), clock.now(), audiences=STORAGE_AUDIENCES
        )
        if principal.tenant != account.tenant:
            # Tenants are walls: to this caller the account does not exist.
            raise Fault("StorageResourceNotFound")
        rights = await self._authorizer.rights(principal, tx)
        return self.require(rights, target, account, need)

    def require(self, rights: Rights, target: Target, account: Account, need: Need) -> Grant:
        """What a caller's roles allow there. Raises Fault AuthorizationPermissionMismatch."""
        if account.sealed or (account.managed and need is not READ_BLOB):
            # Roles over a subscription are not over what the control plane keeps there: nobody lists it, and
            # a log that somebody could change or delete would prove nothing.
            raise Fault("AuthorizationPermissionMismatch", permissions=need.right)
        scope = str(account.rid)
        if target.container:
            scope += f"/blobServices/default/containers/{target.container}"
        if rights.allow(need.right, scope, data=need.data):
            return Grant(rights=rights)
        if need.makes and rights.allow(ADD, scope, data=True):
            return Grant(rights=rights, overwrites=False)
        raise Fault("AuthorizationPermissionMismatch", permissions=need.right)

    def _by_sas(
        self,
        asked: Asked,
        target: Target,
        account: Account,
        container: Container | None,
        signed: Sas,
        need: Need,
    ) -> Grant:
        sas.verify(
            signed,
            accounts=target.spellings,
            container=target.container,
            blob=target.blob,
            keys=[key.raw for key in account.keys],
        )
        if not account.takes_keys:
            raise Fault("KeyBasedAuthenticationNotPermitted")
        policies = [] if container is None else policies_of(container)
        signed = sas.resolved(signed, policies)
        sas.check(signed, now=clock.now(), address=asked.address, https=asked.https)
        if signed.is_account:
            if "b" not in signed.ss:
                raise Fault("AuthorizationServiceMismatch")
            if need.level not in signed.srt and need is not ACCOUNT_INFO:
                raise Fault("AuthorizationResourceTypeMismatch")
        elif not need.by_service or need.level not in _REACHES[signed.sr]:
            raise Fault("AuthorizationResourceTypeMismatch")
        held = frozenset(signed.sp)
        if not held & set(need.letters):
            raise Fault("AuthorizationPermissionMismatch", permissions=need.letters)
        return Grant(sas=signed, overwrites=not need.makes or "w" in held)


def policies_of(container: Container) -> list[Policy]:
    return [msgspec.convert(each, Policy) for each in container.policies]


def _by_nobody(asked: Asked, account: Account, container: Container | None, need: Need) -> Grant:
    shared = container is not None and container.public and container.public in need.public.split()
    if shared and account.may_be_public:
        return Grant(anonymous=True, overwrites=False)
    if asked.version >= CHALLENGED_SINCE:
        raise Fault("NoAuthenticationInformation")
    if not account.may_be_public:
        raise Fault("PublicAccessNotPermitted")
    raise Fault("StorageResourceNotFound")
