"""az on storage accounts, their keys, their rules, and on what is in them."""

from __future__ import annotations

import os

import pytest

from tests.peers.az import Clients

NAME = "azstore1"


@pytest.fixture(scope="module")
def group(azure: Clients) -> str:
    azure.json("group", "create", "--name", "storage", "--location", "local")
    return "storage"


@pytest.fixture(scope="module")
def account(azure: Clients, group: str) -> tuple[str, ...]:
    """Words that lead az to the account's blobs with its key."""
    made = azure.json("storage", "account", "create", "-g", group, "-n", NAME, "--sku", "Standard_LRS")
    assert (made["name"], made["provisioningState"], made["sku"]["tier"]) == (NAME, "Succeeded", "Standard")
    key = azure.json("storage", "account", "keys", "list", "-n", NAME, "-g", group)[0]["value"]
    endpoint = made["primaryEndpoints"]["blob"].rstrip("/")
    return ("--account-name", NAME, "--account-key", key, "--blob-endpoint", endpoint)


def test_accounts(azure: Clients, group: str, account: tuple[str, ...]) -> None:
    shown = azure.json("storage", "account", "show", "-n", NAME)
    assert (shown["networkRuleSet"]["ipRules"], shown["isHnsEnabled"]) == ([], False)
    assert NAME in [each["name"] for each in azure.json("storage", "account", "list")]
    free = azure.json("storage", "account", "check-name", "--name", NAME)
    assert (free["nameAvailable"], free["reason"]) == (False, "AlreadyExists")
    azure.json("storage", "account", "update", "-n", NAME, "-g", group, "--tags", "use=lab")
    assert azure.json("storage", "account", "show", "-n", NAME)["tags"] == {"use": "lab"}
    usage = azure.json("storage", "account", "show-usage", "--location", "local")
    assert usage["currentValue"] >= 1
    service = azure.json("storage", "account", "blob-service-properties", "show", "-n", NAME, "-g", group)
    assert service["deleteRetentionPolicy"]["enabled"] is False
    azure.json("storage", "container-rm", "create", "--storage-account", NAME, "-g", group, "-n", "rmbox")
    listed = azure.json("storage", "container-rm", "list", "--storage-account", NAME, "-g", group)
    assert [each["name"] for each in listed] == ["rmbox"]
    azure.az("storage", "container-rm", "delete", "--storage-account", NAME, "-g", group, "-n", "rmbox", "-y")


def test_blobs(azure: Clients, account: tuple[str, ...]) -> None:
    made = azure.json("storage", "container", "create", "-n", "box", *account)
    assert made == {"created": True}
    data = os.urandom(200_000)
    (azure.root / "up").write_bytes(data)
    name = ("-c", "box", "-n", "dir/up")
    azure.json("storage", "blob", "upload", *name, "-f", "up", *account)
    assert "BlobAlreadyExists" in azure.refused("storage", "blob", "upload", *name, "-f", "up", *account)
    azure.json("storage", "blob", "download", *name, "-f", "down", *account)
    assert (azure.root / "down").read_bytes() == data
    listed = azure.json("storage", "blob", "list", "-c", "box", *account)
    assert [(each["name"], each["properties"]["contentLength"]) for each in listed] == [("dir/up", 200_000)]
    assert azure.json("storage", "blob", "exists", *name, *account) == {"exists": True}
    sas = azure.json(
        "storage",
        "blob",
        "generate-sas",
        *name,
        "--permissions",
        "r",
        "--expiry",
        "2099-01-01T00:00Z",
        *account[:4],
    )
    url = f"{account[5]}/box/dir/up?{sas}"
    (azure.root / "url").write_text(url)
    azure.bash('curl -sSf --cacert "$REQUESTS_CA_BUNDLE" -o curled "$(cat url)"')
    assert (azure.root / "curled").read_bytes() == data
    azure.az("storage", "blob", "delete", *name, *account)
    assert azure.json("storage", "blob", "exists", *name, *account) == {"exists": False}


def test_network_rules(azure: Clients, group: str, account: tuple[str, ...]) -> None:
    azure.json("storage", "account", "update", "-n", NAME, "-g", group, "--default-action", "Deny")
    assert "blocked by network rules" in azure.refused("storage", "container", "list", *account)
    azure.json(
        "storage", "account", "network-rule", "add", "-n", NAME, "-g", group, "--ip-address", "127.0.0.1"
    )
    assert [each["name"] for each in azure.json("storage", "container", "list", *account)] == ["box"]
    azure.json("storage", "account", "update", "-n", NAME, "-g", group, "--default-action", "Allow")


def test_a_new_key_ends_the_old_one(azure: Clients, group: str, account: tuple[str, ...]) -> None:
    azure.json("storage", "account", "keys", "renew", "-n", NAME, "-g", group, "--key", "primary")
    assert "Authentication failure" in azure.refused("storage", "container", "list", *account)
    azure.az("storage", "account", "delete", "-n", NAME, "-g", group, "-y")
    assert "was not found" in azure.refused("storage", "account", "show", "-n", NAME, "-g", group, code=3)
