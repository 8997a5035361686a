"""What agents recognised: kept once, of their own VMs alone, and told to whoever may know."""

from __future__ import annotations

import msgspec
import pytest

from outofband.access import roles
from outofband.access.console_roles import CONSOLE_OBSERVER
from outofband.wire.finding import Evidence, Finding, Severity, finding_id
from outofband.wire.link import MAX_FOUND, TAKES_FINDINGS, Found, Told
from tests.support.cloud import GROUP_ID, SCOPE, VM_TYPE, Cloud, Host, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio


def found(offset: int = 40, code: str = "GuestPanicked", **changes: object) -> Finding:
    plain = Finding(
        id=finding_id(code, "0", offset),
        code=code,
        severity=Severity.ERROR,
        port="0",
        boot=1,
        offset=offset,
        first=1000.0,
        last=1000.0 + offset,
        fields={"vm": "demo"},
        evidence=(Evidence(offset=offset, at=1000.25, text="Kernel panic\x1b[2J"),),
    )
    return msgspec.structs.replace(plain, **changes)


async def tell(host: Host, *told: Told, number: int = 1) -> None:
    await host.peer.send(Found(number, list(told)))
    await until(lambda: number in host.peer.kept)


async def rows(cloud: Cloud, vm: str) -> list[Finding]:
    async with cloud.store.read() as tx:
        return [each.finding for each in await cloud.store.findings.of_vm(tx, vm)]


async def test_they_are_kept_once_and_only_then_answered(cloud: Cloud, host: Host) -> None:
    assert host.peer.welcome is not None and TAKES_FINDINGS in host.peer.welcome.takes
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    await tell(host, Told(vm.upper(), found()), Told(vm, found()))
    (kept,) = await rows(cloud, vm)
    assert kept.evidence[0].text == "Kernel panic\ufffd[2J"
    await tell(host, Told(vm, found(count=3, last=2000.0)), number=2)
    (kept,) = await rows(cloud, vm)
    assert kept.count == 3


async def test_an_agent_tells_of_its_own_vms_alone(cloud: Cloud, host: Host) -> None:
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    async with cloud.host("h2") as other:
        await tell(other, Told(vm, found()), Told("x" * 5000, found()), Told("no uuid", found()))
    assert await rows(cloud, vm) == []
    await tell(host, Told(vm, found(code="NoSuchCode")), Told(vm, found(count=0)))
    assert await rows(cloud, vm) == [], "answered, and not kept"


async def test_nothing_is_kept_while_boot_diagnostics_are_off(cloud: Cloud, host: Host) -> None:
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    assert (await cloud.owner.ask("PATCH", vm_id("demo"), off)).is_success
    await tell(host, Told(vm, found()))
    assert await rows(cloud, vm) == []


async def test_what_ends_while_boot_diagnostics_are_off_is_over(cloud: Cloud, host: Host) -> None:
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    await tell(host, Told(vm, found()))
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    assert (await cloud.owner.ask("PATCH", vm_id("demo"), off)).is_success
    over = found(last=2000.0, ended=2000.0)
    await tell(host, Told(vm, over), Told(vm, found(50, last=2000.0, ended=2000.0)), number=2)
    (kept,) = await rows(cloud, vm)
    assert kept.ended == 2000.0


async def test_too_many_at_once_end_the_link(cloud: Cloud, host: Host) -> None:
    vm = (await cloud.owner.create_vm())["properties"]["vmId"]
    await host.peer.send(Found(1, [Told(vm, found(n)) for n in range(MAX_FOUND + 1)]))
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    assert await rows(cloud, vm) == []


V = "2026-11-01"
VM_CONTRIBUTOR = "9980e02c-c2be-4d73-94e8-173b1dc7cf3c"
FINDINGS = f"{vm_id('demo')}/providers/Outofband.Diagnostics/findings"


@pytest.fixture
async def vm(cloud: Cloud, host: Host) -> str:
    """A VM with an open finding, a note, and one that is over."""
    vm = str((await cloud.owner.create_vm())["properties"]["vmId"])
    over = found(7, ended=2000.0)
    note = found(50, code="GuestPaused", severity=Severity.NOTE, fields={"detail": "by hand"})
    await tell(host, Told(vm, over), Told(vm, note), Told(vm, found()))
    return vm


async def test_the_findings_of_a_vm(cloud: Cloud, vm: str) -> None:
    answer = await cloud.owner.get(FINDINGS, version=V)
    assert answer.status_code == 200, answer.text
    listed = answer.json()["value"]
    assert [each["name"] for each in listed] == [
        "GuestPanicked-0-40",
        "GuestPaused-0-50",
        "GuestPanicked-0-7",
    ]
    worst = listed[0]
    assert worst["id"] == f"{FINDINGS}/GuestPanicked-0-40"
    properties = worst["properties"]
    assert properties["open"] and properties["severity"] == "error" and properties["vmId"] == vm
    assert properties["message"] and properties["title"]
    line = {"offset": 40, "at": "1970-01-01T00:16:40.250000Z", "text": "Kernel panic\ufffd[2J"}
    assert properties["evidence"] == [line]
    assert listed[2]["properties"]["ended"].startswith("1970")
    only_open = await cloud.owner.get(FINDINGS, version=V, open="true")
    assert len(only_open.json()["value"]) == 2
    one = await cloud.owner.get(worst["id"], version=V)
    assert one.json() == worst
    assert (await cloud.owner.get(f"{FINDINGS}/None-0-1", version=V)).status_code == 404
    french = await cloud.owner.get(worst["id"], version=V, headers={"Accept-Language": "fr"})
    assert french.status_code == 200


