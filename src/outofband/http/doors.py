"""The doors beside Resource Manager, described: what `GET /openapi.json` says of them.

A test holds this list and the routes together; pages for people are not in it.
"""

from __future__ import annotations

from outofband.http.account_api import (
    Ended,
    FactorList,
    FactorReset,
    PolicyChange,
    PolicyShape,
    SessionList,
)
from outofband.http.account_policy import PolicyPreview
from outofband.http.audit import PublicKeys
from outofband.http.azure_console import ADMIN_PATH, AdminCommand, Done
from outofband.http.door import Door
from outofband.http.explaining import PATH as EXPLAIN
from outofband.http.explaining import ExplainRequest, Explanations
from outofband.http.fleet import TokenRequest
from outofband.http.graph_doors import GRAPH_DOORS
from outofband.http.metrics import PATH as METRICS
from outofband.http.metrics import READ as READ_METRICS
from outofband.http.onboarding import PACKAGE_PATH, Onboarding, OnboardingRequest
from outofband.http.onboarding import PATH as ONBOARDING
from outofband.http.portal import PortalConfig
from outofband.http.provider_doors import PROVIDER_DOORS
from outofband.http.wellknown import IMAGE_ALIASES
from outofband.identity.oauth import TokenResponse
from outofband.wire.connecting import CONNECT_PATH, REKEY_PATH, ConnectAnswer, ConnectRequest, RekeyRequest
from outofband.wire.enrolment import ENROL_PATH, TRUST_PATH, EnrolAnswer, EnrolRequest

_SIGN_IN, _FLEET, _SERVICE, _AUDIT = "Sign-in", "Fleet", "Service", "Audit"
_ACCOUNT = "Account"
_CONSOLE = "Console"
FORMS: dict[str, dict[str, str]] = {
    "token": {
        "grant_type": "`client_credentials`, `authorization_code`, `refresh_token` or "
        "`urn:ietf:params:oauth:grant-type:device_code`",
        "client_id": "Id of the program",
        "client_secret": "Of a program that has one",
        "client_assertion": "In its place: a JWT signed with the program's certificate",
        "client_assertion_type": "`urn:ietf:params:oauth:client-assertion-type:jwt-bearer`",
        "claims": "What the token is to have (OpenID Connect Core 5.5), as a 401 asked for it",
        "scope": "The audience with `/.default`; for a person also `openid`, `profile`, `offline_access`",
        "code": "From the sign-in page",
        "code_verifier": "PKCE, S256",
        "redirect_uri": "As at the sign-in page",
        "refresh_token": "Used up by this",
        "device_code": "From `devicecode`",
    },
    "devicecode": {"client_id": "Id of the program", "scope": "As for a token"},
    "revoke": {"client_id": "Id of the program", "token": "A refresh token"},
}


_READ = "Needs any role in the tenant."
_WRITE = "Needs the action `Microsoft.Authorization/users/write` at the scope `/`."
_LOG = "Needs the action `Microsoft.Insights/eventtypes/values/read` at the scope `/`."
_OWN = "Needs a token and no right."
_API = "/account/api"
_NEW_TOKEN = {"subscription": "id of the subscription", "resourceGroup": "demo", "hours": 1}
_NEW_SCRIPT = {"subscription": "id of the subscription", "resourceGroup": "demo", "many": False}
_OAUTH = "/{tenant}/oauth2/v2.0"

