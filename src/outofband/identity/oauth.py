"""The OAuth token endpoint's two answers, in the words Entra's clients know (RFC 6749 section 5, AADSTS
codes).
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

TOKEN_SECONDS = 3599
"""Life of an access token; clients renew five minutes earlier."""


class TokenResponse(msgspec.Struct, frozen=True, kw_only=True):
    """Body of a 200. A program is given the first four, a person what the scope asks for."""

    access_token: str
    token_type: str = "Bearer"  # noqa: S105 - the scheme's name
    expires_in: int = TOKEN_SECONDS
    ext_expires_in: int = TOKEN_SECONDS
    scope: str | msgspec.UnsetType = msgspec.UNSET
    refresh_token: str | msgspec.UnsetType = msgspec.UNSET
    id_token: str | msgspec.UnsetType = msgspec.UNSET
    client_info: str | msgspec.UnsetType = msgspec.UNSET
    """base64url of `{"uid","utid"}`: by which Azure's clients file an account."""

    def __repr__(self) -> str:
        return "TokenResponse(...)"


class OAuthFault(msgspec.Struct, frozen=True, kw_only=True):
    """Body and status of a refusal. `code` is the number after AADSTS."""

    status: int
    error: str
    code: int
    text: str
    trace_id: str
    correlation_id: str
    at: datetime
    retry_after: int | None = None
    """Seconds for the Retry-After header."""
    suberror: str | None = None
    """Entra's word for what the client should do about it; MSAL reads it."""
    claims: str | None = None
    """JSON of the claims that a new sign-in has to ask for."""

    @property
    def description(self) -> str:
        when = self.at.strftime("%Y-%m-%d %H:%M:%SZ")
        head = f"AADSTS{self.code}: {self.text}"
        return f"{head} Trace ID: {self.trace_id} Correlation ID: {self.correlation_id} Timestamp: {when}"

    def body(self, base: str | None = None) -> dict[str, Any]:
        """`base` is the authority's address, where `error_uri` leads."""
        more = {} if self.suberror is None else {"suberror": self.suberror}
        where = {} if base is None else {"error_uri": f"{base}/error?code={self.code}"}
        asked = {} if self.claims is None else {"claims": self.claims}
        return {
            **asked,
            "error": self.error,
            "error_description": self.description,
            "error_codes": [self.code],
            "timestamp": self.at.strftime("%Y-%m-%d %H:%M:%SZ"),
            "trace_id": self.trace_id,
            "correlation_id": self.correlation_id,
            **where,
            **more,
        }

    def headers(self) -> dict[str, str]:
        """Beside the content type. RFC 6749 5.2 wants the challenge with a 401."""
        headers = {"Cache-Control": "no-store", "Pragma": "no-cache"}
        if self.status == 401:
            headers["WWW-Authenticate"] = 'Basic realm="outofband"'
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        return headers


