"""`POST /fleet/onboarding`: the script that brings servers to a resource group; the package it fetches."""

from __future__ import annotations

import hashlib

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import serialization
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from outofband.core.errors import Fault
from outofband.fleet.onboarding import script as scripts
from outofband.fleet.onboarding.package import PATH as PACKAGES
from outofband.fleet.onboarding.package import Described, Package
from outofband.fleet.onboarding.script import System, Wish
from outofband.http import edge
from outofband.http.services import Services
from outofband.resources.polling import DEFAULT_LOCATION

PATH = "/fleet/onboarding"
PACKAGE_PATH = PACKAGES + "/{package}"
MAX_WISH = 16 * 1024


class OnboardingRequest(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`many`: for servers that sign in as a service principal (`servicePrincipalId`, if it is known yet),
    whose secret each of them gets from a file; else a person signs in at each. `system`: linux or windows.
    """

    subscription: str
    resource_group: str
    location: str = ""
    many: bool = False
    service_principal_id: str = ""
    resource_name: str = ""
    tags: dict[str, str] = {}
    proxy: str = ""
    system: System = System.LINUX


class Onboarding(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """`name`: the script's file name. `fingerprint`: of the authority it trusts (SHA-256, hex)."""

    name: str
    script: str
    sha256: str
    server: str
    fingerprint: str
    package: Described


class OnboardingDoors:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._package = Package()

    async def make(self, request: Request) -> Response:
        """For whoever signed in: there is no secret in it, and what it brings needs a right of its own."""

        async def answer(ids: edge.Ids) -> Response:
            principal = await edge.caller_of(request, self._services.authority)
            wanted = edge.decoded(await edge.body_of(request, MAX_WISH), OnboardingRequest)
            if not wanted.subscription or not wanted.resource_group:
                raise Fault("InvalidParameter", target="resourceGroup", detail="a subscription and a group")
            package = await self._package.described()
            server, fingerprint = self._services.authority.base, self._fingerprint()
            text = scripts.script(
                wanted.system,
                Wish(
                    server=server,
                    fingerprint=fingerprint,
                    package_path=package.path,
                    package_sha256=package.sha256,
                    package_python=package.python,
                    tenant=principal.tenant,
                    subscription=wanted.subscription,
                    resource_group=wanted.resource_group,
                    location=wanted.location or DEFAULT_LOCATION,
                    many=wanted.many,
                    service_principal=wanted.service_principal_id,
                    resource_name=wanted.resource_name,
                    tags=wanted.tags,
                    proxy=wanted.proxy,
                ),
            )
            made = Onboarding(
                name=scripts.file_name(wanted.system),
                script=text,
                sha256=hashlib.sha256(text.encode()).hexdigest(),
                server=server,
                fingerprint=fingerprint,
                package=package,
            )
            return edge.json_answer(200, made, {**ids.headers(), "Cache-Control": "no-store"})

        return await edge.guarded(request, self._services.authority, answer)

    async def package(self, request: Request) -> Response:
        """GET /fleet/packages/NAME: for anybody, as the source is; whoever fetches it knows its hash."""

        async def answer(ids: edge.Ids) -> Response:
            if (name := str(request.path_params["package"])) != self._package.name:
                raise Fault("PackageUnknown", name=name[:128])
            package = await self._package.described()
            headers = {
                **ids.headers(),
                "Content-Length": str(package.size),
                "Content-Disposition": f'attachment; filename="{package.name}"',
                "ETag": f'"{package.sha256}"',
            }
            return StreamingResponse(self._package.content(), media_type="application/x-tar", headers=headers)

        return await edge.guarded(request, self._services.authority, answer)

    def _fingerprint(self) -> str:
        """Of the authority that is in use: the first of the bundle."""
        bundle = self._services.fleet.authorities()
        first = x509.load_pem_x509_certificates(bundle.encode())[0]
        return hashlib.sha256(first.public_bytes(serialization.Encoding.DER)).hexdigest()