async def test_the_open_ones_of_a_subscription(cloud: Cloud, vm: str) -> None:
    path = f"{SCOPE}/providers/Outofband.Diagnostics/findings"
    names = [each["name"] for each in (await cloud.owner.get(path, version=V)).json()["value"]]
    assert names == ["GuestPanicked-0-40", "GuestPaused-0-50"]
    first = (await cloud.owner.get(path, version=V, **{"$top": "1"})).json()
    rest = (await cloud.owner.get(first["nextLink"], version=None)).json()
    assert [each["name"] for each in (*first["value"], *rest["value"])] == names


async def test_the_evidence_is_for_those_who_may_read_the_log(cloud: Cloud, vm: str) -> None:
    reader = await cloud.person("reader", roles.READER)
    listed = (await reader.get(FINDINGS, version=V)).json()["value"]
    assert len(listed) == 3 and not any("evidence" in each["properties"] for each in listed)
    # Roles of Azure's know nothing of findings, but all of the log.
    for role in (CONSOLE_OBSERVER, VM_CONTRIBUTOR):
        watcher = await cloud.person(role, role, vm_id("demo"))
        answer = await watcher.get(FINDINGS, version=V)
        assert answer.status_code == 200, answer.text
        assert all(each["properties"]["evidence"] for each in answer.json()["value"])
    nobody = await cloud.person("nobody")
    assert (await nobody.get(FINDINGS, version=V)).status_code == 403
    stranger = await cloud.person("stranger", roles.OWNER, f"{GROUP_ID}/{VM_TYPE}/other")
    assert (await stranger.get(FINDINGS, version=V)).status_code == 403


async def test_the_last_lines_are_not_all_of_the_log(cloud: Cloud, vm: str) -> None:
    own = {"roleName": "ends", "assignableScopes": [SCOPE]}
    granted = ["Outofband.Diagnostics/findings/read", "Microsoft.SerialConsole/serialPorts/tail/action"]
    name = "6f4d1f57-8d1b-4f86-9d36-5d0f1c1a9b01"
    path = f"{SCOPE}/providers/Microsoft.Authorization/roleDefinitions/{name}"
    body = {"properties": {**own, "permissions": [{"actions": granted}]}}
    made = await cloud.owner.ask("PUT", path, body, version="2022-04-01")
    assert made.is_success, made.text
    ends = await cloud.person("ends", name)
    listed = (await ends.get(FINDINGS, version=V)).json()["value"]
    assert len(listed) == 3 and not any("evidence" in each["properties"] for each in listed)


async def test_the_evidence_is_where_the_log_is(cloud: Cloud, vm: str) -> None:
    body = {"sku": {"name": "Standard_LRS"}, "kind": "StorageV2", "location": "local", "properties": {}}
    account = f"{GROUP_ID}/providers/Microsoft.Storage/storageAccounts/mylogs"
    assert (await cloud.owner.ask("PUT", account, body, version="2023-01-01")).is_success
    place = {"bootDiagnostics": {"enabled": True, "storageUri": f"{cloud.base}/blob/mylogs/"}}
    changed = await cloud.owner.ask("PATCH", vm_id("demo"), {"properties": {"diagnosticsProfile": place}})
    assert changed.is_success, changed.text
    contributor = await cloud.person("contributor", VM_CONTRIBUTOR, vm_id("demo"))
    listed = (await contributor.get(FINDINGS, version=V)).json()["value"]
    assert len(listed) == 3 and not any("evidence" in each["properties"] for each in listed)
    await cloud.assign(contributor, roles.READER, account)
    listed = (await contributor.get(FINDINGS, version=V)).json()["value"]
    assert all(each["properties"]["evidence"] for each in listed)


async def test_they_stand_in_the_instance_view_behind_what_clients_count_on(cloud: Cloud, vm: str) -> None:
    whole = (await cloud.owner.get(vm_id("demo"), **{"$expand": "instanceView"})).json()
    view = whole["properties"]["instanceView"]
    apart = (await cloud.owner.get(f"{vm_id('demo')}/instanceView")).json()
    views = [view, apart]
    for path, query in ((GROUP_ID, {"$expand": "instanceView"}), (SCOPE, {"statusOnly": "true"})):
        (listed,) = (await cloud.owner.get(f"{path}/{VM_TYPE}", **query)).json()["value"]
        views.append(listed["properties"]["instanceView"])
    for each in views:
        codes = [told["code"] for told in each["statuses"]]
        assert codes[0].startswith("ProvisioningState/") and codes[1].startswith("PowerState/")
        assert codes[-2:] == ["Finding/GuestPanicked", "Finding/GuestPaused"]
        assert [told["level"] for told in each["statuses"][-2:]] == ["Error", "Info"]
        assert [told["id"] for told in each["outofband"]["findings"]] == [
            "GuestPanicked-0-40",
            "GuestPaused-0-50",
        ]


async def test_they_are_away_while_boot_diagnostics_are_off(cloud: Cloud, vm: str) -> None:
    for enabled, count in ((False, 0), (True, 3)):
        switch = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": enabled}}}}
        assert (await cloud.owner.ask("PATCH", vm_id("demo"), switch)).is_success
        assert len((await cloud.owner.get(FINDINGS, version=V)).json()["value"]) == count
        view = (await cloud.owner.get(f"{vm_id('demo')}/instanceView")).json()
        assert ("Finding/GuestPanicked" in [each["code"] for each in view["statuses"]]) == enabled
