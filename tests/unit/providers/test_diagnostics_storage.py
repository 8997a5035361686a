"""A console whose boot diagnostics are in an account of the customer's own: every way that can fail."""

from __future__ import annotations

from typing import Any

import pytest

from outofband.access import roles
from outofband.access.console_roles import CONSOLE_OBSERVER, CONSOLE_OPERATOR
from outofband.providers.serial_console import diagnostics
from outofband.wire.arm import errors
from tests.support.actors import viewer
from tests.support.blob_client import account_id
from tests.support.cloud import SCOPE, Cloud, Host, Person, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
BODY = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "local"}
CONNECT = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0/connect"
POLICY = f"{SCOPE}/providers/Outofband.Console/policies/default"
SERVICE = "2024-07-01"
STORAGE = "2025-08-01"


async def account(cloud: Cloud, name: str, **properties: Any) -> None:
    made = await cloud.owner.ask("PUT", account_id(name), {**BODY, "properties": properties}, version=STORAGE)
    assert made.is_success, made.text


def uri(name: str) -> str:
    return f"https://{name}.blob.core.oob.example/"


async def uses(cloud: Cloud, address: str | None) -> None:
    profile = {"bootDiagnostics": {"enabled": True, "storageUri": address}}
    answer = await cloud.owner.ask("PATCH", vm_id("demo"), {"properties": {"diagnosticsProfile": profile}})
    assert answer.is_success, answer.text


async def connect(person: Person) -> Any:
    return await person.ask("POST", CONNECT, version=SERVICE)


async def refused(person: Person, status: int, code: str) -> errors.RemoteError:
    answer = await connect(person)
    found = errors.read(answer.content)
    assert found is not None, answer.text
    assert (answer.status_code, found.code) == (status, code)
    assert "?" not in found.message
    assert found.cause
    assert found.remedy
    return found


@pytest.fixture
async def demo(cloud: Cloud, host: Host) -> Host:
    await cloud.owner.create_vm()
    return host


async def test_an_account_that_works(cloud: Cloud, demo: Host) -> None:
    await account(cloud, "works1")
    for address in (uri("works1"), f"{cloud.base}/blob/works1/"):
        await uses(cloud, address)
        assert (await connect(cloud.owner)).status_code == 200
    async with cloud.store.read() as tx:
        found = await cloud.storage.accounts.named(tx, "works1")
        assert found is not None
        [container] = await cloud.store.containers.page(tx, found.uid, prefix="", start="", limit=5)
    assert container.name.startswith("bootdiagnostics-demo-")


async def test_an_account_that_is_not_there(cloud: Cloud, demo: Host) -> None:
    await uses(cloud, uri("nowhere1"))
    said = await refused(cloud.owner, 409, "BootDiagnosticsAccountNotFound")
    assert "'nowhere1'" in said.message
    await account(cloud, "nowhere1")
    assert (await connect(cloud.owner)).status_code == 200
    await cloud.owner.ask("DELETE", account_id("nowhere1"), version=STORAGE)
    await refused(cloud.owner, 409, "BootDiagnosticsAccountNotFound")
    # Managed storage never keeps anybody out.
    await uses(cloud, None)
    assert (await connect(cloud.owner)).status_code == 200


