"""The directory as one document, out and in: `POST /directory/export` and `POST /directory/import`."""

from __future__ import annotations

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from outofband.access.authorizer import GIVES
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.core.principal import Principal
from outofband.http import edge
from outofband.http.graph_door import MAX_BODY, NO_STORE, READ, ROOT, WRITES
from outofband.http.services import Services
from outofband.identity.documents import Document, Exporter
from outofband.identity.importing import Change, Importer
from outofband.identity.trail import NAMESPACE
from outofband.resources import exchange
from outofband.resources.trail import Trail
from outofband.store.tx import Tx

MAX_DOCUMENT = 32 * 1024 * 1024
_TENANTS = f"{NAMESPACE}/tenants"
EXPORT, IMPORT = f"{_TENANTS}/exportHashes/action", f"{_TENANTS}/import/action"


class ExportRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    password_hashes: bool = False
    """Of passwords and of secrets too: whoever has the document can try to guess what they are of."""


class ImportRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    document: Document
    dry_run: bool = False


class ImportAnswer(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    dry_run: bool
    changes: list[Change]


class _Undo(Exception):
    """Ends the unit of work of a dry run."""


class DirectoryDoors:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._trail = Trail(services.store)

    async def export(self, request: Request) -> Response:
        """POST /directory/export: to read takes any role, for the hashes one takes all rights to change."""

        async def answer(ids: edge.Ids) -> Response:
            asked = await self._asked(request, ids, MAX_BODY)
            wanted = edge.decoded(asked.body or b"{}", ExportRequest)
            found = await (self._hashes(asked) if wanted.password_hashes else self._plain(asked))
            return edge.json_answer(200, found, {**ids.headers(), **NO_STORE})

        return await edge.guarded(request, self._services.authority, answer)

    async def bring(self, request: Request) -> Response:
        """POST /directory/import: a dry run does everything, tells it, and takes it back."""

        async def answer(ids: edge.Ids) -> Response:
            asked = await self._asked(request, ids, MAX_DOCUMENT)
            wanted = edge.decoded(asked.body, ImportRequest)
            try:
                changes = await self._bring(asked, wanted)
            except Fault as fault:
                if not wanted.dry_run:
                    await self._trail.refused(asked, _tenant(asked), IMPORT, fault)
                raise
            found = ImportAnswer(dry_run=wanted.dry_run, changes=changes)
            return edge.json_answer(200, found, ids.headers())

        return await edge.guarded(request, self._services.authority, answer)

    async def _plain(self, asked: exchange.Request) -> Document:
        async with self._store.read() as tx:
            rights = await self._services.authorizer.rights(asked.principal, tx)
            if not rights.assignments:
                rights.require(READ, ROOT)
            return await Exporter(self._store).document(tx, asked.principal.tenant, hashes=False)

    async def _hashes(self, asked: exchange.Request) -> Document:
        """In the unit that writes it down: no hash leaves without its row."""
        try:
            async with self._store.write() as tx:
                await self._require_all(asked.principal, tx)
                found = await Exporter(self._store).document(tx, asked.principal.tenant, hashes=True)
                await self._row(tx, asked, _tenant(asked), EXPORT, {"users": len(found.users)})
        except Fault as fault:
            await self._trail.refused(asked, _tenant(asked), EXPORT, fault)
            raise
        return found

    async def _bring(self, asked: exchange.Request, wanted: ImportRequest) -> list[Change]:
        changes: list[Change] = []
        try:
            async with self._store.write() as tx:
                await self._require_all(asked.principal, tx)
                importer = Importer(
                    self._store, self._services.directory, asked.principal.tenant, clock.now()
                )
                changes = await importer.run(tx, wanted.document)
                if wanted.dry_run:
                    raise _Undo
                for each in changes:
                    rid = ResourceId(namespace=NAMESPACE, chain=((each.kind, each.id),))
                    verb = "write" if each.what in ("create", "update") else f"{each.what}/action"
                    about = {"displayName": each.name, "imported": True, "about": each.about}
                    await self._row(tx, asked, rid, f"{NAMESPACE}/{each.kind}/{verb}", about)
                await self._row(tx, asked, _tenant(asked), IMPORT, {"changes": len(changes)})
        except _Undo:
            pass
        return changes

    async def _asked(self, request: Request, ids: edge.Ids, limit: int) -> exchange.Request:
        authority = self._services.authority
        principal = await edge.caller_of(request, authority)
        if limit > MAX_BODY:
            # Before a large body is read.
            await self._require_all(principal, None)
        return edge.asked(request, ids, principal, authority.base, await edge.body_of(request, limit))

    async def _require_all(self, principal: Principal, tx: Tx | None) -> None:
        # A document may put anybody into any group: it takes the right to give roles too.
        for right in dict.fromkeys([*WRITES.values(), GIVES]):
            await self._services.authorizer.require(principal, right, ROOT, tx)

    async def _row(
        self, tx: Tx, asked: exchange.Request, rid: ResourceId, action: str, about: dict[str, object]
    ) -> None:
        await self._trail.request(tx, asked, rid, action, Trail.SUCCEEDED, now=clock.now(), properties=about)


def _tenant(asked: exchange.Request) -> ResourceId:
    return ResourceId(namespace=NAMESPACE, chain=(("tenants", asked.principal.tenant),))
