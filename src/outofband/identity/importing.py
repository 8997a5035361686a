"""A document of `documents` brought into a tenant: what is missing is made, what differs is changed, nothing
is removed. The same document a second time changes nothing.

Things are known by their id, else people by name, programs by client id, groups by name. A password, and a
secret, is taken over for who is made only: nobody's who is there is changed. All of it is one unit of work.
"""

from __future__ import annotations

import operator
import re
import uuid
from datetime import datetime

import argon2
import msgspec
from argon2.exceptions import InvalidHashError

from outofband.core.errors import Fault
from outofband.identity import certificates
from outofband.identity.directory import Directory
from outofband.identity.documents import (
    APPLICATION,
    FORMAT,
    ClientEntry,
    Document,
    GroupEntry,
    Holder,
    UserEntry,
)
from outofband.identity.groups import GroupDirectory
from outofband.identity.programs import Programs, WantedCertificate, display_name
from outofband.store.applications import Application
from outofband.store.groups import Group
from outofband.store.people import User
from outofband.store.principals import ServicePrincipal
from outofband.store.store import Store
from outofband.store.tx import Tx

MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES = 256 * 1024, 10, 16
"""Of a hash that is taken over: checking it later must not cost without bound."""
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Change(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """One thing that an import did, or would do."""

    kind: str
    """`users`, `groups`, `applications` or `servicePrincipals`."""
    id: str
    name: str
    what: str
    """`create`, `update`, `addMember`, `addOwner`, `addSecret` or `addCertificate`."""
    about: str = ""
    """What of it: names of members that changed, or who was added."""


class Importer:
    """Good for one document."""

    def __init__(self, store: Store, directory: Directory, tenant_id: str, now: datetime) -> None:
        self._store = store
        self._directory = directory
        self._groups = GroupDirectory(store, directory.owners)
        self._programs = Programs(store)
        self._tenant_id = tenant_id
        self._now = now
        self._ids: dict[str, str] = {}
        """From ids of the document to those here."""
        self._changes: list[Change] = []

    async def run(self, tx: Tx, document: Document) -> list[Change]:
        """Raises Fault ImportRefused, LastOwner, and those of making each thing by hand."""
        if document.format != FORMAT:
            raise _refused(f"its format is not {FORMAT}")
        async with self._directory.owners.kept(tx, self._tenant_id, "the document"):
            for user in document.users:
                await self._user(tx, user, document.tenant.domain)
            for client in document.clients:
                await self._client(tx, client)
            made = [(await self._group(tx, each), each) for each in document.groups]
            for group, entry in made:
                await self._members(tx, group, entry)
            for group, entry in made:
                await self._owners(tx, "groups", group.object_id, group.name, entry.owners)
            for client in document.clients:
                here = self._ids[client.id.lower()]
                await self._owners(tx, "applications", here, client.display_name, client.owners)
        return self._changes

    async def _user(self, tx: Tx, entry: UserEntry, domain: str | None) -> None:
        name = await self._name(tx, entry.name, domain)
        found = await self._store.people.get(tx, entry.id)
        if found is None or found.tenant_id != self._tenant_id:
            found = await self._store.people.by_name(tx, name)
        shown = display_name(entry.display_name)
        if found is None:
            made = User(
                object_id=await self._free(tx, entry.id),
                tenant_id=self._tenant_id,
                name=name,
                display_name=shown,
                disabled=not entry.enabled,
                password_hash=_hash(entry),
                password_changed=self._now if entry.password_hash is not None else None,
                must_change=entry.must_change,
                created=self._now,
            )
            await self._store.people.add(tx, made)
            self._note(entry.id, made.object_id)
            about = "with its password" if entry.password_hash else "without a password"
            self._did("users", made.object_id, name, "create", about)
            return
        self._note(entry.id, found.object_id)
        changed = []
        if found.display_name != shown:
            await self._directory.set_display_name(tx, found, shown)
            changed.append("displayName")
        if found.disabled is entry.enabled:
            await self._directory.set_disabled(tx, found, not entry.enabled, self._now)
            changed.append("enabled")
        if changed:
            self._did("users", found.object_id, found.name, "update", ", ".join(changed))

    async def _name(self, tx: Tx, name: str, domain: str | None) -> str:
        """A sign-in name as it is here: the document's domain becomes this tenant's."""
        local, at, theirs = name.rpartition("@")
        if at and domain is not None and theirs.lower() == domain.lower():
            name = local
        return await self._directory.complete(tx, self._tenant_id, name)

    async def _client(self, tx: Tx, entry: ClientEntry) -> None:
        found = await self._store.applications.get(tx, entry.id)
        if found is None or found.tenant_id != self._tenant_id:
            found = await self._store.applications.by_app(tx, entry.app_id)
        if found is not None and found.tenant_id != self._tenant_id:
            raise Fault("ApplicationExists", app_id=entry.app_id)
        if found is None:
            found = await self._programs.add_application(
                tx,
                self._tenant_id,
                name=entry.display_name,
                manifest=entry.manifest,
                now=self._now,
                object_id=await self._free(tx, entry.id),
                app_id=_guid(entry.app_id),
            )
            self._did("applications", found.object_id, found.name, "create", found.app_id)
        else:
            await self._change_application(tx, found, entry)
        self._note(entry.id, found.object_id)
        program = await self._program(tx, found, entry)
        await self._prove(tx, found, program, entry)

    async def _change_application(self, tx: Tx, found: Application, entry: ClientEntry) -> None:
        name = entry.display_name if entry.display_name.strip() != found.name else None
        differs = {key: value for key, value in entry.manifest.items() if found.manifest.get(key) != value}
        if name is not None or differs:
            await self._programs.change_application(tx, found, name=name, manifest=differs)
            changed = [*sorted(differs), *(["displayName"] if name is not None else [])]
            self._did("applications", found.object_id, entry.display_name, "update", ", ".join(changed))

    async def _program(self, tx: Tx, application: Application, entry: ClientEntry) -> ServicePrincipal | None:
        wanted = entry.service_principal
        found = await self._store.principals.by_app(tx, application.app_id)
        if wanted is None:
            return found
        if found is None:
            found = await self._programs.add_principal(
                tx,
                self._tenant_id,
                application.app_id,
                disabled=not wanted.enabled,
                now=self._now,
                object_id=await self._free(tx, wanted.id),
            )
            self._did("servicePrincipals", found.object_id, found.name, "create", found.app_id)
        elif found.disabled is wanted.enabled:
            await self._programs.set_disabled(tx, found, not wanted.enabled)
            self._did("servicePrincipals", found.object_id, found.name, "update", "enabled")
        self._note(wanted.id, found.object_id)
        return found

    async def _prove(
        self, tx: Tx, application: Application, program: ServicePrincipal | None, entry: ClientEntry
    ) -> None:
        def holder(name: Holder) -> Application | ServicePrincipal:
            if name == APPLICATION or program is None:
                return application
            return program

        for secret in entry.secrets:
            over = secret.expires is not None and secret.expires <= self._now
            if secret.digest is None or over:
                continue
            if not _DIGEST.fullmatch(secret.digest):
                raise _refused(f"a digest of '{entry.display_name}' is not a SHA-256 in hex")
            mine = holder(secret.holder)
            held = await self._store.principals.secrets_held(tx, mine.object_id)
            if all(each.digest != secret.digest for each in held):
                await self._store.principals.add_secret(
                    tx,
                    mine.object_id,
                    label=secret.label,
                    now=self._now,
                    begins=secret.begins,
                    expires=secret.expires,
                    hint=secret.hint,
                    digest=secret.digest,
                )
                self._did(_kind(mine), mine.object_id, mine.name, "addSecret", secret.label)
        for each in entry.certificates:
            if each.expires is not None and each.expires <= self._now:
                continue
            read = certificates.read(each.certificate, self._now)
            mine = holder(each.holder)
            held_here = await self._store.principals.certificates_held(tx, mine.object_id)
            if all(one.thumbprint_sha256 != read.thumbprint_sha256 for one in held_here):
                wanted = WantedCertificate(
                    text=each.certificate, label=each.label, begins=each.begins, expires=each.expires
                )
                await self._programs.add_certificate(tx, mine, wanted, self._now)
                about = certificates.hex_of(read.thumbprint)
                self._did(_kind(mine), mine.object_id, mine.name, "addCertificate", about)

    async def _group(self, tx: Tx, entry: GroupEntry) -> Group:
        found = await self._store.groups.get(tx, entry.id)
        if found is None or found.tenant_id != self._tenant_id:
            same = await self._store.groups.named(tx, self._tenant_id, entry.name)
            if len(same) > 1:
                raise Fault("GroupAmbiguous", name=entry.name, count=len(same))
            found = same[0] if same else None
        if found is None:
            found = await self._groups.add(
                tx,
                self._tenant_id,
                name=entry.name,
                mail_nickname=entry.mail_nickname,
                description=entry.description,
                now=self._now,
                object_id=await self._free(tx, entry.id),
            )
            self._did("groups", found.object_id, found.name, "create")
        else:
            there = (found.name, found.mail_nickname, found.description)
            given = {
                "name": entry.name.strip(),
                "mail_nickname": entry.mail_nickname.strip(),
                "description": entry.description or None,
            }
            differs = {
                name: value for (name, value), old in zip(given.items(), there, strict=True) if value != old
            }
            if differs:
                await self._groups.change(tx, found, differs)
                self._did("groups", found.object_id, entry.name, "update", ", ".join(sorted(differs)))
        self._note(entry.id, found.object_id)
        return found

    async def _members(self, tx: Tx, group: Group, entry: GroupEntry) -> None:
        for each in entry.members:
            here = self._here(each)
            try:
                member = await self._groups.add_member(tx, group, here, self._now, adopt=False)
            except Fault as fault:
                # A failed INSERT was none: the unit goes on.
                if fault.code != "MemberExists":
                    raise
                continue
            self._did("groups", group.object_id, group.name, "addMember", member.name)

    async def _owners(self, tx: Tx, kind: str, object_id: str, name: str, owners: list[str]) -> None:
        for each in owners:
            here = self._here(each)
            owner = await self._groups.member(tx, self._tenant_id, here)
            if isinstance(owner, Group):
                raise _refused(f"an owner of '{name}' is a group")
            if await self._store.custodians.add(tx, object_id, owner.object_id, self._now):
                self._did(kind, object_id, name, "addOwner", owner.name)

    async def _free(self, tx: Tx, object_id: str) -> str:
        """That id, when nothing anywhere has it; else another."""
        wanted, store = _guid(object_id), self._store
        for find in (store.people, store.principals, store.groups, store.applications):
            if await find.get(tx, wanted) is not None:
                return str(uuid.uuid4())
        return wanted

    def _note(self, theirs: str, here: str) -> None:
        self._ids[theirs.lower()] = here

    def _here(self, theirs: str) -> str:
        """What is not in the document may be here already."""
        return self._ids.get(theirs.lower(), theirs.lower())

    def _did(self, kind: str, object_id: str, name: str, what: str, about: str = "") -> None:
        self._changes.append(Change(kind=kind, id=object_id, name=name, what=what, about=about))


def _kind(holder: Application | ServicePrincipal) -> str:
    return "applications" if isinstance(holder, Application) else "servicePrincipals"


def _guid(text: str) -> str:
    try:
        return str(uuid.UUID(text))
    except ValueError as error:
        raise _refused(f"'{text[:80]}' is not a GUID") from error


def _hash(entry: UserEntry) -> str | None:
    if entry.password_hash is None:
        return None
    try:
        found = argon2.extract_parameters(entry.password_hash)
    except (InvalidHashError, ValueError) as error:
        raise _refused(f"the password hash of '{entry.name}' is not one of argon2") from error
    costs = (found.memory_cost, found.time_cost, found.parallelism)
    bounds = (MAX_MEMORY_KIB, MAX_PASSES, MAX_LANES)
    if found.type is not argon2.Type.ID or any(map(operator.gt, costs, bounds)):
        raise _refused(f"the password hash of '{entry.name}' is not argon2id, or costs too much to check")
    return entry.password_hash


def _refused(detail: str) -> Fault:
    return Fault("ImportRefused", detail=detail)
