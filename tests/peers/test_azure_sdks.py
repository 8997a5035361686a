"""Azure's Python SDKs with the three arguments of docs/howto/python-sdk.md, and nothing else changed."""

from __future__ import annotations

import uuid

import pytest

from tests.peers.az import Clients
from tests.peers.az_documents import blocks
from tests.peers.house import House
from tests.peers.talks import Talks


@pytest.fixture(scope="module")
def talk(house: House, azure: Clients) -> Talks:
    return Talks(house, azure)


def test_compute(talk: Talks) -> None:
    told = talk("compute")
    assert [each.rpartition("/")[2] for each in told["ids"]] == ["demo"]
    assert uuid.UUID(told["vmId"])
    assert (told["running"], told["stopped"]) == ("PowerState/running", "PowerState/stopped")
    assert told["tags"][0] == {"by": "sdk"}
    assert not told["tags"][1]
    assert told["same"]
    assert told["sizes"] > 5
    assert told["missing"] == "ResourceNotFound"


def test_serial_console(talk: Talks) -> None:
    told = talk("serial_console")
    assert told["switch"] == [False, True, False]
    assert told["refused"] == "ConsoleDisabledForSubscription"
    assert told["opened"].startswith("wss://")
    assert told["opened"].endswith("/client")
    assert told["ports"] == ["0"]
    assert told["everywhere"] == 1
    assert told["state"].lower().endswith("enabled")
    assert told["operations"] > 3


def test_network(talk: Talks) -> None:
    told = talk("network")
    assert told["rule"][:2] == ["rdp", 300]
    assert told["rule"][2].endswith("Allow") or told["rule"][2].endswith("ALLOW")
    assert (told["defaults"], told["effective"]) == (6, 1)
    assert told["address"] == "10.7.1.4"
    assert (told["listed"], told["left"]) == (["sdk-walls"], [])


def test_storage(talk: Talks) -> None:
    told = talk("storage")
    assert told["state"].lower().endswith("succeeded")
    assert told["blob"].rstrip("/").endswith("oobsdk1")
    assert (told["keys"], told["renewed"]) == (["key1", "key2"], [True, False])
    assert told["taken"] is False
    assert "oobsdk1" in told["listed"]
    assert "oobsdk1" not in told["left"]


def test_blobs(talk: Talks) -> None:
    told = talk("blobs")
    assert (told["size"], told["part"], told["names"]) == (600, "panic", ["serial.log"])
    assert told["again"] == "ContainerAlreadyExists"
    assert told["wrong"] == "AuthenticationFailed"


def test_connected_machines(talk: Talks) -> None:
    told = talk("hybrid")
    assert set(told["group"]) == {told["name"], "sdk-1"}
    assert told["status"] == "Connected"
    assert told["agent"]
    assert told["cores"] >= 1
    assert told["made"] == ["AwaitingConnection", True]
    assert told["changed"] == [{"by": "sdk"}, "Ghent", told["vm_id"]]
    assert (told["wrong"], told["taken"]) == ("InvalidParameter", "AgentNameTaken")
    assert told["missing"] == "ResourceNotFound"


def test_authorization(talk: Talks) -> None:
    told = talk("authorization")
    assert told["role"] == "acdd72a7-3385-48ef-bd42-f606fba81ae7"
    assert (told["made"], told["twice"], told["left"]) == (True, "RoleAssignmentExists", False)
    assert told["permissions"] >= 1


def test_resources(house: House, talk: Talks) -> None:
    told = talk("resources")
    assert told["subscriptions"] == [house.profile()["subscriptionId"]]
    assert (told["tenants"], told["tags"], told["machines"]) == (1, {"a": "b"}, ["demo"])
    assert "local" in told["places"]
    assert (told["held"], told["provider"]) == ("ScopeLocked", "Registered")
    assert (told["exists"], told["left"]) == (True, False)


def test_who_is_wrong_is_refused(talk: Talks) -> None:
    told = talk("refusals")
    assert told == {"secret": "7000215", "client": "700016", "tenant": "ClientAuthenticationError"}


def test_the_lines_of_the_document_work(talk: Talks, azure: Clients) -> None:
    azure.json("storage", "account", "create", "--name", "labstore1", "--resource-group", "demo")
    about = talk.about
    told = talk.python(
        "-c",
        "\n".join(blocks("python-sdk.md", "python")),
        OOB_ADDRESS=about["arm"],
        AZURE_TENANT_ID=about["tenant"],
        AZURE_CLIENT_ID=about["client"],
        AZURE_CLIENT_SECRET=about["secret"],
        AZURE_SUBSCRIPTION_ID=about["subscription"],
    )
    assert "demo VM running" in told
