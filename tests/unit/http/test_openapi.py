"""The API's description: whole, sound by the rules of OpenAPI 3.1, and true of what the port answers."""

from __future__ import annotations

import re
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from starlette.routing import Route

from outofband.http.account.routes import account_routes
from outofband.http.app import create_app
from outofband.resources.openapi import at_scope
from tests.support.cloud import GROUP, SUBSCRIPTION, TENANT, Cloud, vm_id

pytestmark = pytest.mark.anyio
VERBS = ("get", "put", "post", "patch", "delete")
PAGES = {"/", "/portal", "/portal/{path:path}", "/openapi.json"}
"""For people, and the description itself."""
UNKNOWN = {
    "MethodNotAllowed",
    "InvalidResourceType",
    "InvalidResourceNamespace",
    "InvalidResourceId",
    "MissingApiVersionParameter",
    "InvalidApiVersionParameter",
}

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


@pytest.fixture
async def document(cloud: Cloud) -> Json:
    answer = await cloud.http.get("/openapi.json")
    assert answer.status_code == 200
    found: Json = answer.json()
    return found


def operations(document: Json) -> Iterator[tuple[str, str, Json, list[Json]]]:
    """Verb, path, operation, and the parameters of both."""
    for path, item in document["paths"].items():
        for verb in VERBS:
            if verb in item:
                yield verb, path, item[verb], [*item.get("parameters", []), *item[verb]["parameters"]]


def references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from references(each)
    elif isinstance(value, list):
        for each in value:
            yield from references(each)


