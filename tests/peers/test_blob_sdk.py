"""Azure's own storage client, unmodified, on blobs in files and in Ceph's S3 gateway."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.access import roles
from outofband.storage.objects import Objects
from outofband.storage.s3 import S3
from outofband.wire.storage.sigv4 import Credentials
from tests.peers.az import PYTHON, needed
from tests.support import radosgw
from tests.support.cloud import GROUP_ID, OTHER_SUBSCRIPTION, OTHER_TENANT, Cloud, Person
from tests.support.radosgw import RadosGateway

pytestmark = pytest.mark.anyio
CONVERSATION = Path(__file__).with_name("blob_conversation.py")
ACCOUNT = "labstore1"
ACCOUNT_ID = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/{ACCOUNT}"
VERSION = "2025-08-01"
DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
SECONDS = 300


@pytest.fixture(params=["files", "s3"])
async def cloud(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Cloud]:
    needed()
    if request.param == "files":
        async with Cloud(tmp_path) as running:
            yield running
        return
    if lacking := radosgw.missing():
        pytest.skip(f"not installed: {', '.join(lacking)}")
    root = tmp_path / "ceph"
    root.mkdir()
    with RadosGateway(root) as gateway:
        key = Credentials(access_key=gateway.access_key, secret_key=gateway.secret_key)
        opened = S3(f"{gateway.url}/outofband", key)
        await opened.prepare()
        objects: Objects = opened
        async with Cloud(tmp_path, objects=objects) as running:
            yield running


def named(person: Person) -> dict[str, str]:
    return {"tenant": person.tenant, "client": person.app_id, "secret": person.secret}


async def test_the_sdk_on_everything_it_can_do(cloud: Cloud) -> None:
    body = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "local"}
    made = await cloud.owner.ask("PUT", ACCOUNT_ID, body, version=VERSION)
    assert made.status_code == 200, made.text
    keys = (await cloud.owner.ask("POST", f"{ACCOUNT_ID}/listKeys", version=VERSION)).json()["keys"]
    scope = f"/subscriptions/{OTHER_SUBSCRIPTION}"
    people = {
        "owner": cloud.owner,
        "contributor": await cloud.person("contributor", DATA_CONTRIBUTOR),
        "reader": await cloud.person("reader", DATA_READER),
        "stranger": await cloud.person("stranger", roles.OWNER, scope, OTHER_TENANT),
    }
    given = {
        "url": made.json()["properties"]["primaryEndpoints"]["blob"],
        "account": ACCOUNT,
        "key": keys[0]["value"],
        "authority": cloud.base,
        "people": {name: named(person) for name, person in people.items()},
    }
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("AZURE_", "PYTHON"))}
    process = await asyncio.create_subprocess_exec(
        PYTHON,
        CONVERSATION,
        env={**kept, "REQUESTS_CA_BUNDLE": str(cloud.pki.trust), "NO_PROXY": "*"},
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(SECONDS):
        said, wrong = await process.communicate(json.dumps(given).encode())
    assert process.returncode == 0, f"{said.decode()}\n{wrong.decode()[-6000:]}"
    assert said.decode().split()[-1] == "tokens"
    await cloud.storage.sweep.run()