@pytest.mark.parametrize(
    ("rules", "detail"),
    [
        ({"networkAcls": {"defaultAction": "Deny"}}, "AuthorizationFailure"),
        ({"publicNetworkAccess": "Disabled"}, "AuthorizationFailure"),
        ({"allowSharedKeyAccess": False}, "KeyBasedAuthenticationNotPermitted"),
    ],
)
async def test_an_account_that_says_forbidden(
    cloud: Cloud, demo: Host, rules: dict[str, Any], detail: str
) -> None:
    await account(cloud, "fenced1", **rules)
    await uses(cloud, uri("fenced1"))
    said = await refused(cloud.owner, 403, "BootDiagnosticsForbidden")
    assert detail in said.message
    if "networkAcls" in rules:
        opened = {"networkAcls": {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.1"}]}}
        await cloud.owner.ask("PATCH", account_id("fenced1"), {"properties": opened}, version=STORAGE)
        assert (await connect(cloud.owner)).status_code == 200


@pytest.mark.parametrize(
    "address",
    [
        "http://works1.blob.core.oob.example/",
        "works1",
        "https://works1",
        "https://works1.blob.core.oob.example/container",
        "https://works1.blob.core.oob.example/?sv=2022-11-02&sig=SECRET",
        "https://me:SECRET@works1.blob.core.oob.example/",
        "https://[works1/",
    ],
)
async def test_an_address_that_is_wrong(cloud: Cloud, demo: Host, address: str) -> None:
    await account(cloud, "works1")
    await uses(cloud, address)
    answer = await connect(cloud.owner)
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "BootDiagnosticsUriInvalid")
    assert "SECRET" not in answer.text


async def test_who_may_not_see_the_account(cloud: Cloud, demo: Host) -> None:
    await account(cloud, "mine1")
    await uses(cloud, uri("mine1"))
    operator = await cloud.person("operator", roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    said = await refused(operator, 403, "BootDiagnosticsAccountUndetermined")
    assert "'mine1'" in said.message
    await cloud.assign(operator, roles.READER, account_id("mine1"))
    said = await refused(operator, 403, "BootDiagnosticsWriteDenied")
    assert account_id("mine1").lower() in said.cause.lower()
    assert "listKeys" in said.cause
    await cloud.assign(operator, roles.VIRTUAL_MACHINE_CONTRIBUTOR, account_id("mine1"))
    assert (await connect(operator)).status_code == 200


async def test_who_only_watches_needs_nothing_there(cloud: Cloud, demo: Host) -> None:
    await account(cloud, "mine2")
    await uses(cloud, uri("mine2"))
    observer = await cloud.person("observer", CONSOLE_OBSERVER, vm_id("demo"))
    assert (await connect(observer)).status_code == 200
    async with cloud.store.read() as tx:
        found = await cloud.storage.accounts.named(tx, "mine2")
        assert found is not None
        assert await cloud.store.containers.page(tx, found.uid, prefix="", start="", limit=5) == []
    typing = await cloud.person("typing", CONSOLE_OPERATOR, vm_id("demo"))
    await refused(typing, 403, "BootDiagnosticsAccountUndetermined")


async def test_a_hierarchical_namespace(cloud: Cloud, demo: Host) -> None:
    await account(cloud, "lake1", isHnsEnabled=True)
    await uses(cloud, uri("lake1"))
    said = await refused(cloud.owner, 409, "BootDiagnosticsHierarchical")
    assert "Data Lake Storage Gen2" in said.message


@pytest.mark.parametrize(
    "profile", [{"bootDiagnostics": "on"}, {"bootDiagnostics": {"enabled": True, "storageUri": 7}}]
)
async def test_settings_that_cannot_be_read(cloud: Cloud, demo: Host, profile: Any) -> None:
    body = (await connect(cloud.owner)).json()["outofband"]
    async with viewer(cloud.client_context()) as seat:
        await seat.open(body["url"], body["ticket"])
        await until(lambda: demo.peer.carriers)
        async with cloud.store.write() as tx:
            row = await cloud.store.resources.get(tx, vm_id("demo"))
            assert row is not None
            changed = {**row.properties, "diagnosticsProfile": profile}
            await cloud.store.resources.update(tx, row.key, now=row.created, properties=changed)
        await refused(cloud.owner, 409, "BootDiagnosticsUnreadable")
        demo.peer.grow(b"still here")
        await until(lambda: b"still here" in bytes(seat.output))
        assert seat.ended is None


async def test_storage_that_takes_too_long(cloud: Cloud, demo: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    await account(cloud, "slow1")
    await uses(cloud, uri("slow1"))
    monkeypatch.setattr(diagnostics, "PROBE_SECONDS", 0.0)
    said = await refused(cloud.owner, 409, "BootDiagnosticsStorageBusy")
    assert said.retryable is True
    assert "no answer within" in said.message
    monkeypatch.undo()
    assert (await connect(cloud.owner)).status_code == 200


async def test_storage_whose_disk_is_gone(cloud: Cloud, demo: Host) -> None:
    await account(cloud, "gone1")
    await uses(cloud, uri("gone1"))
    blobs, aside = cloud.folder / "blobs", cloud.folder / "aside"
    if blobs.exists():
        blobs.rename(aside)
    blobs.write_text("no folder any more")
    said = await refused(cloud.owner, 409, "BootDiagnosticsStorageBusy")
    assert said.retryable is True
    blobs.unlink()
    if aside.exists():
        aside.rename(blobs)
    assert (await connect(cloud.owner)).status_code == 200


async def test_a_policy_turns_it_into_a_warning(cloud: Cloud, demo: Host) -> None:
    async def policy(**properties: Any) -> Any:
        return await cloud.owner.ask("PUT", POLICY, {"properties": properties}, version="2026-11-01")

    await uses(cloud, uri("nowhere2"))
    shown = await cloud.owner.get(POLICY, version="2026-11-01")
    assert shown.json()["properties"]["diagnosticsStorage"] == "block"
    assert (await policy(endLogin="on")).json()["properties"]["diagnosticsStorage"] == "block"
    set_to = (await policy(diagnosticsStorage="warn")).json()["properties"]
    assert set_to == {"endLogin": "on", "effective": "on", "diagnosticsStorage": "warn"}
    for wrong in ({"diagnosticsStorage": "ignore"}, {}, {"endLogin": "inherit"}):
        assert (await policy(**wrong)).json()["error"]["code"] == "InvalidParameter"
    body = (await connect(cloud.owner)).json()["outofband"]
    async with viewer(cloud.client_context()) as seat:
        await seat.open(body["url"], body["ticket"])
        [alarm] = await until(lambda: seat.told("alarm"))
        assert alarm.fields == {
            "code": "BootDiagnosticsAccountNotFound",
            "vm": "demo",
            "account": "nowhere2",
        }
        assert seat.ended is None
    await policy(diagnosticsStorage="block")
    await refused(cloud.owner, 409, "BootDiagnosticsAccountNotFound")
