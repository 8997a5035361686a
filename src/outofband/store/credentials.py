"""What proves a program: secrets, kept as their SHA-256, and public certificates.

Each is held by the application or by its service principal, as clients list them; both prove the program.
"""

from __future__ import annotations

import uuid
from datetime import datetime

import msgspec
import sqlalchemy as sa

from outofband.core import secrets
from outofband.core.errors import Fault
from outofband.store import tables
from outofband.store.directory_tables import applications, client_certificates, client_secrets
from outofband.store.generations import advance
from outofband.store.query import Query
from outofband.store.tx import Tx, columns

MAX_EACH = 20
"""Secrets, and certificates, that one holder may have."""
_HINT = 3
_LONG = 32


class PrincipalSecret(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    app_id: str
    object_id: str
    """Of the holder."""
    label: str
    hint: str
    """How the secret begins; empty when that would tell too much, or is not known."""
    digest: str
    created: datetime
    begins: datetime | None = None
    expires: datetime | None

    def matches(self, secret: str) -> bool:
        return secrets.matches(secret, self.digest)

    def begun(self, now: datetime) -> bool:
        return self.begins is None or self.begins <= now

    def ended(self, now: datetime) -> bool:
        return self.expires is not None and self.expires <= now


class ClientCertificate(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    app_id: str
    object_id: str
    """Of the holder."""
    label: str
    thumbprint: str
    """`x5t`: SHA-1 of the DER, base64url without padding."""
    thumbprint_sha256: str
    """`x5t#S256`."""
    certificate: str
    """PEM."""
    created: datetime
    begins: datetime
    expires: datetime

    def valid(self, now: datetime) -> bool:
        return self.begins <= now < self.expires


_SECRETS = Query(
    PrincipalSecret,
    columns(client_secrets, PrincipalSecret)
    .join(tables.service_principals, tables.service_principals.c.app_id == client_secrets.c.app_id)
    .where(tables.service_principals.c.object_id == sa.bindparam("id"))
    .order_by(client_secrets.c.created.desc(), client_secrets.c.id),
)


class Credentials:
    """`object_id` is a holder's to write, and a service principal's where its program is to be proven."""

    async def add_secret(
        self,
        tx: Tx,
        object_id: str,
        *,
        label: str,
        now: datetime,
        secret: str | None = None,
        begins: datetime | None = None,
        expires: datetime | None = None,
        hint: str | None = None,
        digest: str | None = None,
    ) -> tuple[PrincipalSecret, str]:
        """Add `secret`, or a new one; the row and the secret itself, which is not seen again.

        `digest` (with `hint`) is of a secret that nobody tells, as an import has it. Raises Fault
        CredentialLimit, and DirectoryObjectNotFound for a holder that there is not.
        """
        app_id = await self._room(tx, client_secrets, object_id)
        chosen = "" if digest is not None else secret or secrets.token()
        told = hint if hint is not None else chosen[:_HINT] if len(chosen) >= _LONG else ""
        row = PrincipalSecret(
            id=str(uuid.uuid4()),
            app_id=app_id,
            object_id=object_id.lower(),
            label=label,
            hint=told,
            digest=digest if digest is not None else secrets.digest(chosen),
            created=now,
            begins=begins,
            expires=expires,
        )
        await tx.change(sa.insert(client_secrets).values(msgspec.structs.asdict(row)))
        return row, chosen

    async def secrets(self, tx: Tx, object_id: str) -> list[PrincipalSecret]:
        """All that prove the program of a service principal, newest first, ended ones too: a client is told
        when its secret has ended, not that it is wrong.
        """
        return await tx.all(_SECRETS, id=object_id.lower())

    async def secrets_held(self, tx: Tx, object_id: str) -> list[PrincipalSecret]:
        """Those of one holder, oldest first."""
        table = client_secrets
        query = columns(table, PrincipalSecret).where(table.c.object_id == object_id.lower())
        return await tx.rows(PrincipalSecret, query.order_by(table.c.created, table.c.id))

    async def remove_secret(self, tx: Tx, secret_id: str) -> bool:
        """Take a secret back; the tokens that were given for it end at their next use."""
        return await self._take(tx, client_secrets, secret_id)

    async def add_certificate(self, tx: Tx, certificate: ClientCertificate) -> None:
        """`app_id` is looked up again. Raises Fault CredentialLimit, CertificateExists and
        DirectoryObjectNotFound.
        """
        app_id = await self._room(tx, client_certificates, certificate.object_id)
        values = msgspec.structs.asdict(certificate) | {
            "app_id": app_id,
            "object_id": certificate.object_id.lower(),
        }
        if not await tx.change(tx.insert(client_certificates).values(values).on_conflict_do_nothing()):
            raise Fault("CertificateExists", thumbprint=certificate.thumbprint)

    async def certificates(self, tx: Tx, object_id: str) -> list[ClientCertificate]:
        """All that prove the program of a service principal, newest first, ended ones too."""
        table = client_certificates
        query = columns(table, ClientCertificate).where(table.c.app_id == _app_of(object_id))
        return await tx.rows(ClientCertificate, query.order_by(table.c.created.desc(), table.c.id))

    async def valid_certificates(self, tx: Tx, object_id: str, now: datetime) -> list[ClientCertificate]:
        """As `certificates`, those that are valid at `now`."""
        return [each for each in await self.certificates(tx, object_id) if each.valid(now)]

    async def certificates_held(self, tx: Tx, object_id: str) -> list[ClientCertificate]:
        """Those of one holder, oldest first."""
        table = client_certificates
        query = columns(table, ClientCertificate).where(table.c.object_id == object_id.lower())
        return await tx.rows(ClientCertificate, query.order_by(table.c.created, table.c.id))

    async def remove_certificate(self, tx: Tx, certificate_id: str) -> bool:
        """As `remove_secret`."""
        return await self._take(tx, client_certificates, certificate_id)

    async def has_credential(self, tx: Tx, object_id: str, credential_id: str) -> bool:
        """Whether the program of a service principal still has this secret or certificate, ended or not."""
        for table in (client_secrets, client_certificates):
            mine = sa.and_(table.c.id == credential_id, table.c.app_id == _app_of(object_id))
            if await tx.value(sa.select(table.c.id).where(mine)) is not None:
                return True
        return False

    async def remove_held(self, tx: Tx, object_id: str) -> None:
        """Everything that one holder has."""
        for table in (client_secrets, client_certificates):
            await tx.change(sa.delete(table).where(table.c.object_id == object_id.lower()))

    async def _take(self, tx: Tx, table: sa.Table, credential_id: str) -> bool:
        principals = tables.service_principals
        owner = sa.select(table.c.app_id).where(table.c.id == credential_id).scalar_subquery()
        await advance(tx, sa.select(principals.c.object_id).where(principals.c.app_id == owner))
        return await tx.change(sa.delete(table).where(table.c.id == credential_id)) > 0

    async def _room(self, tx: Tx, table: sa.Table, object_id: str) -> str:
        """The id that the program of a holder signs in with. Raises as `add_secret`."""
        holder = object_id.lower()
        principal = tables.service_principals
        # The identity of a machine has no application, and no credentials either.
        mine = sa.select(principal.c.app_id).join(applications, applications.c.app_id == principal.c.app_id)
        app_id = await tx.value(mine.where(principal.c.object_id == holder))
        if app_id is None:
            app_id = await tx.value(
                sa.select(applications.c.app_id).where(applications.c.object_id == holder)
            )
        if app_id is None:
            raise Fault("DirectoryObjectNotFound", id=object_id[:80])
        count = sa.select(sa.func.count()).select_from(table).where(table.c.object_id == holder)
        if int(await tx.value(count)) >= MAX_EACH:
            raise Fault("CredentialLimit", limit=MAX_EACH)
        return str(app_id)


def _app_of(object_id: str) -> sa.ScalarSelect[str]:
    principals = tables.service_principals
    return sa.select(principals.c.app_id).where(principals.c.object_id == object_id.lower()).scalar_subquery()
