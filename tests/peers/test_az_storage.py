"""az on storage accounts and their blobs: keys, signatures, tokens, and who is refused."""

from __future__ import annotations

import base64

import pytest

from tests.peers.az import Clients

GROUP = ("--resource-group", "demo")
NAME = "oobshelf1"
ACCOUNT = ("--account-name", NAME)


@pytest.fixture(scope="module")
def storage(azure: Clients) -> Clients:
    azure.json("storage", "account", "create", "--name", NAME, *GROUP, "--location", "local")
    return azure


@pytest.fixture(scope="module")
def key(storage: Clients) -> tuple[str, ...]:
    """The words that let az in with the account's key, as a person gives them."""
    shown = storage.json("storage", "account", "show-connection-string", "--name", NAME, *GROUP)
    return ("--connection-string", shown["connectionString"])


def test_life_of_an_account(storage: Clients) -> None:
    account = ("storage", "account")
    shown = storage.json(*account, "show", "--name", NAME)
    assert shown["primaryEndpoints"]["blob"].rstrip("/").endswith(NAME)
    assert (shown["isHnsEnabled"], shown["networkRuleSet"]["ipRules"]) == (False, [])
    assert [each["name"] for each in storage.json(*account, "list")] == [NAME]
    taken = storage.json(*account, "check-name", "--name", NAME)
    assert (taken["nameAvailable"], taken["reason"]) == (False, "AlreadyExists")
    assert storage.json(*account, "update", "--name", NAME, "--tags", "a=b")["tags"] == {"a": "b"}
    before = storage.json(*account, "keys", "list", *ACCOUNT, *GROUP)
    assert [each["keyName"] for each in before] == ["key1", "key2"]
    assert len(base64.b64decode(before[0]["value"])) == 64
    after = storage.json(*account, "keys", "renew", *ACCOUNT, *GROUP, "--key", "primary")
    assert after[0]["value"] != before[0]["value"]
    assert after[1]["value"] == before[1]["value"]
    other = "oobshelf2"
    storage.json(*account, "create", "--name", other, *GROUP, "--location", "local", "--hns", "true")
    assert storage.json(*account, "show", "--name", other)["isHnsEnabled"] is True
    storage.json(*account, "delete", "--name", other, *GROUP, "--yes")
    assert [each["name"] for each in storage.json(*account, "list")] == [NAME]


def test_blobs_with_the_accounts_key(storage: Clients, key: tuple[str, ...]) -> None:
    here, back = storage.root / "log.txt", storage.root / "back.txt"
    here.write_bytes(b"Kernel panic - not syncing\n" * 1000)
    box = ("--container-name", "logs")
    assert storage.json("storage", "container", "create", "--name", "logs", *key)["created"] is True
    assert [each["name"] for each in storage.json("storage", "container", "list", *key)] == ["logs"]
    blob = (*box, "--name", "boot/serial.log")
    storage.json("storage", "blob", "upload", *blob, "--file", str(here), *key)
    (listed,) = storage.json("storage", "blob", "list", *box, *key)
    assert (listed["name"], listed["properties"]["contentLength"]) == ("boot/serial.log", 27000)
    storage.json("storage", "blob", "download", *blob, "--file", str(back), "--no-progress", *key)
    assert back.read_bytes() == here.read_bytes()
    storage.json("storage", "blob", "metadata", "update", *blob, "--metadata", "vm=demo", *key)
    assert storage.json("storage", "blob", "metadata", "show", *blob, *key) == {"vm": "demo"}
    storage.json("storage", "blob", "delete", *blob, *key)
    assert storage.json("storage", "blob", "exists", *blob, *key) == {"exists": False}
    storage.json("storage", "container", "delete", "--name", "logs", *key)


def test_a_signature_opens_one_blob_to_anybody(storage: Clients, key: tuple[str, ...]) -> None:
    here = storage.root / "note.txt"
    here.write_text("for whoever has the address")
    storage.json("storage", "container", "create", "--name", "open", *key)
    blob = ("--container-name", "open", "--name", "note")
    storage.json("storage", "blob", "upload", *blob, "--file", str(here), *key)
    url = storage.json(
        *("storage", "blob", "generate-sas", *blob, "--permissions", "r", "--expiry", "2035-01-01T00:00Z"),
        *("--full-uri", *key),
    )
    curl = f'curl --silent --fail-with-body --cacert "$REQUESTS_CA_BUNDLE" "{url}"'
    assert storage.bash(curl).out == here.read_text()
    wrong = storage.bash(curl.replace("sp=r", "sp=rw"), expect=22)
    assert "<Code>AuthenticationFailed</Code>" in wrong.out
    bare = storage.bash(f'curl --silent --cacert "$REQUESTS_CA_BUNDLE" "{url.partition("?")[0]}"')
    assert "<Code>" in bare.out


def test_a_wrong_key_is_refused_in_azures_words(storage: Clients, key: tuple[str, ...]) -> None:
    text = key[1]
    begin = text.index("AccountKey=") + len("AccountKey=")
    wrong = base64.b64encode(b"x" * 64).decode()
    end = text.index(";", begin)
    told = storage.refused(
        "storage", "container", "list", "--connection-string", text[:begin] + wrong + text[end:]
    )
    assert "AuthenticationFailed" in told or "authentication failure" in told.lower()


def test_network_rules(storage: Clients, key: tuple[str, ...]) -> None:
    rule = ("storage", "account", "network-rule")
    storage.json(*rule, "add", *ACCOUNT, *GROUP, "--ip-address", "203.0.113.9")
    rules = storage.json(*rule, "list", *ACCOUNT, *GROUP)
    assert [each["ipAddressOrRange"] for each in rules["ipRules"]] == ["203.0.113.9"]
    storage.json("storage", "account", "update", "--name", NAME, "--default-action", "Deny")
    told = storage.refused("storage", "container", "list", *key)
    assert "AuthorizationFailure" in told or "not authorized" in told or "network rules" in told
    storage.json("storage", "account", "update", "--name", NAME, "--default-action", "Allow")
    storage.json(*rule, "remove", *ACCOUNT, *GROUP, "--ip-address", "203.0.113.9")
    storage.json("storage", "container", "list", *key)
