"""Authlib's client, as others use it, unmodified, at our authority: a program that knows nothing of Azure."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.httpx_client import AsyncOAuth2Client
from authlib.oidc.core import CodeIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from outofband.access import roles
from outofband.identity.clients import CLI
from tests.support.browser import Browser
from tests.support.cloud import SCOPE, TENANT, VM_TYPE, Cloud
from tests.support.users import PASSWORD, add_user

pytestmark = pytest.mark.anyio
BACK = "http://127.0.0.1:7777/"
VMS = f"{SCOPE}/{VM_TYPE}?api-version=2024-11-01"
CONFIGURATION = f"/{TENANT}/v2.0/.well-known/openid-configuration"


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


async def metadata(cloud: Cloud) -> dict[str, Any]:
    found: dict[str, Any] = (await cloud.http.get(CONFIGURATION)).json()
    return found


def client(cloud: Cloud, client_id: str, **more: Any) -> AsyncOAuth2Client:
    return AsyncOAuth2Client(client_id, verify=cloud.client_context(), trust_env=False, **more)


async def test_code_with_pkce_id_token_and_refresh(cloud: Cloud) -> None:
    name = f"ada{uuid.uuid4().hex[:6]}@lab.example"
    user = await add_user(cloud.store, TENANT, name, role=roles.READER)
    known = await metadata(cloud)
    scope = f"{cloud.base}/.default openid profile offline_access"
    verifier, nonce = generate_token(48), generate_token(20)
    relying = client(
        cloud,
        CLI.id,
        redirect_uri=BACK,
        scope=scope,
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
        token_endpoint=known["token_endpoint"],
    )
    async with relying, Browser(cloud.base, cloud.client_context()) as browser:
        address, state = relying.create_authorization_url(
            known["authorization_endpoint"], code_verifier=verifier, nonce=nonce
        )
        parts = urlsplit(address)
        await browser.go(f"{parts.path}?{parts.query}")
        back = (await browser.sign_in(name, PASSWORD)).headers["location"]
        assert back.startswith(BACK) and parse_qs(urlsplit(back).query)["state"] == [state]
        token = await relying.fetch_token(
            known["token_endpoint"], authorization_response=back, code_verifier=verifier, state=state
        )
        assert token["token_type"] == "Bearer" and token["refresh_token"]

        keys = KeySet.import_key_set((await cloud.http.get(known["jwks_uri"])).json())
        claims = CodeIDToken(
            jwt.decode(
                token["id_token"], keys, algorithms=known["id_token_signing_alg_values_supported"]
            ).claims,
            {},
            {
                "iss": {"essential": True, "value": known["issuer"]},
                "aud": {"essential": True, "value": CLI.id},
                "sub": {"essential": True},
            },
            {"nonce": nonce, "client_id": CLI.id, "access_token": token["access_token"]},
        )
        claims.validate(leeway=0)
        assert (claims["oid"], claims["preferred_username"]) == (user.object_id, name)

        assert (await relying.get(f"{cloud.base}{VMS}")).json() == {"value": []}
        first = dict(token)
        # As it does by itself when the access token has ended.
        relying.token = {**first, "expires_at": 1}
        assert (await relying.get(f"{cloud.base}{VMS}")).status_code == 200
        second = relying.token
        assert second["access_token"] != first["access_token"]
        assert second["refresh_token"] != first["refresh_token"]
        # What is shown twice ends all of it, and the client is told in its own words.
        for refresh in (first["refresh_token"], second["refresh_token"]):
            with pytest.raises(OAuthError) as refused:
                await relying.refresh_token(known["token_endpoint"], refresh_token=refresh)
            assert refused.value.error == "invalid_grant"


async def test_a_wrong_verifier_and_a_code_that_was_used(cloud: Cloud) -> None:
    name = f"eve{uuid.uuid4().hex[:6]}@lab.example"
    await add_user(cloud.store, TENANT, name, role=roles.READER)
    known, verifier = await metadata(cloud), generate_token(48)
    relying = client(
        cloud,
        CLI.id,
        redirect_uri=BACK,
        scope=f"{cloud.base}/.default openid",
        code_challenge_method="S256",
        token_endpoint_auth_method="none",
    )
    async with relying, Browser(cloud.base, cloud.client_context()) as browser:
        address, state = relying.create_authorization_url(
            known["authorization_endpoint"], code_verifier=verifier
        )
        parts = urlsplit(address)
        await browser.go(f"{parts.path}?{parts.query}")
        back = (await browser.sign_in(name, PASSWORD)).headers["location"]
        for wrong in (generate_token(48), verifier):
            with pytest.raises(OAuthError) as refused:
                await relying.fetch_token(
                    known["token_endpoint"], authorization_response=back, code_verifier=wrong, state=state
                )
            assert refused.value.error == "invalid_grant"


@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_client_credentials(cloud: Cloud, method: str) -> None:
    known, program = await metadata(cloud), await cloud.person("robot", roles.READER)
    scope = f"{cloud.base}/.default"
    relying = client(
        cloud, program.app_id, client_secret=program.secret, token_endpoint_auth_method=method, scope=scope
    )
    async with relying:
        token = await relying.fetch_token(known["token_endpoint"], grant_type="client_credentials")
        assert token["token_type"] == "Bearer" and "refresh_token" not in token
        assert (await relying.get(f"{cloud.base}{VMS}")).status_code == 200
    wrong = client(
        cloud, program.app_id, client_secret="wrong", token_endpoint_auth_method=method, scope=scope
    )
    async with wrong:
        with pytest.raises(OAuthError) as refused:
            await wrong.fetch_token(known["token_endpoint"], grant_type="client_credentials")
        assert refused.value.error == "invalid_client" and "AADSTS7000215" in refused.value.description
