"""The programs of a tenant: applications, their service principals, and what proves them.

The right is checked by whoever calls, which gives the unit of work and writes the activity row too.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec

from outofband.core.errors import Fault
from outofband.identity import certificates
from outofband.identity.bootstrap import CLI_NAME
from outofband.store.applications import Application
from outofband.store.principals import ClientCertificate, PrincipalSecret, ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx

MAX_APPLICATIONS = 5000
"""In a tenant."""
MAX_NAME = 256
MAX_LABEL = 120
MAX_URIS = 50
MAX_URI = 256
MAX_MANIFEST = 64 * 1024
"""Bytes of what clients keep with one application."""
SECRET_LIFE = timedelta(days=730)
"""Of a secret whose end is not said."""
LEEWAY = timedelta(minutes=5)
"""A moment so little ahead is now: clocks differ."""


class WantedCertificate(msgspec.Struct, frozen=True, kw_only=True):
    """One of the certificates that a holder is to have: one it has, by `id`, or a new one."""

    id: str | None = None
    text: str | None = None
    """PEM, or DER in base64."""
    label: str | None = None
    begins: datetime | None = None
    expires: datetime | None = None


class Programs:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def application(self, tx: Tx, tenant_id: str, object_id: str) -> Application:
        """By object id. Raises Fault DirectoryObjectNotFound."""
        found = await self._store.applications.get(tx, object_id)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("DirectoryObjectNotFound", id=object_id[:80])
        return found

    async def principal(self, tx: Tx, tenant_id: str, object_id: str) -> ServicePrincipal:
        """By object id. Raises Fault DirectoryObjectNotFound."""
        found = await self._store.principals.get(tx, object_id)
        if found is None or found.tenant_id != tenant_id:
            raise Fault("DirectoryObjectNotFound", id=object_id[:80])
        return found

    async def add_application(
        self,
        tx: Tx,
        tenant_id: str,
        *,
        name: str,
        manifest: dict[str, Any],
        now: datetime,
        object_id: str | None = None,
        app_id: str | None = None,
    ) -> Application:
        """Raises Fault ApplicationLimit, IdentifierUriTaken and InvalidParameter."""
        there = await self._store.applications.of_tenant(tx, tenant_id)
        if len(there) >= MAX_APPLICATIONS:
            raise Fault("ApplicationLimit", limit=MAX_APPLICATIONS)
        _check(manifest, there)
        made = Application(
            object_id=object_id or str(uuid.uuid4()),
            app_id=app_id or str(uuid.uuid4()),
            tenant_id=tenant_id,
            name=display_name(name),
            manifest=manifest,
            created=now,
        )
        await self._store.applications.add(tx, made)
        return made

    async def change_application(
        self, tx: Tx, application: Application, *, name: str | None, manifest: dict[str, Any]
    ) -> None:
        """`manifest` is what changes of it; None takes a member away. Its service principal has its name.

        Raises Fault IdentifierUriTaken and InvalidParameter.
        """
        given = None if name is None or name == application.name else display_name(name)
        merged = {key: value for key, value in (application.manifest | manifest).items() if value is not None}
        if manifest:
            every = await self._store.applications.of_tenant(tx, application.tenant_id)
            _check(merged, [each for each in every if each.object_id != application.object_id])
        await self._store.applications.change(tx, application.object_id, name=given, manifest=merged)
        if given is not None:
            found = await self._store.principals.by_app(tx, application.app_id)
            if found is not None:
                await self._store.principals.rename(tx, found.object_id, given)

    async def remove_application(self, tx: Tx, application: Application) -> None:
        """With its service principal and all that proves either."""
        found = await self._store.principals.by_app(tx, application.app_id)
        if found is not None:
            await self.remove_principal(tx, found)
        await self._store.custodians.forget(tx, application.object_id)
        await self._store.applications.remove(tx, application.object_id)

    async def add_principal(
        self,
        tx: Tx,
        tenant_id: str,
        app_id: str,
        *,
        disabled: bool,
        now: datetime,
        object_id: str | None = None,
    ) -> ServicePrincipal:
        """Let an application of the tenant sign in. Raises Fault ApplicationUnknown and
        ServicePrincipalExists.
        """
        application = await self._store.applications.by_app(tx, app_id)
        if application is None or application.tenant_id != tenant_id:
            raise Fault("ApplicationUnknown", app_id=app_id[:80])
        made = ServicePrincipal(
            object_id=object_id or str(uuid.uuid4()),
            app_id=application.app_id,
            tenant_id=tenant_id,
            name=application.name,
            disabled=disabled,
            created=now,
        )
        await self._store.principals.add(tx, made)
        return made

    async def set_disabled(self, tx: Tx, principal: ServicePrincipal, disabled: bool) -> None:
        await self._store.principals.set_disabled(tx, principal.object_id, disabled)

    async def remove_principal(self, tx: Tx, principal: ServicePrincipal) -> None:
        """With memberships and role assignments."""
        await self._store.assignments.remove_of(tx, principal.object_id)
        await self._store.groups.forget(tx, principal.object_id)
        await self._store.custodians.forget(tx, principal.object_id)
        await self._store.principals.remove(tx, principal.object_id)

    async def add_secret(
        self,
        tx: Tx,
        holder: Application | ServicePrincipal,
        *,
        label: str,
        begins: datetime | None,
        expires: datetime | None,
        now: datetime,
    ) -> tuple[PrincipalSecret, str]:
        """The row and the secret, which is seen this once. Raises Fault CredentialLimit, InvalidParameter."""
        begin = None if begins is None or begins <= now + LEEWAY else begins
        end = expires or (begin or now) + SECRET_LIFE
        if end <= (begin or now):
            raise Fault("InvalidParameter", target="endDateTime", detail="it is not after the beginning")
        return await self._store.principals.add_secret(
            tx, holder.object_id, label=_label(label), now=now, begins=begin, expires=end
        )

    async def remove_secret(self, tx: Tx, holder: Application | ServicePrincipal, secret_id: str) -> str:
        """Its label. Raises Fault CredentialNotFound."""
        for each in await self._store.principals.secrets_held(tx, holder.object_id):
            if each.id == secret_id.lower():
                await self._store.principals.remove_secret(tx, each.id)
                return each.label
        raise Fault("CredentialNotFound", id=secret_id[:80])

    async def add_certificate(
        self, tx: Tx, holder: Application | ServicePrincipal, wanted: WantedCertificate, now: datetime
    ) -> ClientCertificate:
        """Raises Fault CertificateRefused, CertificateExists and CredentialLimit."""
        found = certificates.read(wanted.text or "", now)
        begins = max(found.begins, wanted.begins or found.begins)
        expires = min(found.expires, wanted.expires or found.expires)
        if expires <= max(begins, now):
            raise Fault("CertificateRefused", detail="its last day would be before its first, or is over")
        made = ClientCertificate(
            id=str(uuid.uuid4()),
            app_id=holder.app_id,
            object_id=holder.object_id,
            label=_label(wanted.label or found.subject[:MAX_LABEL]),
            thumbprint=found.thumbprint,
            thumbprint_sha256=found.thumbprint_sha256,
            certificate=found.pem,
            created=now,
            begins=begins,
            expires=expires,
        )
        await self._store.principals.add_certificate(tx, made)
        return made

    async def set_certificates(
        self,
        tx: Tx,
        holder: Application | ServicePrincipal,
        wanted: Sequence[WantedCertificate],
        now: datetime,
    ) -> tuple[int, int]:
        """Make those of a holder be `wanted`; how many came and went. Raises as `add_certificate`."""
        held = await self._store.principals.certificates_held(tx, holder.object_id)
        there = {each.id for each in held}
        kept = {each.id.lower() for each in wanted if each.id is not None} & there
        for gone in there - kept:
            await self._store.principals.remove_certificate(tx, gone)
        added = [each for each in wanted if each.id is None or each.id.lower() not in kept]
        for each in added:
            await self.add_certificate(tx, holder, each, now)
        return len(added), len(there) - len(kept)


def display_name(text: str) -> str:
    name = text.strip()
    if not name or len(name) > MAX_NAME or not name.isprintable():
        detail = f"it has 1 to {MAX_NAME} printable characters"
        raise Fault("InvalidParameter", target="displayName", detail=detail)
    if name == CLI_NAME:
        # The next start would take it for its own.
        detail = f"'{CLI_NAME}' is the control plane's own"
        raise Fault("InvalidParameter", target="displayName", detail=detail)
    return name


def _label(text: str) -> str:
    label = text.strip()
    if len(label) > MAX_LABEL or not label.isprintable():
        detail = f"it has at most {MAX_LABEL} printable characters"
        raise Fault("InvalidParameter", target="displayName", detail=detail)
    return label


def _check(manifest: dict[str, Any], others: Sequence[Application]) -> None:
    if len(msgspec.json.encode(manifest)) > MAX_MANIFEST:
        raise Fault("InvalidParameter", target="application", detail=f"it has more than {MAX_MANIFEST} bytes")
    uris: list[str] = manifest.get("identifierUris", [])
    if len(uris) > MAX_URIS or any(
        not each or len(each) > MAX_URI or not each.isprintable() for each in uris
    ):
        detail = f"there are at most {MAX_URIS}, of 1 to {MAX_URI} printable characters"
        raise Fault("InvalidParameter", target="identifierUris", detail=detail)
    taken = {uri for each in others for uri in each.manifest.get("identifierUris", [])}
    if again := taken.intersection(uris):
        raise Fault("IdentifierUriTaken", uri=min(again))
