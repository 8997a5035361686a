"""The audit log: `GET /audit/export` gives it as lines to verify elsewhere, `GET /audit/keys` the keys.

Who reads the tenant's activity log may have both. Other tenants' records are in it by their digest alone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.ids import ResourceId
from outofband.http import edge
from outofband.http.services import Services
from outofband.resources import exchange
from outofband.resources.trail import Trail

log = structlog.get_logger(__name__)

READ = "Microsoft.Insights/eventtypes/values/read"
EXPORT = "Microsoft.Insights/eventtypes/export/action"
ROOT = "/"
_LOG = ResourceId(namespace="Microsoft.Insights", chain=(("eventtypes", "management"),))


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    kid: str
    jwk: dict[str, Any]


class PublicKeys(msgspec.Struct, frozen=True, kw_only=True):
    keys: list[PublicKey]
    """Newest first."""


class AuditDoors:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._store = services.store
        self._trail = Trail(services.store)

    async def keys(self, request: Request) -> Response:
        async def answer(ids: edge.Ids) -> Response:
            asked = await self._asked(request, ids)
            await self._services.authorizer.require(asked.principal, READ, ROOT)
            found = await self._keys()
            return edge.json_answer(200, PublicKeys(keys=found), ids.headers())

        return await edge.guarded(request, self._services.authority, answer)

    async def export(self, request: Request) -> Response:
        async def answer(ids: edge.Ids) -> Response:
            asked = await self._asked(request, ids)
            since, until = _day(asked, "from"), _day(asked, "to")
            try:
                async with self._store.write() as tx:
                    await self._services.authorizer.require(asked.principal, READ, ROOT, tx)
                    about = {"from": since or "", "to": until or ""}
                    await self._trail.request(
                        tx, asked, _LOG, EXPORT, Trail.SUCCEEDED, now=clock.now(), properties=about
                    )
            except Fault as fault:
                await self._trail.refused(asked, _LOG, EXPORT, fault)
                raise
            # Signed up to this moment: what is missing from here on is missing.
            await self._services.audit.sealer.seal(clock.now())
            tenant = asked.principal.tenant
            told = self._services.audit.exporter.told(tenant, since=since, until=until)
            headers = {**ids.headers(), "Cache-Control": "no-store"}
            return StreamingResponse(_whole(told), media_type="application/x-ndjson", headers=headers)

        return await edge.guarded(request, self._services.authority, answer)

    async def _asked(self, request: Request, ids: edge.Ids) -> exchange.Request:
        authority = self._services.authority
        principal = await edge.caller_of(request, authority)
        return edge.asked(request, ids, principal, authority.base)

    async def _keys(self) -> list[PublicKey]:
        now, keys = clock.now(), self._services.audit.keys
        async with self._store.read() as tx:
            found = await keys.all(tx, now)
        if not found:
            async with self._store.write() as tx:
                found = [await keys.signing(tx, now)]
        return [PublicKey(kid=each.kid, jwk=each.jwk) for each in found]


async def _whole(told: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Without its last line it is known to be cut; there is no other way left to say so."""
    try:
        async for line in told:
            yield line
    except Fault as fault:
        log.warning("audit.export_cut", code=fault.code)


def _day(asked: exchange.Request, name: str) -> str | None:
    """Raises Fault InvalidParameter."""
    text = asked.parameter(name)
    if not text:
        return None
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError as error:
        raise Fault("InvalidParameter", target=name, detail="a day is written 2026-03-04") from error
