"""What anyone may read: health, and the cloud's description for Azure's clients."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from outofband.http import edge
from outofband.http.services import Services

CLOUD_NAME = "Outofband"
IMAGE_ALIASES = "/metadata/vm-image-aliases"
DOMAIN = "outofband.internal"
"""Suffix of services that do not exist here; clients want every key of the description to be there."""


class WellKnown:
    def __init__(self, services: Services) -> None:
        self._services = services

    async def alive(self, request: Request) -> Response:
        """GET /healthz: the process turns its loop."""
        return PlainTextResponse("ok")

    async def ready(self, request: Request) -> Response:
        """GET /readyz: this node can serve; 503 with the reason when it cannot."""
        reason = self._services.unready()
        return PlainTextResponse("ready") if reason is None else PlainTextResponse(reason, status_code=503)

    async def metadata(self, request: Request) -> Response:
        """GET /metadata/endpoints: what `az cloud register` asks first, before anyone signed in."""
        ids = edge.ids_of(request)
        base = edge.base_of(request, self._services.authority.base)
        told = cloud(base, self._services.authority.base, self._services.storage.suffix)
        return edge.json_answer(200, told, ids.headers())

    async def image_aliases(self, request: Request) -> Response:
        """GET /metadata/vm-image-aliases: which short names of images there are, which is none. Whose hosts
        have which images is told to those who sign in: `az vm image list --all`.
        """
        aliases = {"outputs": {"aliases": {"type": "object", "value": {}}}}
        return edge.json_answer(200, aliases, edge.ids_of(request).headers())


def cloud(base: str, audience: str, storage: str = "") -> dict[str, Any]:
    """The description in its version of 2022-09-01. `base`: the way here; `audience`: what tokens are for;
    `storage`: what follows `ACCOUNT.blob.` in a blob's address, if addresses are made like that.
    """
    services = {
        name: base
        for name in (
            "portal",
            "gallery",
            "graph",
            "batch",
            "media",
            "sqlManagement",
            "microsoftGraphResourceId",
            "activeDirectoryDataLake",
            "appInsightsResourceId",
            "appInsightsTelemetryChannelResourceId",
            "logAnalyticsResourceId",
            "ossrdbmsResourceId",
            "synapseAnalyticsResourceId",
            "attestationResourceId",
            "appServiceResourceId",
        )
    }
    suffixes = {
        "storage": storage or f"core.{DOMAIN}",
        "keyVaultDns": f"vault.{DOMAIN}",
        "mhsmDns": f"managedhsm.{DOMAIN}",
        "acrLoginServer": f"registry.{DOMAIN}",
        "sqlServerHostname": f"database.{DOMAIN}",
        "mysqlServerEndpoint": f"mysql.{DOMAIN}",
        "mariadbServerEndpoint": f"mariadb.{DOMAIN}",
        "postgresqlServerEndpoint": f"postgres.{DOMAIN}",
        "storageSyncEndpointSuffix": f"afs.{DOMAIN}",
        "azureDataLakeStoreFileSystem": f"lakestore.{DOMAIN}",
        "azureDataLakeAnalyticsCatalogAndJob": f"lakeanalytics.{DOMAIN}",
        "synapseAnalytics": f"synapse.{DOMAIN}",
        "attestationEndpoint": f"attest.{DOMAIN}",
    }
    return {
        "name": CLOUD_NAME,
        "resourceManager": f"{base}/",
        **services,
        "vmImageAliasDoc": f"{base}{IMAGE_ALIASES}",
        "graphAudience": f"{base}/",
        "authentication": {
            "loginEndpoint": f"{base}/",
            "audiences": [f"{audience}/", audience],
            "tenant": "common",
            "identityProvider": "AAD",
        },
        "suffixes": suffixes,
    }
