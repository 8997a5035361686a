"""The ASGI application: which path leads to which door."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send

from outofband.http.account.routes import account_routes
from outofband.http.account_policy import PolicyApi
from outofband.http.arm import ResourceManager
from outofband.http.audit import AuditDoors
from outofband.http.azure_console import ADMIN_PATH, CLIENT_PATH, AzureConsoles
from outofband.http.blobs.app import Blobs
from outofband.http.blobs.inside import Inside
from outofband.http.directory import DirectoryDoors
from outofband.http.explaining import PATH as EXPLAIN_PATH
from outofband.http.explaining import ExplainDoor
from outofband.http.fleet import FleetDoors
from outofband.http.graph_routes import graph_routes
from outofband.http.headers import DefaultHeaders
from outofband.http.metrics import PATH as METRICS
from outofband.http.metrics import MetricsDoor
from outofband.http.oauth import OAuth
from outofband.http.onboarding import PACKAGE_PATH, OnboardingDoors
from outofband.http.onboarding import PATH as ONBOARDING_PATH
from outofband.http.openapi import OpenApi
from outofband.http.portal import Portal
from outofband.http.providers import provider_routes
from outofband.http.services import Services
from outofband.http.wellknown import IMAGE_ALIASES, WellKnown
from outofband.wire.connecting import CONNECT_PATH, REKEY_PATH
from outofband.wire.enrolment import ENROL_PATH, TRUST_PATH

_IN_A_SUBSCRIPTION = "/subscriptions/"


class _Straight:
    """Most requests by far are for what is in a subscription: they need no look at the table of doors."""

    def __init__(self, arm: ASGIApp, doors: ASGIApp) -> None:
        self._arm, self._doors = arm, doors

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        straight = scope["type"] == "http" and scope["path"].startswith(_IN_A_SUBSCRIPTION)
        await (self._arm if straight else self._doors)(scope, receive, send)


def create_app(services: Services) -> ASGIApp:
    """The edge of one node. Everything that no other route takes is Resource Manager's."""
    arm = ResourceManager(services)
    known, oauth, fleet = WellKnown(services), OAuth(services), FleetDoors(services)
    consoles = AzureConsoles(services)
    portal, directory, account = Portal(services), DirectoryDoors(services), PolicyApi(services)
    audit, onboarding = AuditDoors(services), OnboardingDoors(services)
    doors = Starlette(
        routes=[
            Route("/", portal.home, methods=["GET"]),
            Route("/portal", portal.home, methods=["GET"]),
            Route("/portal/config.json", portal.config, methods=["GET"]),
            Route("/portal/{path:path}", portal.serve, methods=["GET"]),
            Route("/healthz", known.alive, methods=["GET"]),
            Route("/readyz", known.ready, methods=["GET"]),
            Route("/openapi.json", OpenApi(services).serve, methods=["GET"]),
            Route("/metadata/endpoints", known.metadata, methods=["GET"]),
            Route(IMAGE_ALIASES, known.image_aliases, methods=["GET"]),
            Route("/fleet/tokens", fleet.tokens, methods=["POST"]),
            Route(TRUST_PATH, fleet.trust, methods=["GET"]),
            Route(ONBOARDING_PATH, onboarding.make, methods=["POST"]),
            Route(PACKAGE_PATH, onboarding.package, methods=["GET"]),
            Route(ENROL_PATH, fleet.enrol, methods=["POST"]),
            Route(CONNECT_PATH, fleet.connect, methods=["POST"]),
            Route(REKEY_PATH, fleet.rekey, methods=["POST"]),
            WebSocketRoute("/fleet/link", fleet.link),
            WebSocketRoute(CLIENT_PATH, consoles.client),
            Route(ADMIN_PATH, consoles.admin, methods=["POST"]),
            Route("/v1.0/me/revokeSignInSessions", account.revoke_own, methods=["POST"]),
            Route("/v1.0/users/{user}/revokeSignInSessions", account.revoke_of, methods=["POST"]),
            Route("/account/api/sessions", account.sessions, methods=["GET"]),
            Route("/account/api/sessions/endOthers", account.end_others, methods=["POST"]),
            Route("/account/api/sessions/{session}", account.end_session, methods=["DELETE"]),
            Route("/account/api/factors", account.factors, methods=["GET"]),
            Route("/account/api/policy", account.policy, methods=["GET"]),
            Route("/account/api/policy", account.set_policy, methods=["PUT"]),
            Route("/account/api/policy/preview", account.preview, methods=["GET"]),
            Route("/account/api/users/{user}/sessions", account.sessions_of, methods=["GET"]),
            Route("/account/api/users/{user}/sessions/{session}", account.end_session_of, methods=["DELETE"]),
            Route("/account/api/users/{user}/factors", account.factors_of, methods=["GET"]),
            Route("/account/api/users/{user}/factors", account.clear_factors_of, methods=["DELETE"]),
            Route("/account/api/users/{user}/resetFactors", account.clear_factors_of, methods=["POST"]),
            *graph_routes(services),
            *provider_routes(services),
            Route("/directory/export", directory.export, methods=["POST"]),
            Route("/directory/import", directory.bring, methods=["POST"]),
            Route(EXPLAIN_PATH, ExplainDoor(services).explain, methods=["POST"]),
            Route("/audit/export", audit.export, methods=["GET"]),
            Route(METRICS, MetricsDoor(services).serve, methods=["GET"]),
            Route("/audit/keys", audit.keys, methods=["GET"]),
            Route("/{tenant}/oauth2/v2.0/token", oauth.token, methods=["POST"]),
            Route("/{tenant}/oauth2/v2.0/devicecode", oauth.device_code, methods=["POST"]),
            Route("/error", oauth.error, methods=["GET"]),
            Route("/{tenant}/oauth2/v2.0/revoke", oauth.revoke, methods=["POST"]),
            *account_routes(services),
            Route("/{tenant}/v2.0/.well-known/openid-configuration", oauth.discovery, methods=["GET"]),
            Route("/{tenant}/discovery/v2.0/keys", oauth.keys, methods=["GET"]),
            Mount("/", arm),
        ]
    )
    blobs = Blobs(services, _Straight(arm, doors))
    services.storage.ask = Inside(blobs, services.authority.base)
    return DefaultHeaders(blobs)
