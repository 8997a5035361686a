"""The directory's doors for applications and service principals, in the shapes of Microsoft Graph."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from outofband.core import clock
from outofband.http import edge
from outofband.http.graph_door import (
    APPLICATIONS,
    NO_STORE,
    PROGRAMS,
    Deed,
    GraphDoor,
    named,
    no_content,
)
from outofband.http.graph_program_shapes import (
    ApplicationChange,
    KeyCredential,
    NewApplication,
    NewPassword,
    NewProgram,
    OldPassword,
    ProgramChange,
    key_shape,
    password_shape,
)
from outofband.http.graph_shapes import conditions, fits, paged, shape
from outofband.resources import exchange
from outofband.store.applications import Application
from outofband.store.principals import ServicePrincipal
from outofband.store.tx import Tx
from outofband.wire.arm import paging

FILTERED = {
    APPLICATIONS: ("id", "appId", "displayName", "identifierUris", "signInAudience"),
    PROGRAMS: ("id", "appId", "displayName", "servicePrincipalNames", "accountEnabled"),
}
Holder = Application | ServicePrincipal


class GraphPrograms(GraphDoor):
    async def applications(self, request: Request) -> Response:
        """GET /v1.0/applications"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self.store.applications.of_tenant(tx, asked.principal.tenant)
            return await self._listed(asked, tx, APPLICATIONS, found)

        return await self.reading(request, work)

    async def principals(self, request: Request) -> Response:
        """GET /v1.0/servicePrincipals"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            found = await self.store.principals.of_tenant(tx, asked.principal.tenant)
            found.sort(key=lambda each: each.object_id)
            return await self._listed(asked, tx, PROGRAMS, found)

        return await self.reading(request, work)

    async def get(self, request: Request) -> Response:
        """GET /v1.0/applications/{object} and /v1.0/servicePrincipals/{object}"""

        async def work(asked: exchange.Request, tx: Tx) -> Any:
            return await self._whole(tx, await self._holder(tx, request, asked.principal.tenant))

        return await self.reading(request, work)

    async def create_application(self, request: Request) -> Response:
        """POST /v1.0/applications"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal, now = edge.decoded(body, NewApplication), deed.request.principal, clock.now()
            manifest = {name: value for name, value in wanted.manifest().items() if value is not None}
            made = await self.programs.add_application(
                tx, principal.tenant, name=wanted.display_name, manifest=manifest, now=now
            )
            await self._prove(tx, made, wanted.key_credentials)
            await self.store.custodians.add(tx, made.object_id, principal.object_id, now)
            deed.name = made.object_id
            await self.done(tx, deed, displayName=made.name, appId=made.app_id)
            return edge.json_answer(201, await self._whole(tx, made), {})

        return await self.changing_at_once(request, APPLICATIONS, "write", work)

    async def change_application(self, request: Request) -> Response:
        """PATCH /v1.0/applications/{object}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted = edge.decoded(body, ApplicationChange)
            found = await self.programs.application(tx, deed.request.principal.tenant, deed.name)
            if wanted.key_credentials is not None:
                await self._not_above(tx, deed, found)
            manifest = wanted.manifest()
            await self.programs.change_application(tx, found, name=wanted.display_name, manifest=manifest)
            about = await self._prove(tx, found, wanted.key_credentials)
            changed = [*manifest, *(["displayName"] if wanted.display_name is not None else [])]
            await self.done(
                tx, deed, displayName=found.name, appId=found.app_id, changed=sorted(changed), **about
            )
            return no_content()

        return await self.changing_at_once(request, APPLICATIONS, "write", work)

    async def create_principal(self, request: Request) -> Response:
        """POST /v1.0/servicePrincipals"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted, principal, now = edge.decoded(body, NewProgram), deed.request.principal, clock.now()
            made = await self.programs.add_principal(
                tx, principal.tenant, wanted.app_id, disabled=not wanted.account_enabled, now=now
            )
            await self.store.custodians.add(tx, made.object_id, principal.object_id, now)
            deed.name = made.object_id
            await self.done(tx, deed, displayName=made.name, appId=made.app_id)
            return edge.json_answer(201, await self._whole(tx, made), {})

        return await self.changing_at_once(request, PROGRAMS, "write", work)

    async def change_principal(self, request: Request) -> Response:
        """PATCH /v1.0/servicePrincipals/{object}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted = edge.decoded(body, ProgramChange)
            found = await self.programs.principal(tx, deed.request.principal.tenant, deed.name)
            about: dict[str, Any] = {}
            await self._not_above(tx, deed, found)
            if wanted.account_enabled is not None:
                await self.programs.set_disabled(tx, found, not wanted.account_enabled)
                about["accountEnabled"] = wanted.account_enabled
            about |= await self._prove(tx, found, wanted.key_credentials)
            await self.done(tx, deed, displayName=found.name, appId=found.app_id, **about)
            return no_content()

        return await self.changing_at_once(request, PROGRAMS, "write", work)

    async def remove(self, request: Request) -> Response:
        """DELETE /v1.0/applications/{object} and /v1.0/servicePrincipals/{object}"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            found = await self._holder(tx, request, deed.request.principal.tenant)
            await self._not_above(tx, deed, found)
            if isinstance(found, Application):
                await self.programs.remove_application(tx, found)
            else:
                await self.programs.remove_principal(tx, found)
            await self.done(tx, deed, displayName=found.name, appId=found.app_id)
            return no_content()

        return await self.changing_at_once(request, _kind(request), "delete", work)

    async def add_password(self, request: Request) -> Response:
        """POST /v1.0/applications/{object}/addPassword, and of /v1.0/servicePrincipals"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted = edge.decoded(body or b"{}", NewPassword).password_credential
            found = await self._holder(tx, request, deed.request.principal.tenant)
            await self._not_above(tx, deed, found)
            row, secret = await self.programs.add_secret(
                tx,
                found,
                label=wanted.display_name or "",
                begins=wanted.start_date_time,
                expires=wanted.end_date_time,
                now=clock.now(),
            )
            await self.done(tx, deed, displayName=found.name, appId=found.app_id, keyId=row.id)
            return edge.json_answer(200, password_shape(row, secret), NO_STORE)

        return await self.changing_at_once(request, _kind(request), "addPassword/action", work)

    async def remove_password(self, request: Request) -> Response:
        """POST /v1.0/applications/{object}/removePassword, and of /v1.0/servicePrincipals"""

        async def work(deed: Deed, body: bytes, tx: Tx) -> Response:
            wanted = edge.decoded(body, OldPassword)
            found = await self._holder(tx, request, deed.request.principal.tenant)
            await self.programs.remove_secret(tx, found, wanted.key_id)
            await self.done(tx, deed, displayName=found.name, appId=found.app_id, keyId=wanted.key_id)
            return no_content()

        return await self.changing_at_once(request, _kind(request), "removePassword/action", work)

    async def _listed(
        self, asked: exchange.Request, tx: Tx, kind: str, every: Sequence[Holder]
    ) -> dict[str, Any]:
        """A page of what fits the request's `$filter`; `every` is in order of object ids."""
        wanted = conditions(asked.parameter("$filter"))
        size, after = paging.size(asked.parameter("$top")), paging.after(asked.parameter("$skiptoken"))
        uris = await self._uris(tx, asked.principal.tenant) if kind == PROGRAMS else {}
        found = []
        for each in every:
            if after is not None and each.object_id <= after:
                continue
            body = shape(each)
            if kind == PROGRAMS:
                body["servicePrincipalNames"] += uris.get(each.app_id, [])
            if all(fits(body, one, FILTERED[kind]) for one in wanted):
                found.append((each, body))
            if len(found) > size:
                break
        bodies = [body | await self._proofs(tx, each) for each, body in found]
        return paged(asked, bodies, size, lambda at: found[at][0].object_id)

    async def _uris(self, tx: Tx, tenant: str) -> dict[str, list[str]]:
        every = await self.store.applications.of_tenant(tx, tenant)
        return {each.app_id: each.manifest.get("identifierUris", []) for each in every}

    async def _whole(self, tx: Tx, found: Holder) -> dict[str, Any]:
        """As it is now: a change may have gone before."""
        again: Holder | None
        if isinstance(found, Application):
            again = await self.store.applications.get(tx, found.object_id)
            body = shape(again or found)
        else:
            body = shape(found)
            application = await self.store.applications.by_app(tx, found.app_id)
            body["servicePrincipalNames"] += (
                application.manifest.get("identifierUris", []) if application is not None else []
            )
        return body | await self._proofs(tx, found)

    async def _proofs(self, tx: Tx, found: Holder) -> dict[str, Any]:
        secrets = await self.store.principals.secrets_held(tx, found.object_id)
        certificates = await self.store.principals.certificates_held(tx, found.object_id)
        return {
            "passwordCredentials": [password_shape(each) for each in secrets],
            "keyCredentials": [key_shape(each) for each in certificates],
        }

    async def _not_above(self, tx: Tx, deed: Deed, found: Holder) -> None:
        """What proves an application proves its service principal, which has the roles."""
        program = await self.store.principals.by_app(tx, found.app_id)
        if program is not None:
            await self.require_not_above(deed.request.principal, program.object_id, tx)

    async def _prove(self, tx: Tx, found: Holder, wanted: Sequence[KeyCredential] | None) -> dict[str, Any]:
        """Set the certificates; what to tell the activity log of it."""
        if wanted is None:
            return {}
        every = [each.wanted() for each in wanted]
        came, went = await self.programs.set_certificates(tx, found, every, clock.now())
        return {"certificatesAdded": came, "certificatesRemoved": went}

    async def _holder(self, tx: Tx, request: Request, tenant: str) -> Holder:
        """Raises Fault DirectoryObjectNotFound."""
        if _kind(request) == APPLICATIONS:
            return await self.programs.application(tx, tenant, named(request))
        return await self.programs.principal(tx, tenant, named(request))


def _kind(request: Request) -> str:
    """`applications` or `servicePrincipals`, as the path says."""
    return str(request.scope["path"]).split("/")[2]
