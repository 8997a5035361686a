"""Runs in the environment .az: conversations of Azure's sign-in libraries, each by its name, told as JSON.

Where and who comes as JSON in the first line of standard input, so that no secret is in an argument. A talk
that waits for the test prints a line, and goes on when it is given one.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

import msal
from azure.core.exceptions import ClientAuthenticationError, HttpResponseError
from azure.core.pipeline.transport import AsyncioRequestsTransport
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    DeviceCodeCredential,
    ManagedIdentityCredential,
)
from azure.identity.aio import ManagedIdentityCredential as AsyncManagedIdentityCredential
from azure.mgmt.compute import ComputeManagementClient
from azure.mgmt.core.policies import ARMChallengeAuthenticationPolicy

About = dict[str, Any]
COMMON = {"disable_instance_discovery": True}


def machines(about: About, credential: Any) -> list[str]:
    """What the SDK for computing lists with it."""
    client = ComputeManagementClient(
        credential,
        about["subscription"],
        base_url=about["arm"],
        credential_scopes=[f"{about['arm']}/.default"],
    )
    return [each.name for each in client.virtual_machines.list_all()]


def number(error: Exception) -> str:
    """Entra's number of a refusal; the whole text when it has none."""
    text = str(error)
    return text.partition("AADSTS")[2].partition(":")[0] or text


def pause(word: str) -> None:
    print(json.dumps(word), flush=True)
    sys.stdin.readline()


def secret(about: About) -> Any:
    credential = ClientSecretCredential(
        about["tenant"], about["client"], about["secret"], authority=about["arm"], **COMMON
    )
    return machines(about, credential)


def certificate(about: About) -> Any:
    told = {}
    for chain in (False, True):
        credential = CertificateCredential(
            about["tenant"],
            about["client"],
            about["pem"],
            send_certificate_chain=chain,
            authority=about["arm"],
            **COMMON,
        )
        told[str(chain)] = machines(about, credential)
    return told


def refused(about: About) -> Any:
    """The numbers of what a program with a wrong proof is told."""
    wrong = {
        "secret": ClientSecretCredential(
            about["tenant"], about["client"], "wrong", authority=about["arm"], **COMMON
        ),
        "certificate": CertificateCredential(
            about["tenant"], about["client"], about["stranger"], authority=about["arm"], **COMMON
        ),
        "tenant": ClientSecretCredential(
            about["client"], about["client"], about["secret"], authority=about["arm"], **COMMON
        ),
        "client": ClientSecretCredential(
            about["tenant"], about["tenant"], about["secret"], authority=about["arm"], **COMMON
        ),
    }
    told = {}
    for name, credential in wrong.items():
        try:
            credential.get_token(f"{about['arm']}/.default")
        except ClientAuthenticationError as error:
            told[name] = number(error)
    return told


def evaluated(about: About) -> Any:
    """The program is switched off and on between two requests, then its secret is taken back. The SDK says
    that it answers challenges only where it is asked to.
    """
    credential = ClientSecretCredential(
        about["tenant"], about["client"], about["secret"], authority=about["arm"], **COMMON
    )
    scope = f"{about['arm']}/.default"
    policy = ARMChallengeAuthenticationPolicy(credential, scope, enable_cae=about["capable"])
    client = ComputeManagementClient(
        credential,
        about["subscription"],
        base_url=about["arm"],
        credential_scopes=[scope],
        authentication_policy=policy,
    )
    told: list[Any] = []
    for word in ("off", "secret", "end"):
        try:
            told.append([each.name for each in client.virtual_machines.list_all()])
        except ClientAuthenticationError as error:
            told.append(number(error))
        except HttpResponseError as error:
            told.append(error.status_code)
        if word != "end":
            pause(word)
    return told


def device(about: About) -> Any:
    def show(page: str, code: str, _: Any) -> None:
        print(json.dumps({"page": page, "code": code}), flush=True)

    credential = DeviceCodeCredential(
        client_id=about["cli"],
        tenant_id=about["tenant"],
        authority=about["arm"],
        prompt_callback=show,
        timeout=120,
        **COMMON,
    )
    return machines(about, credential)


def managed(about: About) -> Any:
    return machines(about, ManagedIdentityCredential())


def managed_aio(about: About) -> Any:
    """The credential for event loops, which checks the key file's folder by itself."""

    async def token() -> str:
        async with AsyncManagedIdentityCredential(transport=AsyncioRequestsTransport()) as credential:
            given: str = (await credential.get_token(f"{about['arm']}/.default")).token
            return given

    return asyncio.run(token())


def confidential(about: About) -> Any:
    """msal itself: the thumbprint of older programs, one assertion for two tokens, claims of a challenge."""
    app = msal.ConfidentialClientApplication(
        about["client"],
        authority=f"{about['arm']}/{about['tenant']}",
        instance_discovery=False,
        verify=os.environ["REQUESTS_CA_BUNDLE"],
        client_credential={"private_key": about["key"], "thumbprint": about["sha1"]},
        client_capabilities=["CP1"],
    )
    first = app.acquire_token_for_client([f"{about['arm']}/.default"])
    kept = app.acquire_token_for_client([f"{about['arm']}/.default"])
    claims = json.dumps({"access_token": {"nbf": {"essential": True, "value": "1"}}})
    asked = app.acquire_token_for_client([f"{about['arm']}/.default"], claims_challenge=claims)
    return {
        "same": first["access_token"] == kept["access_token"],
        "other": first["access_token"] != asked["access_token"],
        "from": [each["token_source"] for each in (first, kept, asked)],
    }


if __name__ == "__main__":
    talk = globals()[sys.argv[1]]
    print(json.dumps(talk(json.loads(sys.stdin.readline()))))
