"""Microsoft.HybridCompute/machines: made by who may, claimed by its key, shown, tagged and deleted."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.core import clock
from outofband.core.ids import parse_id
from outofband.providers.hybrid_compute import seen
from outofband.wire.connecting import LIFE, WARN_BEFORE
from outofband.wire.link import TAKES_RENEWALS, Beat, Inventory
from outofband.wire.machine import AgentReport, MachineFacts
from tests.support.actors import AgentPeer, HostKey, host_report
from tests.support.cloud import GROUP_ID, SCOPE, Cloud, Host, vm_id
from tests.support.wait import promised, until
from tests.unit.http.test_fleet_doors import code

pytestmark = pytest.mark.anyio
VERSION = "2026-07-15"
MACHINES = f"{GROUP_ID}/providers/Microsoft.HybridCompute/machines"
VM_ID = "9e1d2b0c-6a3f-4f0e-8f0f-2c1f6d9b7a55"


def body(key: HostKey, **more: Any) -> dict[str, Any]:
    properties = {"vmId": VM_ID, "osType": "linux", "clientPublicKey": key.public}
    return {"location": "local", "identity": {"type": "SystemAssigned"}, "properties": properties} | more


async def made(cloud: Cloud, key: HostKey, name: str = "srv-1") -> dict[str, Any]:
    answer = await cloud.owner.ask("PUT", f"{MACHINES}/{name}", body(key), version=VERSION)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def shown(cloud: Cloud, name: str = "srv-1") -> dict[str, Any]:
    answer = await cloud.owner.get(f"{MACHINES}/{name}", version=VERSION, **{"$expand": "instanceView"})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["properties"]
    return found


@pytest.fixture
async def server(cloud: Cloud) -> AsyncIterator[AgentPeer]:
    """A machine, claimed, on its link."""
    key = HostKey()
    await made(cloud, key)
    answer = await cloud.fleet.connect(key.claim(f"{MACHINES}/srv-1", "f1"))
    peer = AgentPeer(key, answer, cloud.client_context())
    peer.takes, peer.hardware = (TAKES_RENEWALS,), "f1"
    await peer.connect()
    yield peer
    await peer.kill()


async def test_from_a_put_to_a_connected_machine(cloud: Cloud) -> None:
    key = HostKey()
    first = await made(cloud, key)
    assert first["identity"]["principalId"]
    properties = first["properties"]
    assert (properties["status"], properties["provisioningState"]) == ("AwaitingConnection", "Succeeded")
    assert (properties["vmId"], properties["clientPublicKey"]) == (VM_ID, key.public)
    again = await made(cloud, key)
    assert again == first, "an answer may get lost"
    request = key.claim(first["id"], "f1")
    answer = await cloud.http.post("/fleet/connect", json=to_json(request))
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert answer.json()["agent"] == first["identity"]["principalId"]
    assert (await cloud.http.post("/fleet/connect", json=to_json(request))).json() == answer.json()
    assert (await shown(cloud))["status"] == "Disconnected"
    claimed = await cloud.fleet.connect(request)
    async with AgentPeer(key, claimed, cloud.client_context()):
        assert (await shown(cloud))["status"] == "Connected"
        # Nothing was heard for long: whoever holds the link has died without a word.
        later = clock.now() + seen.QUIET
        assert seen.status(await row(cloud), linked=True, now=later)[0] == "Disconnected"
    await until(lambda: _status(cloud, "Disconnected"))


def to_json(request: Any) -> dict[str, str]:
    return {
        "machine": request.machine,
        "publicKey": request.public_key,
        "proof": request.proof,
        "hardware": request.hardware,
        "version": request.version,
    }


async def _status(cloud: Cloud, wanted: str) -> bool:
    return bool((await shown(cloud))["status"] == wanted)


async def row(cloud: Cloud, name: str = "srv-1") -> Any:
    where = parse_id(f"{MACHINES}/{name}")
    async with cloud.store.read() as tx:
        return await cloud.store.agents.at(tx, where.subscription or "", where.group or "", where.name)


async def test_what_a_new_machine_needs(cloud: Cloud) -> None:
    key, where = HostKey(), f"{MACHINES}/srv-1"
    good = body(key)

    async def refused(given: dict[str, Any], path: str = where) -> tuple[str, str]:
        answer = await cloud.owner.ask("PUT", path, given, version=VERSION)
        assert answer.status_code == 400, answer.text
        return code(answer), answer.json()["error"].get("target", "")

    def saying(**properties: Any) -> dict[str, Any]:
        return {**good, "properties": {**good["properties"], **properties}}

    for identity in (None, {}, {"type": "None"}, {"type": "UserAssigned"}, [], {"type": 1}):
        assert await refused({**good, "identity": identity}) == ("InvalidParameter", "identity.type")
    rsa = "MIIBCgKCAQEA" + "x" * 300
    for bad in (None, "", "x", rsa, key.public + "=", key.public.replace(key.public[0], "+", 1)):
        answer = await refused(saying(clientPublicKey=bad))
        assert answer == ("InvalidParameter", "properties.clientPublicKey")
    told = await cloud.owner.ask("PUT", where, saying(clientPublicKey=rsa), version=VERSION)
    assert "Ed25519" in told.json()["error"]["message"]
    assert (await refused(saying(vmId="x")))[1] == "properties.vmId"
    assert (await refused(saying(osType="plan9")))[1] == "properties.osType"
    assert (await refused(saying(osProfile={"a": "x" * 20_000})))[1] == "properties"
    for name in ("-x", "end.", "x" * 55):
        assert (await refused(good, f"{MACHINES}/{name}"))[1] == "name"
    nowhere = where.replace("Lab", "Nowhere")
    assert code(await cloud.owner.ask("PUT", nowhere, good, version=VERSION)) == "ResourceGroupNotFound"
    assert (await cloud.owner.ask("PUT", where, good, version="2019-03-18-preview")).status_code == 200


async def test_a_machine_is_where_there_is_a_place(cloud: Cloud) -> None:
    where, key = f"{MACHINES}/srv-1", HostKey()
    nowhere = await cloud.owner.ask("PUT", where, body(key, location="West Erope"), version=VERSION)
    assert (nowhere.status_code, code(nowhere)) == (400, "LocationNotAvailableForResourceType")
    assert "regions for the resource type is 'local'." in nowhere.json()["error"]["message"]
    group = f"{SCOPE}/resourceGroups/Ghent"
    await cloud.owner.ask("PUT", group, {"location": "ghent"})
    assert (await cloud.owner.ask("PUT", where, body(key, location="Ghent"), version=VERSION)).is_success
    moved = where.replace(GROUP_ID, group)
    answer = await cloud.owner.ask("PUT", moved, body(HostKey(), location=None), version=VERSION)
    assert answer.json()["location"] == "ghent", "its group's"


async def test_a_name_and_a_key_are_of_one_machine(cloud: Cloud, server: AgentPeer) -> None:
    async def put(name: str, key: HostKey, who: Any = cloud.owner) -> Any:
        return await who.ask("PUT", f"{MACHINES}/{name}", body(key), version=VERSION)

    taken = await put("SRV-1", HostKey())
    assert (taken.status_code, code(taken)) == (409, "AgentNameTaken")
    second = await put("srv-2", server.key)
    assert (second.status_code, code(second)) == (409, "AgentKeyTaken")
    assert MACHINES in second.json()["error"]["message"]
    # One that nobody claimed is its maker's: what made the key may be lost by now. But nobody else's.
    assert (await put("srv-3", HostKey())).status_code == 200
    newer = HostKey()
    assert (await put("srv-3", newer)).json()["properties"]["clientPublicKey"] == newer.public
    other = await cloud.person("other", roles.OWNER)
    assert code(await put("srv-3", HostKey(), other)) == "AgentNameTaken"
    assert code(await put("srv-3", server.key)) == "AgentKeyTaken"
    # A repeat by the same key changes nothing of the claim.
    assert (await put("srv-1", server.key)).json()["properties"]["status"] == "Connected"


async def test_the_onboarding_role_makes_and_no_more(cloud: Cloud) -> None:
    person = await cloud.person("onboarder", roles.MACHINE_ONBOARDING, GROUP_ID)
    key, where = HostKey(), f"{MACHINES}/srv-1"
    answer = await person.ask("PUT", where, body(key, tags={"a": "b"}), version=VERSION)
    assert (answer.status_code, answer.json()["tags"]) == (200, {"a": "b"})
    assert (await person.get(where, version=VERSION)).status_code == 200
    refused = await person.ask("DELETE", where, version=VERSION)
    assert (refused.status_code, code(refused)) == (403, "AuthorizationFailed")
    assert "Microsoft.HybridCompute/machines/delete" in refused.json()["error"]["message"]
    reader = await cloud.person("reader", roles.READER, GROUP_ID)
    refused = await reader.ask("PUT", f"{MACHINES}/srv-2", body(HostKey()), version=VERSION)
    message = refused.json()["error"]["message"]
    assert refused.status_code == 403
    assert f"with object id '{reader.object_id}' does not have authorization to perform action" in message
    assert "'Microsoft.HybridCompute/machines/write' over scope" in message


async def test_an_unregistered_provider_takes_no_machine(cloud: Cloud) -> None:
    provider = f"{SCOPE}/providers/Microsoft.HybridCompute"
    assert (await cloud.owner.ask("POST", f"{provider}/unregister")).status_code == 200
    refused = await cloud.owner.ask("PUT", f"{MACHINES}/srv-1", body(HostKey()), version=VERSION)
    assert (refused.status_code, code(refused)) == (409, "MissingSubscriptionRegistration")
    assert "Microsoft.HybridCompute" in refused.json()["error"]["message"]


async def test_what_its_agent_says_is_shown(cloud: Cloud, server: AgentPeer) -> None:
    facts = MachineFacts(
        os_name="Debian\x1b[31m",
        os_version="12",
        os_sku="Debian GNU/Linux 12",
        fqdn="srv-1.example",
        domain="example",
        uuid="u-1",
        manufacturer="ACME",
        serial="s-1",
        processor="cpu",
        networks=[
            {
                "id": "eth0",
                "macAddress": "02:00:00:00:00:01",
                "ipAddresses": [{"address": "192.0.2.7", "version": "4", "prefix": "192.0.2.0/24"}, 7],
            },
            {"id": ["x"], "ipAddresses": "no"},
        ],
        disks=[{"name": "vda", "sizeBytes": 10, "type": "disk"}],
    )
    await server.send(Inventory(replaced(facts), []))
    report = AgentReport(
        services={"himds": "running", "extd": "stopped"},
        configuration={
            "proxy.url": "http://user:hush@proxy:3128",
            "incomingconnections.ports": ["22"],
            "extensions.allowlist": "Pub/Kind",
            "extensions.enabled": True,
            "config.mode": "full",
        },
        errors=[{"code": "ProxyRefused", "message": "no\nway"}],
    )
    await server.send(Beat(report))
    await until(lambda: _shows_beat(cloud))
    properties = await shown(cloud)
    assert properties["osName"] == "Debian [31m"
    assert (properties["osVersion"], properties["osSku"]) == ("12", "Debian GNU/Linux 12")
    assert (properties["machineFqdn"], properties["domainName"]) == ("srv-1.example", "example")
    assert (properties["vmUuid"], properties["firmwareProfile"]) == ("u-1", {"serialNumber": "s-1"})
    assert properties["osProfile"] == {"computerName": "h1"}
    assert properties["hardwareProfile"]["totalPhysicalMemoryInBytes"] == 4096 * 2**20
    assert properties["storageProfile"]["disks"][0]["maxSizeInBytes"] == 10
    eth, odd = properties["networkProfile"]["networkInterfaces"]
    assert eth["ipAddresses"] == [
        {"address": "192.0.2.7", "ipAddressVersion": "IPv4", "subnet": {"addressPrefix": "192.0.2.0/24"}}
    ]
    assert odd["ipAddresses"] == []
    assert properties["serviceStatuses"]["extensionService"]["status"] == "stopped"
    configuration = properties["agentConfiguration"]
    assert configuration["proxyUrl"] == "http://proxy:3128"
    assert configuration["extensionsAllowList"] == [{"publisher": "Pub", "type": "Kind"}]
    assert (configuration["extensionsEnabled"], configuration["configMode"]) == ("true", "full")
    assert properties["errorDetails"] == [{"code": "ProxyRefused", "message": "no way"}]
    assert properties["detectedProperties"]["manufacturer"] == "ACME"
    own = properties["outofband"]
    assert own["services"]["himds"] == "running"
    assert own["certificateExpires"] > clock.iso(clock.now() + LIFE - timedelta(days=1))
    assert own["images"] == ["demo"]


def replaced(facts: MachineFacts) -> Any:
    return msgspec.structs.replace(host_report(), facts=facts)


async def _shows_beat(cloud: Cloud) -> bool:
    return bool((await shown(cloud))["errorDetails"])


async def test_the_end_of_a_certificate_is_told_before_and_after(
    cloud: Cloud, server: AgentPeer, monkeypatch: pytest.MonkeyPatch
) -> None:
    await server.kill()
    await until(lambda: not cloud.fleet.connected(server.identity.agent))
    real, ahead = clock.now, LIFE - WARN_BEFORE - timedelta(days=1)

    def now() -> datetime:
        return real() + ahead

    monkeypatch.setattr(clock, "now", now)
    await cloud.keys.ensure(now())
    await cloud.owner.sign_in()
    assert (await shown(cloud))["errorDetails"] == []
    ahead += timedelta(days=2)
    await cloud.owner.sign_in()
    (error,) = (await shown(cloud))["errorDetails"]
    assert error["code"] == "MachineCertificateEnds" and "12 days" in error["message"]
    ahead = LIFE + timedelta(hours=1)
    await cloud.owner.sign_in()
    found = await shown(cloud)
    assert (found["status"], found["errorDetails"][0]["code"]) == ("Expired", "AgentExpired")
    assert found["lastStatusChange"] == found["outofband"]["certificateExpires"]
    key, where = server.key, f"{MACHINES}/srv-1"
    claim = to_json(key.claim(where, "f2"))
    refused = await cloud.http.post("/fleet/connect", json=claim)
    assert code(refused) == "AgentExpired"
    # With the right to make machines its key may claim it once more.
    assert (await made(cloud, key))["properties"]["status"] == "AwaitingConnection"
    answer = await cloud.http.post("/fleet/connect", json=claim)
    assert answer.json()["agent"] == server.identity.agent
    server.hardware = "f2"
    await server.connect()
    assert server.welcome is not None
    assert (await shown(cloud))["status"] == "Connected"


async def test_a_copy_is_told_on_the_machine(cloud: Cloud, server: AgentPeer) -> None:
    copy = AgentPeer(server.key, server.identity, cloud.client_context())
    copy.hardware = "other"
    await copy.connect()
    assert copy.rejected is not None and copy.rejected.code == "AgentCloned"
    found = await shown(cloud)
    assert found["status"] == "Connected"
    assert [each["code"] for each in found["errorDetails"]] == ["AgentCloned"]
    dutch = await cloud.owner.get(f"{MACHINES}/srv-1", version=VERSION, headers={"Accept-Language": "nl"})
    assert "op een andere machine gemaakt" in dutch.json()["properties"]["errorDetails"][0]["message"]
    await copy.kill()


async def test_tags_and_words_of_its_owner(cloud: Cloud, server: AgentPeer) -> None:
    where = f"{MACHINES}/srv-1"
    place = {"locationData": {"name": "HQ", "city": "Ghent"}}
    patch = {"tags": {"Rack": "b7"}, "properties": place}
    answer = await cloud.owner.ask("PATCH", where, patch, version=VERSION)
    assert (answer.status_code, answer.json()["tags"]) == (200, {"Rack": "b7"})
    assert answer.json()["properties"]["locationData"] == place["locationData"]
    assert answer.json()["properties"]["vmId"] == VM_ID
    moved = await cloud.owner.ask("PATCH", where, {"location": "elsewhere"}, version=VERSION)
    assert code(moved) == "PropertyChangeNotAllowed"
    tags = f"{where}/providers/Microsoft.Resources/tags/default"
    merge = {"operation": "Merge", "properties": {"tags": {"owner": "ann"}}}
    assert (await cloud.owner.ask("PATCH", tags, merge, version="2021-04-01")).status_code == 200
    found = await cloud.owner.get(tags, version="2021-04-01")
    assert found.json()["properties"]["tags"] == {"Rack": "b7", "owner": "ann"}
    names = (await cloud.owner.get(f"{SCOPE}/tagNames", version="2021-04-01")).json()["value"]
    assert {each["tagName"] for each in names} >= {"Rack", "owner"}
    only = {"$filter": "tagName eq 'owner' and tagValue eq 'ann'"}
    listed = (await cloud.owner.get(f"{SCOPE}/resources", version="2021-04-01", **only)).json()["value"]
    assert [each["name"] for each in listed] == ["srv-1"]


async def test_what_azures_clients_ask_of_a_machine_besides(cloud: Cloud, server: AgentPeer) -> None:
    where = f"{MACHINES}/srv-1"
    for kind in ("extensions", "runCommands"):
        listed = await cloud.owner.get(f"{where}/{kind}", version=VERSION)
        assert (listed.status_code, listed.json()["value"]) == (200, [])
        missing = await cloud.owner.get(f"{where}/{kind}/a", version=VERSION)
        assert code(missing) == "ResourceNotFound"
        refused = await cloud.owner.ask("PUT", f"{where}/{kind}/a", {"location": "local"}, version=VERSION)
        assert (refused.status_code, code(refused)) == (409, "ActionNotOffered")
        assert code(await cloud.owner.get(f"{MACHINES}/x/{kind}", version=VERSION)) == "ResourceNotFound"
    network = await cloud.owner.get(f"{where}/networkProfile", version=VERSION)
    assert network.json() == {"networkInterfaces": []}
    refused = await cloud.owner.ask("POST", f"{where}/assessPatches", version=VERSION)
    assert (refused.status_code, code(refused)) == (409, "ActionNotOffered")


async def test_deleting_cuts_everything(cloud: Cloud, server: AgentPeer, host: Host) -> None:
    where, agent = f"{MACHINES}/h1", host.peer.identity.agent
    await cloud.owner.create_vm("demo")
    async with cloud.store.write() as tx:
        principal = await cloud.store.principals.get(tx, agent)
        assert principal is not None
    assignment = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/{VM_ID}"
    reader = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{roles.READER}"
    given = {"properties": {"roleDefinitionId": reader, "principalId": agent}}
    answer = await cloud.owner.ask("PUT", assignment, given, version="2022-04-01")
    assert answer.status_code == 201, answer.text
    start = clock.monotonic()
    answer = await cloud.owner.ask("DELETE", where, version=VERSION)
    assert (answer.status_code, answer.content) == (204, b"")
    await until(lambda: not cloud.fleet.connected(agent))
    assert clock.monotonic() - start < promised(2.0)
    assert (await cloud.owner.ask("DELETE", where, version=VERSION)).status_code == 204
    assert code(await cloud.owner.get(where, version=VERSION)) == "ResourceNotFound"
    assert code(await cloud.owner.get(assignment, version="2022-04-01")) == "ResourceNotFound"
    # The VM's row stays, and says why nothing can be done with it but delete it.
    refused = await cloud.owner.ask("POST", f"{vm_id('demo')}/restart")
    assert (refused.status_code, code(refused)) == (409, "HostGone")
    deleted = await cloud.owner.follow(await cloud.owner.ask("DELETE", vm_id("demo")))
    assert deleted["status"] == "Succeeded"
    rows = (await activity(cloud))["Microsoft.HybridCompute/machines/delete"]
    assert rows == {"Succeeded"}
    assert cloud.fleet.connected(server.identity.agent), "another machine notices nothing"


async def activity(cloud: Cloud) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    async with cloud.store.read() as tx:
        page = await cloud.store.activity.page(tx, subscription=SCOPE.rpartition("/")[2])
    for each in page.items:
        found.setdefault(each.action, set()).add(each.status)
    return found
