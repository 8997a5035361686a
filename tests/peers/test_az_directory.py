"""az on the directory: people, groups, applications and programs; their secrets, certificates and roles."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.az import Clients
from tests.peers.house import House
from tests.peers.people import Person, move_in

READER = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
NOBODY = "00000000-0000-4000-8000-000000000001"
DEMO = ("--resource-group", "demo", "--name", "demo")
PASSWORD = "correct horse battery staple"


@pytest.fixture(scope="module")
def people(house: House) -> dict[str, Person]:
    return move_in(house, {"reader": READER})[0]


@pytest.fixture(scope="module")
def azure(house: House, people: dict[str, Person]) -> Iterator[Clients]:
    made = Clients(house)
    try:
        made.sign_in()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def reader(house: House, people: dict[str, Person]) -> Iterator[Clients]:
    made = Clients(house, people["reader"])
    try:
        made.sign_in()
        yield made
    finally:
        made.close()


@pytest.fixture(scope="module")
def scope(house: House) -> str:
    return f"/subscriptions/{house.profile()['subscriptionId']}/resourceGroups/demo"


def add_user(azure: Clients, name: str) -> dict[str, str]:
    words = ("--display-name", name.title(), "--user-principal-name", f"{name}@outofband.local")
    made: dict[str, str] = azure.json("ad", "user", "create", *words, "--password", PASSWORD)
    return made


def add_group(azure: Clients, name: str) -> str:
    words = ("--display-name", name, "--mail-nickname", name.lower())
    return str(azure.json("ad", "group", "create", *words)["id"])


def ids(found: list[dict[str, str]]) -> list[str]:
    return sorted(each["id"] for each in found)


def sign_in_as(azure: Clients, told: dict[str, str], *proof: str) -> Clients:
    """Somebody else in a folder of their own, by a secret or a certificate."""
    other = azure.fresh()
    words = ("login", "--service-principal", "--username", told["appId"], "--tenant", told["tenant"])
    other.program(*words, *proof, "--output", "none")
    return other


def test_the_life_of_a_user(azure: Clients) -> None:
    made = add_user(azure, "ada")
    name = "ada@outofband.local"
    assert (made["userPrincipalName"], made["displayName"]) == (name, "Ada")
    assert azure.json("ad", "user", "show", "--id", name)["id"] == made["id"]
    assert azure.json("ad", "user", "show", "--id", made["id"])["userPrincipalName"] == name
    assert ids(azure.json("ad", "user", "list", "--upn", name)) == [made["id"]]
    assert ids(azure.json("ad", "user", "list", "--display-name", "Ada")) == [made["id"]]
    assert made["id"] in ids(azure.json("ad", "user", "list"))
    words = ("--display-name", "Ada L.", "--account-enabled", "false")
    azure.json("ad", "user", "update", "--id", made["id"], *words)
    shown = azure.json("ad", "user", "show", "--id", made["id"])
    assert (shown["displayName"], shown["accountEnabled"]) == ("Ada L.", False)
    azure.json("ad", "user", "delete", "--id", made["id"])
    assert made["id"] in azure.refused("ad", "user", "show", "--id", made["id"], code=3)


def test_who_one_is(azure: Clients, house: House) -> None:
    shown = azure.json("ad", "signed-in-user", "show")
    assert shown["appId"] == house.profile()["clientId"]


def test_the_life_of_a_group(azure: Clients, people: dict[str, Person]) -> None:
    group, inner = add_group(azure, "Operators"), add_group(azure, "Night shift")
    assert add_group(azure, "Operators") == group, "az gives the one there is"
    shown = azure.json("ad", "group", "show", "--group", "Operators")
    assert (shown["id"], shown["mailNickname"], shown["securityEnabled"]) == (group, "operators", True)
    assert ids(azure.json("ad", "group", "list", "--display-name", "Oper")) == [group]
    robot = people["reader"].object_id

    def member(verb: str, of: str, who: str) -> object:
        return azure.json("ad", "group", "member", verb, "--group", of, "--member-id", who)

    member("add", group, inner)
    member("add", inner, robot)
    assert ids(azure.json("ad", "group", "member", "list", "--group", group)) == [inner]
    assert [
        each["@odata.type"] for each in azure.json("ad", "group", "member", "list", "--group", inner)
    ] == ["#microsoft.graph.servicePrincipal"]
    assert member("check", group, robot) == {"value": True}
    told = azure.refused("ad", "group", "member", "add", "--group", inner, "--member-id", robot)
    assert "already exist for the following modified properties: 'members'" in told
    told = azure.refused("ad", "group", "member", "add", "--group", inner, "--member-id", group)
    assert "would be in itself" in told
    told = azure.refused("ad", "group", "member", "add", "--group", inner, "--member-id", NOBODY)
    assert NOBODY in told
    assert azure.json("ad", "group", "get-member-groups", "--group", inner) == [group]
    member("remove", inner, robot)
    assert member("check", group, robot) == {"value": False}
    owned = azure.json("ad", "group", "owner", "list", "--group", group)
    assert len(owned) == 1, "who made it looks after it"
    azure.json("ad", "group", "owner", "add", "--group", group, "--owner-object-id", robot)
    assert robot in ids(azure.json("ad", "group", "owner", "list", "--group", group))
    azure.json("ad", "group", "owner", "remove", "--group", group, "--owner-object-id", robot)
    for each in (group, inner):
        azure.json("ad", "group", "delete", "--group", each)
    assert azure.json("ad", "group", "list", "--display-name", "Oper") == []


def test_a_role_of_a_group_holds_for_its_members_at_once(
    azure: Clients, reader: Clients, people: dict[str, Person], scope: str
) -> None:
    outer, inner = add_group(azure, "Starters"), add_group(azure, "Inner starters")
    robot = people["reader"].object_id
    azure.json("ad", "group", "member", "add", "--group", outer, "--member-id", inner)
    words = ("--role", "Virtual Machine Contributor", "--scope", scope)
    made = azure.json("role", "assignment", "create", "--assignee", outer, *words)
    assert made["principalType"] == "Group"
    assert "(AuthorizationFailed)" in reader.refused("vm", "start", *DEMO)
    azure.json("ad", "group", "member", "add", "--group", inner, "--member-id", robot)
    reader.json("vm", "start", *DEMO)
    listed = azure.json("role", "assignment", "list", "--all", "--assignee", robot)
    assert made["id"] not in [each["id"] for each in listed]
    listed = azure.json("role", "assignment", "list", "--all", "--assignee", robot, "--include-groups")
    (found,) = [each for each in listed if each["id"] == made["id"]]
    assert (found["principalName"], found["roleDefinitionName"]) == ("Starters", words[1])
    azure.json("ad", "group", "member", "remove", "--group", outer, "--member-id", inner)
    assert "(AuthorizationFailed)" in reader.refused("vm", "start", *DEMO)
    for each in (outer, inner):
        azure.json("ad", "group", "delete", "--group", each)
    listed = azure.json("role", "assignment", "list", "--scope", scope)
    assert made["id"] not in [each["id"] for each in listed], "a group takes its roles along"


def test_an_application_and_its_secrets(azure: Clients) -> None:
    uri = "api://pipeline"
    words = ("--display-name", "Pipeline", "--identifier-uris", uri)
    app = azure.json("ad", "app", "create", *words, "--web-redirect-uris", "https://example.test/back")
    assert app["web"]["redirectUris"] == ["https://example.test/back"]
    for name in (app["appId"], app["id"], uri):
        assert azure.json("ad", "app", "show", "--id", name)["id"] == app["id"]
    assert ids(azure.json("ad", "app", "list", "--app-id", app["appId"])) == [app["id"]]
    assert ids(azure.json("ad", "app", "list", "--identifier-uri", uri)) == [app["id"]]
    azure.json("ad", "app", "update", "--id", app["appId"], "--display-name", "Line")
    assert azure.json("ad", "app", "show", "--id", app["appId"])["displayName"] == "Line"
    first = azure.json("ad", "app", "credential", "reset", "--id", app["appId"], "--display-name", "one")
    more = ("--append", "--years", "2", "--display-name", "two")
    second = azure.json("ad", "app", "credential", "reset", "--id", app["appId"], *more)
    listed = azure.json("ad", "app", "credential", "list", "--id", app["appId"])
    assert [each["displayName"] for each in listed] == ["one", "two"]
    assert [each["hint"] for each in listed] == [each["password"][:3] for each in (first, second)]
    assert all(each["secretText"] is None for each in listed)
    azure.json("ad", "sp", "create", "--id", app["appId"])
    told = azure.refused("ad", "sp", "create", "--id", app["appId"])
    assert "already in use" in told
    sign_in_as(azure, second, "--password", second["password"], "--allow-no-subscriptions").close()
    key = listed[0]["keyId"]
    azure.json("ad", "app", "credential", "delete", "--id", app["appId"], "--key-id", key)
    left = azure.json("ad", "app", "credential", "list", "--id", app["appId"])
    assert [each["displayName"] for each in left] == ["two"]
    azure.json("ad", "app", "credential", "delete", "--id", app["appId"], "--key-id", left[0]["keyId"])
    other = azure.fresh()
    words = ("login", "--service-principal", "--username", app["appId"], "--tenant", second["tenant"])
    said = other.program(*words, "--password", second["password"], expect=1)
    assert "AADSTS7000215" in said.err
    other.close()
    azure.json("ad", "app", "delete", "--id", app["appId"])
    assert azure.json("ad", "sp", "list", "--spn", app["appId"]) == [], "the program goes with it"


def test_a_program_made_for_a_role(azure: Clients, scope: str) -> None:
    words = ("--name", "deployer", "--role", "Reader", "--scopes", scope)
    told = azure.json("ad", "sp", "create-for-rbac", *words)
    assert told["displayName"] == "deployer"
    again = azure.json("ad", "sp", "create-for-rbac", *words)
    assert again["appId"] == told["appId"], "made again it gets another secret"
    other = azure.fresh()
    said = other.program(
        *("login", "--service-principal", "--username", told["appId"], "--tenant", told["tenant"]),
        *("--password", told["password"]),
        expect=1,
    )
    assert "AADSTS7000215" in said.err
    other.close()
    deployer = sign_in_as(azure, again, "--password", again["password"])
    assert deployer.json("vm", "show", *DEMO)["name"] == "demo"
    assert "(AuthorizationFailed)" in deployer.refused("vm", "start", *DEMO)
    shown = deployer.json("ad", "signed-in-user", "show")
    assert shown["appId"] == told["appId"]
    deployer.close()
    sp = azure.json("ad", "sp", "show", "--id", told["appId"])
    assert (sp["appId"], sp["servicePrincipalNames"]) == (told["appId"], [told["appId"]])
    assert sp["id"] in ids(azure.json("ad", "sp", "list", "--display-name", "deploy"))
    reset = azure.json("ad", "sp", "credential", "reset", "--id", told["appId"], "--append")
    assert len(azure.json("ad", "sp", "credential", "list", "--id", told["appId"])) == 1
    sign_in_as(azure, reset, "--password", reset["password"]).close()
    listed = azure.json("role", "assignment", "list", "--all")
    (found,) = [each for each in listed if each["principalId"] == sp["id"]]
    assert (found["principalName"], found["principalType"]) == (told["appId"], "ServicePrincipal")
    for assignee in (told["appId"], sp["id"]):
        made = azure.json(
            *("role", "assignment", "create", "--assignee", assignee, "--role", "Contributor"),
            *("--scope", scope),
        )
        azure.json("role", "assignment", "delete", "--ids", made["id"])
    azure.json("ad", "sp", "delete", "--id", told["appId"])
    assert azure.json("ad", "sp", "list", "--spn", told["appId"]) == []
    assert azure.json("ad", "app", "show", "--id", told["appId"])["displayName"] == "deployer"
    azure.json("ad", "app", "delete", "--id", told["appId"])


def test_certificates_of_a_program(azure: Clients) -> None:
    told = azure.json("ad", "sp", "create-for-rbac", "--name", "certified", "--create-cert")
    words = ("--id", told["appId"])
    (first,) = azure.json("ad", "app", "credential", "list", *words, "--cert")
    assert (first["type"], first["usage"], first["key"]) == ("AsymmetricX509Cert", "Verify", None)
    assert len(first["customKeyIdentifier"]) == 40
    file = Path(told["fileWithCertAndPrivateKey"])
    assert "PRIVATE KEY" in file.read_text()
    azure.json("ad", "app", "credential", "reset", *words, "--append", "--create-cert")
    both = azure.json("ad", "app", "credential", "list", *words, "--cert")
    assert first in both
    assert len(both) == 2
    azure.json("ad", "app", "credential", "delete", *words, "--cert", "--key-id", first["keyId"])
    left = azure.json("ad", "app", "credential", "list", *words, "--cert")
    assert [each["keyId"] for each in left] == [each["keyId"] for each in both if each != first]
    public = azure.root / "public.pem"
    text = file.read_text()
    public.write_text(text[text.index("-----BEGIN CERTIFICATE") :])
    azure.json("ad", "sp", "credential", "reset", *words, "--cert", f"@{public}")
    (held,) = azure.json("ad", "sp", "credential", "list", *words, "--cert")
    assert held["customKeyIdentifier"] == first["customKeyIdentifier"]
    azure.json("ad", "app", "delete", *words)


def test_a_role_by_a_persons_name(azure: Clients, scope: str) -> None:
    made = add_user(azure, "bob")
    words = ("--assignee", "bob@outofband.local", "--role", "Reader", "--scope", scope)
    given = azure.json("role", "assignment", "create", *words)
    assert (given["principalId"], given["principalType"]) == (made["id"], "User")
    (listed,) = [
        each for each in azure.json("role", "assignment", "list", "--all") if each["id"] == given["id"]
    ]
    assert listed["principalName"] == "bob@outofband.local"
    assert ids(azure.json("ad", "user", "list", "--upn", "bob@outofband.local")) == [made["id"]]
    azure.json("ad", "user", "delete", "--id", made["id"])
    assert given["id"] not in [each["id"] for each in azure.json("role", "assignment", "list", "--all")]
    told = azure.refused("role", "assignment", "create", *words)
    assert "Cannot find user or service principal" in told


def test_who_reads_does_not_write(reader: Clients, azure: Clients) -> None:
    assert reader.json("ad", "group", "list", "--display-name", "Nobody has this") == []
    assert reader.json("ad", "sp", "list", "--all")
    name = uuid.uuid4().hex
    person = ("ad", "user", "create", "--display-name", name)
    for words, right in (
        (("ad", "group", "create", "--display-name", name, "--mail-nickname", name), "groups/write"),
        (("ad", "app", "create", "--display-name", name), "applications/write"),
        (("ad", "sp", "create", "--id", name), "applications/write"),
        (
            (*person, "--user-principal-name", name, "--password", PASSWORD),
            "users/write",
        ),
    ):
        assert f"'Microsoft.Authorization/{right}'" in reader.refused(*words), words


def test_the_log_tells_every_change_and_no_secret(azure: Clients, house: House) -> None:
    told = azure.json("ad", "sp", "create-for-rbac", "--name", "logged")
    group = add_group(azure, "Logged")
    azure.json("ad", "group", "delete", "--group", group)
    azure.json("ad", "app", "delete", "--id", told["appId"])
    path = "/providers/Microsoft.Insights/eventtypes/management/values?api-version=2015-04-01"
    base = house.profile()["arm"]
    found = azure.json("rest", "--url", f"{base}{path}", "--resource", base)
    actions = {each["operationName"]["value"] for each in found["value"]}
    assert {
        "Microsoft.Directory/groups/write",
        "Microsoft.Directory/groups/delete",
        "Microsoft.Directory/applications/write",
        "Microsoft.Directory/applications/addPassword/action",
        "Microsoft.Directory/applications/delete",
        "Microsoft.Directory/servicePrincipals/write",
    } <= actions
    assert told["password"] not in json.dumps(found)
    assert told["password"] not in house.logs()
