"""Steps identity, rbac and provider: who this server is to its control plane, and what that still allows.

A lost key or certificate looks like a network error to whoever only sees that nothing works; here it has a
step of its own, and none of the ways is needed for it.
"""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import msgspec

from outofband.agent import certificate
from outofband.agent.managed.tokens import HostTokens, TokenRefused
from outofband.agent.state import HostKey, Identity, Trust, key_path
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net.doctor.timing import timed
from outofband.net.proxies import proxy_for
from outofband.wire.check import Because, Evidence, Name, State, Step, failed, ok, skipped

SECONDS = 8.0
"""For each of the questions to the control plane."""
NAMESPACE = "Microsoft.HybridCompute"


def certificate_of(state: StateDir, identity: Identity) -> Step:
    """Key, certificate, and how long that is good for."""
    began = clock.monotonic()
    seen: Evidence = {"agent": identity.agent, "name": identity.name, "key": str(key_path(state))}
    try:
        key = HostKey.load(key_path(state))
    except Fault as fault:
        fields = {name: str(each) for name, each in fault.fields.items()}
        return timed(failed(Name.IDENTITY, "AgentKeyLost", {**seen, "detail": "", **fields}), began)
    path = certificate.path(state)
    found = certificate.load(state, key.raw)
    seen["path"] = str(path)
    if found is None and not identity.subscription:
        # Enrolled at a control plane of an older version, which gives no certificates.
        return timed(ok(Name.IDENTITY, **seen), began)
    if found is None:
        seen["detail"] = certificate.damage(state, key.raw)
        cause = "IdentityCertificateUnusable" if seen["detail"] else "IdentityCertificateMissing"
        return timed(failed(Name.IDENTITY, cause, seen), began)
    now = clock.now()
    left = found.ends - now
    seen |= {"begins": clock.iso(found.begins), "ends": clock.iso(found.ends), "days": left.days}
    seen |= {"expired": clock.iso(found.ends)}
    if found.ended(now):
        return timed(failed(Name.IDENTITY, "AgentExpired", seen), began)
    if found.ending(now):
        return timed(failed(Name.IDENTITY, "CertificateEnding", seen, state=State.WARNING), began)
    return timed(ok(Name.IDENTITY, **seen), began)


async def rights(state: StateDir, identity: Identity) -> list[Step]:
    """As this very machine: whether it is given tokens, and what the control plane lets it see."""
    began = clock.monotonic()
    trust = Trust(state, identity)
    try:
        async with asyncio.timeout(SECONDS):
            tokens = HostTokens(trust, HostKey.load(key_path(state)))
            token = (await tokens.get(identity.arm))["access_token"]
    except TokenRefused as error:
        seen: Evidence = {"agent": identity.agent, "status": error.status, "error": error.error}
        refused = failed(Name.RBAC, "IdentityRefused", {**seen, "detail": error.description or error.error})
        return [timed(refused, began), skipped(Name.PROVIDER, Because.EARLIER)]
    except (Fault, TimeoutError):
        # The steps on the way say why.
        return [skipped(Name.RBAC, Because.NOT_REACHED), skipped(Name.PROVIDER, Because.NOT_REACHED)]
    async with httpx.AsyncClient(
        base_url=identity.arm,
        verify=trust.context(),
        trust_env=False,
        proxy=proxy_for(identity.arm),
        timeout=SECONDS,
        headers={"Authorization": f"Bearer {token}"},
    ) as client:
        return [await _machine(client, identity), await _provider(client, identity)]


async def _machine(client: httpx.AsyncClient, identity: Identity) -> Step:
    """The machine needs no right to do its work; one that was given some is told how far they go."""
    began = clock.monotonic()
    seen: Evidence = {"agent": identity.agent, "scope": identity.resource}
    if not identity.resource:
        return timed(ok(Name.RBAC, **seen), began)
    answer = await _get(
        client, f"{identity.resource}/providers/Microsoft.Authorization/permissions", "2022-04-01"
    )
    if answer is not None:
        actions = [str(each) for entry in answer.get("value", ()) for each in entry.get("actions", ())]
        seen["actions"] = actions[:50]
    return timed(ok(Name.RBAC, **seen), began)


async def _provider(client: httpx.AsyncClient, identity: Identity) -> Step:
    """Whether the subscription uses the provider; only who may read the subscription is told."""
    began = clock.monotonic()
    if not identity.subscription:
        return skipped(Name.PROVIDER, Because.NO_RIGHT)
    path = f"/subscriptions/{identity.subscription}/providers/{NAMESPACE}"
    answer = await _get(client, path, "2021-04-01")
    if answer is None or "registrationState" not in answer:
        return skipped(Name.PROVIDER, Because.NO_RIGHT)
    registered = str(answer["registrationState"])
    seen: Evidence = {
        "subscription": identity.subscription,
        "namespace": NAMESPACE,
        "registration": registered,
    }
    if registered != "Registered":
        return timed(failed(Name.PROVIDER, "ProviderNotRegistered", seen), began)
    return timed(ok(Name.PROVIDER, **seen), began)


async def _get(client: httpx.AsyncClient, path: str, version: str) -> dict[str, Any] | None:
    """None for whatever is no answer that may be read."""
    try:
        answer = await client.get(path, params={"api-version": version})
        if answer.status_code != httpx.codes.OK:
            return None
        return msgspec.json.decode(answer.content, type=dict[str, Any])
    except (httpx.HTTPError, msgspec.MsgspecError):
        return None
