"""Instance metadata: which requests are answered, and with which keys."""

from __future__ import annotations

import pytest

from outofband.wire.instance_metadata import VERSIONS, Machine, answer, is_asked

HOST, META = ("host", "localhost:40342"), ("metadata", "true")
KEYS = [
    "azEnvironment",
    "customData",
    "isHostCompatibilityLayerVm",
    "location",
    "name",
    "offer",
    "osType",
    "placementGroupId",
    "plan",
    "platformFaultDomain",
    "platformUpdateDomain",
    "provider",
    "publicKeys",
    "publisher",
    "resourceGroupName",
    "resourceId",
    "securityProfile",
    "sku",
    "storageProfile",
    "subscriptionId",
    "tags",
    "tagsList",
    "version",
    "vmId",
    "vmScaleSetName",
    "vmSize",
    "zone",
]
MACHINE = Machine(
    cloud="Lab",
    location="local",
    name="srv-1",
    subscription="s",
    group="g",
    resource="/subscriptions/s/resourceGroups/g/providers/Microsoft.HybridCompute/machines/srv-1",
    vm_id="v",
    sku="Debian GNU/Linux 12 (bookworm)",
    tags={"a": "b", "c": "d e"},
)


@pytest.mark.parametrize("version", VERSIONS)
def test_all_of_it_and_a_part(version: str) -> None:
    status, whole = answer("GET", f"/metadata/instance?api-version={version}", [HOST, META], MACHINE)
    assert (status, sorted(whole), whole["network"]) == (200, ["compute", "network"], {})
    status, part = answer("GET", f"/metadata/instance/compute/?api-version={version}", [HOST, META], MACHINE)
    assert (status, part) == (200, whole["compute"])
    assert sorted(part) == sorted(KEYS)
    assert (part["azEnvironment"], part["name"], part["vmId"]) == ("Lab", "srv-1", "v")
    assert part["tags"] == "a:b;c:d e"
    assert part["tagsList"] == [{"name": "a", "value": "b"}, {"name": "c", "value": "d e"}]


@pytest.mark.parametrize("query", ["", "?api-version=", "?api-version=2018-01-01", "?version=2021-02-01"])
def test_without_a_version_it_says_which(query: str) -> None:
    status, body = answer("GET", f"/metadata/instance{query}", [HOST, META], MACHINE)
    assert (status, body["newest-versions"]) == (400, list(VERSIONS))


@pytest.mark.parametrize(
    ("method", "fields", "status"),
    [
        ("GET", [HOST], 400),
        ("GET", [HOST, ("metadata", "yes")], 400),
        ("POST", [HOST, META], 405),
        ("GET", [("host", "evil.example"), META], 400),
        ("GET", [HOST, META, ("x-forwarded-for", "192.0.2.1")], 400),
    ],
)
def test_what_is_not_answered(method: str, fields: list[tuple[str, str]], status: int) -> None:
    told, body = answer(method, "/metadata/instance?api-version=2021-02-01", fields, MACHINE)
    assert told == status
    assert body["error"] and "compute" not in body


def test_which_paths() -> None:
    for path in ("/metadata/instance", "/metadata/instance/", "/metadata/instance/compute?x=1"):
        assert is_asked(path)
    for path in ("/metadata/instances", "/metadata", "/metadata/identity/oauth2/token"):
        assert not is_asked(path)
    for path in ("/metadata/instance/network", "/metadata/instance/compute/vmId"):
        assert answer("GET", f"{path}?api-version=2021-02-01", [HOST, META], MACHINE)[0] == 404