class Refusals:
    """Makes the faults of one request: they share its trace and correlation ids."""

    def __init__(self, now: datetime, correlation_id: str | None) -> None:
        self._now = now
        self._trace = str(uuid.uuid4())
        self._correlation = correlation_id or str(uuid.uuid4())

    def _fault(
        self,
        status: int,
        error: str,
        code: int,
        text: str,
        *,
        retry_after: int | None = None,
        suberror: str | None = None,
    ) -> OAuthFault:
        return OAuthFault(
            status=status,
            error=error,
            code=code,
            text=text,
            trace_id=self._trace,
            correlation_id=self._correlation,
            at=self._now,
            retry_after=retry_after,
            suberror=suberror,
        )

    def missing(self, name: str) -> OAuthFault:
        text = f"The request body must contain the following parameter: '{name}'."
        return self._fault(400, "invalid_request", 900144, text)

    def malformed(self, detail: str) -> OAuthFault:
        return self._fault(400, "invalid_request", 9002313, f"Invalid request. {detail}")

    def no_tenant(self) -> OAuthFault:
        text = (
            "No tenant-identifying information found in either the request or implied by any provided "
            "credentials."
        )
        return self._fault(400, "invalid_request", 50059, text)

    def unknown_tenant(self, tenant: str) -> OAuthFault:
        text = f"Tenant '{tenant}' not found. Check to make sure you have the correct tenant ID."
        return self._fault(400, "invalid_request", 90002, text)

    def unsupported_grant(self, grant: str) -> OAuthFault:
        text = f"The app requested an unsupported grant type '{grant}'."
        return self._fault(400, "unsupported_grant_type", 70003, text)

    def unknown_client(self, client_id: str, tenant: str) -> OAuthFault:
        text = (
            f"Application with identifier '{client_id}' was not found in the directory '{tenant}'. "
            "The request may have gone to the wrong tenant, or the application was removed."
        )
        return self._fault(400, "unauthorized_client", 700016, text)

    def disabled_client(self, client_id: str) -> OAuthFault:
        return self._fault(400, "unauthorized_client", 7000112, f"Application '{client_id}' is disabled.")

    def no_credential(self) -> OAuthFault:
        text = "The request body must contain the following parameter: 'client_assertion' or 'client_secret'."
        return self._fault(401, "invalid_client", 7000218, text)

    def wrong_secret(self, client_id: str) -> OAuthFault:
        text = (
            "Invalid client secret provided. Ensure the secret being sent in the request is the client "
            f"secret value, not the client secret ID, for a secret added to app '{client_id}'."
        )
        return self._fault(401, "invalid_client", 7000215, text)

    def ended_secret(self, client_id: str) -> OAuthFault:
        text = f"The provided client secret keys for app '{client_id}' are expired."
        return self._fault(401, "invalid_client", 7000222, text)

    def unknown_certificate(self, thumbprint: str) -> OAuthFault:
        text = "The certificate used to sign the client assertion is not registered on application."
        told = f" Reason: the key was not found, thumbprint of the key used by the client: '{thumbprint}'."
        return self._fault(401, "invalid_client", 700027, text + told)

    def bad_assertion(self, detail: str) -> OAuthFault:
        return self._fault(401, "invalid_client", 700027, f"Client assertion is refused: {detail}.")

    def malformed_assertion(self, detail: str) -> OAuthFault:
        return self._fault(400, "invalid_request", 50027, f"JWT token is invalid or malformed: {detail}.")

    def assertion_of_another(self, client_id: str) -> OAuthFault:
        text = f"Client assertion application identifier doesn't match 'client_id' parameter '{client_id}'."
        return self._fault(401, "invalid_client", 700021, text)

    def assertion_for_another(self, audience: str) -> OAuthFault:
        text = f"Client assertion audience claim does not match Realm issuer, for instance '{audience}'."
        return self._fault(401, "invalid_client", 700023, text)

    def assertion_out_of_time(self, detail: str) -> OAuthFault:
        text = f"Client assertion is not within its valid time range. {detail}"
        return self._fault(401, "invalid_client", 700024, text)

    def assertion_replayed(self) -> OAuthFault:
        text = (
            "Client assertion was used from another host before. Make one for each host, and keep it there."
        )
        return self._fault(401, "invalid_client", 700027, text)

    def ended_certificate(self, client_id: str, begins: str, expires: str) -> OAuthFault:
        text = (
            f"The provided certificate of app '{client_id}' is not within its specified validity window, "
            f"{begins} to {expires}."
        )
        return self._fault(401, "invalid_client", 1000502, text)

    def bad_scope(self, scope: str) -> OAuthFault:
        text = (
            f"The provided value for scope {scope} is not valid. Client credential flows must have a scope "
            "value with /.default suffixed to the resource identifier (application ID URI)."
        )
        return self._fault(400, "invalid_scope", 1002012, text)

    def unknown_resource(self, resource: str, tenant: str) -> OAuthFault:
        text = f"The resource principal named {resource} was not found in the tenant named {tenant}."
        return self._fault(400, "invalid_resource", 500011, text)

    def too_many(self, seconds: int) -> OAuthFault:
        text = "Too many failed attempts to sign in. Try again later."
        return self._fault(429, "temporarily_unavailable", 50196, text, retry_after=seconds)

    # --- people: codes, refresh tokens, devices

    def unsupported_response_type(self, kind: str) -> OAuthFault:
        text = f"The response type '{kind}' is not supported; only 'code' is."
        return self._fault(400, "unsupported_response_type", 700054, text)

    def login_required(self) -> OAuthFault:
        text = "A silent sign-in request was sent but no user is signed in."
        return self._fault(400, "login_required", 50058, text)

    def interaction_required(self) -> OAuthFault:
        text = "A silent sign-in request was sent, but the user has to say or to do something first."
        return self._fault(400, "interaction_required", 16000, text)

    def needs_mfa(self, claims: Mapping[str, Any]) -> OAuthFault:
        text = (
            "Due to a configuration change made by your administrator, or because you moved to a new "
            "location, you must use multi-factor authentication to access the resource. Sign in again."
        )
        fault = self._fault(400, "interaction_required", 50076, text)
        wanted = msgspec.json.encode(claims).decode()
        return msgspec.structs.replace(fault, claims=wanted, suberror="basic_action")

    def declined(self) -> OAuthFault:
        return self._fault(400, "access_denied", 65004, "The user declined to sign in.")

    def secret_of_public_client(self) -> OAuthFault:
        text = "Client is public so neither 'client_assertion' nor 'client_secret' should be presented."
        return self._fault(401, "invalid_client", 700025, text)

    def bad_user_scope(self, scope: str) -> OAuthFault:
        text = f"The provided value for the input parameter 'scope' is not valid: '{scope}'."
        return self._fault(400, "invalid_scope", 70011, text)

    def bad_code(self) -> OAuthFault:
        text = "The provided authorization code is malformed, was given to another client, or never was."
        return self._fault(400, "invalid_grant", 9002313, text)

    def wrong_redirect(self) -> OAuthFault:
        text = "The redirect URI of the token request is not the one that the code was asked with."
        return self._fault(400, "invalid_grant", 50011, text)

    def wrong_verifier(self) -> OAuthFault:
        text = "The code_verifier does not match the code_challenge of the authorization request."
        return self._fault(400, "invalid_grant", 501481, text)

    def expired_code(self) -> OAuthFault:
        text = "The provided authorization code has expired. Send a new interactive authorization request."
        return self._fault(400, "invalid_grant", 70008, text)

    def redeemed_code(self) -> OAuthFault:
        text = (
            "OAuth2 Authorization code was already redeemed, please retry with a new valid code. What had "
            "been issued for it has been ended."
        )
        return self._fault(400, "invalid_grant", 54005, text)

    def bad_refresh_token(self) -> OAuthFault:
        text = "The provided refresh token is malformed, was given to another client, or never was."
        return self._fault(400, "invalid_grant", 9002313, text, suberror="bad_token")

    def reused_refresh_token(self) -> OAuthFault:
        text = (
            "The refresh token had been used before. Either its answer was lost or somebody else has it, so "
            "the sign-in has been ended. Sign in again."
        )
        return self._fault(400, "invalid_grant", 50173, text, suberror="bad_token")

    def expired_refresh_token(self) -> OAuthFault:
        text = "The refresh token has expired. Sign in again."
        return self._fault(400, "invalid_grant", 700082, text, suberror="token_expired")

    def ended_session(self) -> OAuthFault:
        text = "The grant was revoked: the user signed out, or the password was changed. Sign in again."
        return self._fault(400, "invalid_grant", 50173, text, suberror="bad_token")

    def disabled_user(self) -> OAuthFault:
        return self._fault(400, "invalid_grant", 50057, "The user account is disabled.")

    def must_change_password(self) -> OAuthFault:
        text = "The password has to be changed first. Sign in interactively."
        return self._fault(400, "invalid_grant", 50055, text, suberror="user_password_expired")

    def wrong_tenant(self, tenant: str) -> OAuthFault:
        text = f"The user account does not exist in the tenant '{tenant}'."
        return self._fault(400, "invalid_grant", 50020, text)

    def no_device_client(self, client_id: str) -> OAuthFault:
        text = f"The application '{client_id}' must not sign in with a device code."
        return self._fault(400, "unauthorized_client", 7000218, text)

    def device_pending(self) -> OAuthFault:
        text = "OAuth 2.0 device flow error. Authorization is pending. Continue polling."
        return self._fault(400, "authorization_pending", 70016, text)

    def device_slow_down(self, interval: int) -> OAuthFault:
        text = f"Polled too soon. Wait {interval} seconds between two polls."
        return self._fault(400, "slow_down", 70016, text)

    def device_expired(self) -> OAuthFault:
        text = "The device code has expired. Begin the sign-in again."
        return self._fault(400, "expired_token", 70019, text)

    def device_declined(self) -> OAuthFault:
        text = "The person declined the sign-in."
        return self._fault(400, "authorization_declined", 65004, text)

    def bad_device_code(self) -> OAuthFault:
        text = "The device code is malformed, was given to another client, or never was."
        return self._fault(400, "bad_verification_code", 70018, text)