async def test_the_document_is_sound(document: Json) -> None:
    assert re.fullmatch(r"3\.1\.\d+", document["openapi"])
    assert document["info"].keys() >= {"title", "version", "license"}
    for item in document["paths"].values():
        assert item.keys() <= {*VERBS, "parameters"}
    ids = [operation["operationId"] for _, _, operation, _ in operations(document)]
    assert len(ids) == len(set(ids))
    assert all(re.fullmatch(r"[A-Za-z]+_[A-Za-z]+", each) for each in ids)
    tags = {tag["name"] for tag in document["tags"]}
    for verb, path, operation, parameters in operations(document):
        where = f"{verb} {path}"
        assert set(operation["tags"]) <= tags, where
        assert operation["summary"][0].isupper(), where
        assert not operation["summary"].endswith("."), where
        assert operation["description"], where
        assert operation["responses"], where
        assert all(re.fullmatch(r"default|[2-5]\d\d", status) for status in operation["responses"]), where
        assert all("$ref" in each or each["description"] for each in operation["responses"].values()), where
        assert (verb in ("put", "post", "patch")) or "requestBody" not in operation, where
        named = [each["name"] for each in parameters if each["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"\{(\w+)\}", path)), where
        assert all(each["required"] for each in parameters if each["in"] == "path"), where
        places = [(each["in"], each["name"]) for each in parameters]
        assert len(places) == len(set(places)), where
        assert all(each["schema"]["type"] for each in parameters), where


async def test_every_reference_leads_somewhere(document: Json) -> None:
    for reference in set(references(document)):
        found = document
        for part in reference.removeprefix("#/").split("/"):
            found = found[part]
        assert found
    used = {each.rpartition("/")[2] for each in references(document) if "/schemas/" in each}
    assert used == set(document["components"]["schemas"])


async def test_every_declared_type_is_in_it_with_all_that_it_can(cloud: Cloud, document: Json) -> None:
    told = {(verb, path) for verb, path, _, _ in operations(document)}
    for declared in cloud.registry:
        *above, kind = declared.name.split("/")[1:]
        prefix = "" if declared.namespace == "Microsoft.Resources" else f"providers/{declared.namespace}/"
        within = "".join(rf"{each}/\{{\w+\}}/" for each in above)
        own = {
            (verb, path)
            for verb, path in told
            if re.search(rf"/{re.escape(prefix)}{within}{kind}(/\{{\w+\}}(/\w+)?)?$", path)
            and (declared.namespace in path or "/providers/Microsoft." not in path)
        }
        collections = {path for verb, path in own if path.endswith(f"/{kind}") and verb == "get"}
        assert len(collections) == (1 if at_scope(declared, declared.lists) else len(declared.lists))
        singles = {path for _, path in own if re.search(rf"/{kind}/\{{\w+\}}$", path)}
        assert len(singles) == (1 if at_scope(declared, declared.places) else len(declared.places))
        for path in singles:
            wanted = {"get": True, "put": declared.put, "patch": declared.patch, "delete": declared.delete}
            for verb, there in wanted.items():
                assert ((verb, path) in told) is bool(there), (verb, path)
            for name in declared.actions:
                assert ("post", f"{path}/{name}") in told
            for name in declared.views:
                assert ("get", f"{path}/{name}") in told


async def test_every_door_is_in_it(cloud: Cloud, document: Json) -> None:
    told = {(verb.upper(), path) for verb, path, _, _ in operations(document)}
    pages = PAGES | {each.path for each in account_routes(cloud)}
    doors = create_app(cloud)._app._otherwise._doors.routes  # type: ignore[attr-defined]
    routes = [each for each in doors if isinstance(each, Route) and each.path not in pages]
    assert len(routes) > 10
    for route in routes:
        for method in (route.methods or set()) - {"HEAD"}:
            assert (method, route.path) in told
    open_ones = {path for _, path, operation, _ in operations(document) if operation.get("security") == []}
    assert "/fleet/tokens" not in open_ones
    assert not any(path.startswith(("/subscriptions", "/{scope}", "/v1.0")) for path in open_ones)


async def test_what_it_says_can_be_called_can_be_called(cloud: Cloud, document: Json) -> None:
    """With the defaults it gives, as the API page does: whatever else is wrong, it is no unknown address."""
    given = {
        "subscriptionId": SUBSCRIPTION,
        "resourceGroupName": GROUP,
        "virtualMachineName": "nope",
        "machineName": "nope",
        "scope": vm_id("nope").removeprefix("/"),
        "roleDefinitionName": str(uuid.uuid4()),
        "roleAssignmentName": str(uuid.uuid4()),
        "namespace": "Microsoft.Compute",
        "providerName": "Microsoft.Compute",
        "location": "local",
        "operationId": "nope",
        "tenant": TENANT,
        "user": "nope",
    }
    asked = 0
    for verb, path, operation, parameters in operations(document):
        if verb == "delete" and "{virtual" not in path:
            continue  # the others live in this cloud
        defaults = {each["name"]: each["schema"].get("default") for each in parameters}
        filled = path
        for name in re.findall(r"\{(\w+)\}", path):
            filled = filled.replace(f"{{{name}}}", given.get(name) or defaults[name] or "nope")
        query = {
            name: value for name, value in defaults.items() if value is not None and f"{{{name}}}" not in path
        }
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example")
        answer = await cloud.owner.ask(verb.upper(), filled, body, version=None, **query)
        assert answer.status_code != 405, (verb, filled)
        if (
            answer.status_code >= 400
            and "error" in answer.json()
            and isinstance(answer.json()["error"], dict)
        ):
            assert answer.json()["error"]["code"] not in UNKNOWN, (verb, filled, answer.text)
        asked += 1
    assert asked > 50


async def test_the_seed_of_the_console_switch(document: Json) -> None:
    """The documented call of row S5: subscription id, `default`, Run."""
    path = "/subscriptions/{subscriptionId}/providers/Microsoft.SerialConsole/consoleServices"
    item = document["paths"][f"{path}/{{consoleServiceName}}/disableConsole"]
    assert {each["name"]: each["schema"].get("default") for each in item["parameters"]} == {
        "subscriptionId": None,
        "consoleServiceName": "default",
    }
    (version,) = item["post"]["parameters"]
    assert (version["name"], version["schema"]["default"]) == ("api-version", "2018-05-01")
    assert "requestBody" not in item["post"]


async def test_it_is_not_sent_twice(cloud: Cloud) -> None:
    first = await cloud.http.get("/openapi.json")
    again = await cloud.http.get("/openapi.json", headers={"If-None-Match": first.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