DOORS = (
    Door(
        method="post",
        path=f"{_OAUTH}/token",
        id="SignIn_Token",
        tag=_SIGN_IN,
        about="Get an access token",
        form="token",
        answer=TokenResponse,
    ),
    Door(
        method="post",
        path=f"{_OAUTH}/devicecode",
        id="SignIn_DeviceCode",
        tag=_SIGN_IN,
        about="Begin a sign-in on another device",
        form="devicecode",
    ),
    Door(
        method="post",
        path=f"{_OAUTH}/revoke",
        id="SignIn_Revoke",
        tag=_SIGN_IN,
        about="Take a refresh token back, and all that came of it",
        form="revoke",
    ),
    Door(
        method="get",
        path="/error",
        id="SignIn_Error",
        tag=_SIGN_IN,
        about="Read what an AADSTS number means",
        plain=True,
        query=(("code", "The number"),),
    ),
    Door(
        method="get",
        path="/{tenant}/v2.0/.well-known/openid-configuration",
        id="SignIn_Configuration",
        tag=_SIGN_IN,
        about="Read the authority's addresses",
    ),
    Door(
        method="get",
        path="/{tenant}/discovery/v2.0/keys",
        id="SignIn_Keys",
        tag=_SIGN_IN,
        about="Read the keys that sign tokens",
    ),
    *GRAPH_DOORS,
    *PROVIDER_DOORS,
    Door(
        method="get",
        path=f"{_API}/sessions",
        id="Account_Sessions",
        tag=_ACCOUNT,
        about="List where you are signed in, with which factors",
        needs=_OWN,
        answer=SessionList,
    ),
    Door(
        method="delete",
        path=f"{_API}/sessions/{{session}}",
        id="Account_EndSession",
        tag=_ACCOUNT,
        about="End one of your sign-ins, and all that came of it",
        needs=_OWN,
        status=204,
    ),
    Door(
        method="post",
        path=f"{_API}/sessions/endOthers",
        id="Account_EndOthers",
        tag=_ACCOUNT,
        about="End all of your sign-ins but this one",
        needs=_OWN,
        answer=Ended,
    ),
    Door(
        method="post",
        path="/v1.0/me/revokeSignInSessions",
        id="Me_RevokeSignInSessions",
        tag=_ACCOUNT,
        about="Sign out everywhere, here too",
        needs=_OWN,
    ),
    Door(
        method="get",
        path=f"{_API}/factors",
        id="Account_Factors",
        tag=_ACCOUNT,
        about="List your second factors; they are set up on the page `/account/factors`",
        needs=_OWN,
        answer=FactorList,
    ),
    Door(
        method="get",
        path=f"{_API}/policy",
        id="Policy_Get",
        tag=_ACCOUNT,
        about="Read what the tenant requires of a sign-in",
        needs=_READ,
        answer=PolicyShape,
    ),
    Door(
        method="put",
        path=f"{_API}/policy",
        id="Policy_Set",
        tag=_ACCOUNT,
        about="Require a second factor of everybody, or not",
        needs=_WRITE,
        body=PolicyChange,
        example={"requireMfa": False},
        answer=PolicyShape,
    ),
    Door(
        method="get",
        path=f"{_API}/policy/preview",
        id="Policy_Preview",
        tag=_ACCOUNT,
        about="Read whom a required second factor would be asked of, and who has none",
        needs=_WRITE,
        answer=PolicyPreview,
    ),
    Door(
        method="get",
        path=f"{_API}/users/{{user}}/sessions",
        id="Account_SessionsOf",
        tag=_ACCOUNT,
        about="List where somebody is signed in",
        needs=_WRITE,
        answer=SessionList,
    ),
    Door(
        method="delete",
        path=f"{_API}/users/{{user}}/sessions/{{session}}",
        id="Account_EndSessionOf",
        tag=_ACCOUNT,
        about="End a sign-in of somebody, and all that came of it",
        needs=_WRITE,
        status=204,
    ),
    Door(
        method="post",
        path="/v1.0/users/{user}/revokeSignInSessions",
        id="Users_RevokeSignInSessions",
        tag=_ACCOUNT,
        about="Sign somebody out everywhere",
        needs=_WRITE,
    ),
    Door(
        method="get",
        path=f"{_API}/users/{{user}}/factors",
        id="Account_FactorsOf",
        tag=_ACCOUNT,
        about="List the second factors of somebody",
        needs=_WRITE,
        answer=FactorList,
    ),
    Door(
        method="delete",
        path=f"{_API}/users/{{user}}/factors",
        id="Account_ClearFactorsOf",
        tag=_ACCOUNT,
        about="Remove the second factors of somebody who lost them, and end all sign-ins",
        needs=_WRITE,
        status=204,
    ),
    Door(
        method="get",
        path="/audit/export",
        id="Audit_Export",
        tag=_AUDIT,
        about="Read the activity log as JSON lines that can be verified elsewhere",
        needs=_LOG,
        plain=True,
        query=(("from", "First day, `2026-03-04`"), ("to", "Last day")),
    ),
    Door(
        method="get",
        path="/audit/keys",
        id="Audit_Keys",
        tag=_AUDIT,
        about="Read the public keys that the log is signed with",
        needs=_LOG,
        answer=PublicKeys,
    ),
    Door(
        method="post",
        path=EXPLAIN,
        id="Service_Explain",
        tag=_SERVICE,
        about="Say what a code, an error's text or a guest's lines mean",
        needs=_OWN,
        body=ExplainRequest,
        example={"text": "Kernel panic - not syncing: VFS: Unable to mount root fs"},
        answer=Explanations,
    ),
    Door(
        method="get",
        path=METRICS,
        id="Service_Metrics",
        tag=_SERVICE,
        about="Read what Prometheus is told, of the caller's tenant",
        needs=f"Needs the action `{READ_METRICS}` at the scope `/`.",
        plain=True,
    ),
    Door(
        method="post",
        path=f"{_API}/users/{{user}}/resetFactors",
        id="Account_ResetFactorsOf",
        tag=_ACCOUNT,
        about="Remove the second factors of somebody, as the call before, with a reason for the activity log",
        needs=_WRITE,
        body=FactorReset,
        example={"reason": "lost the phone, known by voice"},
        status=204,
    ),
    Door(
        method="post",
        path=ADMIN_PATH,
        id="AzureConsole_AdminCommand",
        tag=_CONSOLE,
        about="Send `nmi`, `reset` or `sysrq` to the VM of a console session, as `az serial-console` does",
        needs="Needs `Microsoft.SerialConsole/serialPorts/connect/action` on the VM, and a session of the "
        "caller's own.",
        body=AdminCommand,
        example={"command": "sysrq", "requestId": "1", "commandParameters": {"SysRqCommand": "h"}},
        answer=Done,
    ),
    Door(
        method="post",
        path="/fleet/tokens",
        id="Fleet_Token",
        tag=_FLEET,
        about="Make a token that enrols one host, once",
        needs="Needs the action `Microsoft.HybridCompute/machines/write` on the resource group.",
        body=TokenRequest,
        example=_NEW_TOKEN,
    ),
    Door(
        method="post",
        path=ENROL_PATH,
        id="Fleet_Enrol",
        tag=_FLEET,
        about="Enrol a host, as its agent does; the token in the body is the right",
        body=EnrolRequest,
        answer=EnrolAnswer,
    ),
    Door(
        method="post",
        path=CONNECT_PATH,
        id="Fleet_Connect",
        tag=_FLEET,
        about="Claim a machine, as its agent does; the key that the machine was made with is the right",
        body=ConnectRequest,
        answer=ConnectAnswer,
    ),
    Door(
        method="post",
        path=REKEY_PATH,
        id="Fleet_Rekey",
        tag=_FLEET,
        about="Replace the key of a machine, as its agent does; the old key is the right",
        body=RekeyRequest,
        answer=ConnectAnswer,
    ),
    Door(
        method="get",
        path=TRUST_PATH,
        id="Fleet_Trust",
        tag=_FLEET,
        about="Read the certificate authorities",
        plain=True,
    ),
    Door(
        method="post",
        path=ONBOARDING,
        id="Fleet_Onboarding",
        tag=_FLEET,
        about="Make the script that brings one server or many to a resource group",
        needs=_OWN,
        body=OnboardingRequest,
        example=_NEW_SCRIPT,
        answer=Onboarding,
    ),
    Door(
        method="get",
        path=PACKAGE_PATH,
        id="Fleet_Package",
        tag=_FLEET,
        about="Get the agent's package, as such a script does; its name and hash are in the call before",
        plain=True,
    ),
    Door(
        method="get",
        path="/portal/config.json",
        id="Portal_Config",
        tag=_SERVICE,
        about="Read what the portal has to know before a sign-in",
        answer=PortalConfig,
    ),
    Door(
        method="get",
        path="/metadata/endpoints",
        id="Service_Metadata",
        tag=_SERVICE,
        about="Read the cloud's description, as Azure's clients do first",
        query=(("api-version", "`2022-09-01`"),),
    ),
    Door(
        method="get",
        path=IMAGE_ALIASES,
        id="Service_ImageAliases",
        tag=_SERVICE,
        about="Read the short names of images, of which there are none, as Azure's clients do",
    ),
    Door(
        method="get",
        path="/healthz",
        id="Service_Alive",
        tag=_SERVICE,
        about="Ask whether the process lives",
        plain=True,
    ),
    Door(
        method="get",
        path="/readyz",
        id="Service_Ready",
        tag=_SERVICE,
        about="Ask whether this node can serve",
        plain=True,
    ),
)
