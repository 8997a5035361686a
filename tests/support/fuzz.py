"""schemathesis beside a whole control plane: it tries what the API's description allows and forbids."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import re
from pathlib import Path
from typing import Any

from outofband.resources.kernel import Kernel
from outofband.resources.limits import Limits
from outofband.wire.arm.throttle import Allowance, Kind
from tests.support.actors import HostKey
from tests.support.cloud import GROUP, GROUP_ID, OTHER_SUBSCRIPTION, SUBSCRIPTION, TENANT, Cloud, vm_id

PROGRAM = Path(__file__).parents[2] / ".fuzz" / "bin" / "schemathesis"
SEED = 20261126
SPARE = "spare"
"""A machine that may come and go."""
LOCKED = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/locked"
_ANSWERS = {
    "vm.tail": {"from": 0, "end": 7, "text": base64.b64encode(b"login: ").decode()},
    "vm.log": {"start": 0, "end": 7, "from": 0, "text": base64.b64encode(b"login: ").decode(), "now": 0.0},
    "vm.screenshot": {"png": base64.b64encode(b"\x89PNG\r\n\x1a\n").decode(), "scale": 1},
}

Json = dict[str, Any]


def narrowed(document: Json) -> Json:
    """The same description with names that lead somewhere: guesses alone would see nothing but 404."""
    known = {
        "subscriptionId": [SUBSCRIPTION, OTHER_SUBSCRIPTION],
        "resourceGroupName": [GROUP, "nope"],
        "virtualMachineName": ["demo", "nope"],
        "machineName": [SPARE, "nope"],
        "tenant": [TENANT, "organizations"],
    }
    scopes = [vm_id("demo")[1:], f"subscriptions/{SUBSCRIPTION}", vm_id("nope")[1:]]
    for path, item in document["paths"].items():
        for parameter in item.get("parameters", []):
            choices = known.get(parameter["name"])
            if parameter["name"] == "scope":
                # A lock at the subscription would hide everything behind 409.
                choices = [LOCKED[1:]] if "/locks" in path else scopes
            if choices:
                parameter["schema"] = {"type": "string", "enum": choices}
    return document


async def fuzz(folder: Path, *words: str, seconds: float) -> int:
    """Run schemathesis with further `words`; how many requests it made at least. Fails for any answer of 500
    or more.
    """
    assert PROGRAM.exists(), "no environment .fuzz: run scripts/apart.sh fuzz"
    async with Cloud(folder) as cloud, cloud.host() as host:
        unlimited = Limits({kind: Allowance(0, 1.0) for kind in Kind})
        cloud.kernel = Kernel(cloud.store, cloud.authorizer, cloud.registry, unlimited)
        host.data.update(_ANSWERS)
        await cloud.owner.create_vm("demo")
        assert (await cloud.owner.ask("PUT", LOCKED, {"location": "local"})).status_code == 201
        # The host itself must not be deleted: without it nothing leads anywhere.
        spare = {
            "identity": {"type": "SystemAssigned"},
            "properties": {"clientPublicKey": HostKey().public},
        }
        machine = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines/{SPARE}"
        assert (await cloud.owner.ask("PUT", machine, spare)).status_code == 200
        document = narrowed((await cloud.http.get("/openapi.json")).json())
        (folder / "openapi.json").write_text(json.dumps(document))
        # By the environment: a token is in no argument list and in no file.
        (folder / "fuzz.toml").write_text('[headers]\nAuthorization = "Bearer ${OOB_TOKEN}"\n')
        with (folder / "said").open("wb") as said:
            ran = await asyncio.create_subprocess_exec(
                *(PROGRAM, "--config-file", folder / "fuzz.toml", "run", folder / "openapi.json"),
                *("--url", cloud.base, "--tls-verify", cloud.pki.trust, "--request-timeout", "30"),
                *("--checks", "not_a_server_error", "--seed", str(SEED), "--workers", "1", "--no-color"),
                *("--suppress-health-check", "all", "--continue-on-failure", "--warnings", "off"),
                *("--generation-database", "none", *words),
                cwd=folder,
                env=os.environ | {"OOB_TOKEN": await cloud.owner.sign_in()},
                stdout=said,
                stderr=said,
            )
        try:
            async with asyncio.timeout(seconds):
                await ran.wait()
        finally:
            if ran.returncode is None:
                ran.kill()
                await ran.wait()
    told = (folder / "said").read_text(errors="replace")
    assert ran.returncode == 0, told[-12_000:]
    return max((int(each) for each in re.findall(r"(\d+) generated", told)), default=0)
