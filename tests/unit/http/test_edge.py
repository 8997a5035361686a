"""The HTTP edge over a real TLS port: tokens, ids, bodies, refusals."""

import asyncio
import re
from collections.abc import AsyncIterator

import pytest

from outofband.access import roles
from outofband.http import edge
from outofband.resources.exchange import MAX_BODY
from outofband.wire import claims
from outofband.wire.arm import errors
from tests.support.cloud import (
    GROUP_ID,
    OTHER_SUBSCRIPTION,
    OTHER_TENANT,
    SCOPE,
    SUBSCRIPTION,
    TENANT,
    VM_TYPE,
    Cloud,
    vm_id,
)

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def cloud(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Cloud]:
    """One for all tests of this file: what a test changes, it changes for people of its own."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running:
        yield running


UUID = re.compile(r"^[0-9a-f-]{36}$")


def code(answer: object) -> str:
    return str(answer.json()["error"]["code"])  # type: ignore[attr-defined]


async def test_a_token_opens_the_list(cloud: Cloud) -> None:
    answer = await cloud.owner.get(f"{SCOPE}/{VM_TYPE}")
    assert (answer.status_code, answer.json()) == (200, {"value": []})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


@pytest.mark.parametrize("given", [None, "", "Basic abc", "Bearer", "Bearer " + "x" * 20_000])
async def test_no_bearer_token(cloud: Cloud, given: str | None) -> None:
    headers = {} if given is None else {"Authorization": given}
    answer = await cloud.http.get(SCOPE, headers=headers, params={"api-version": "2022-12-01"})
    assert (answer.status_code, code(answer)) == (401, "AuthenticationFailed")
    assert answer.headers["www-authenticate"].startswith(f'Bearer authorization_uri="{cloud.base}/')
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


async def test_a_forged_token(cloud: Cloud) -> None:
    forger = await cloud.person("forger", roles.OWNER)
    head, body, _ = (await forger.sign_in()).split(".")
    forger.token = f"{head}.{body}.{'A' * 342}"
    answer = await forger.get(SCOPE)
    assert (answer.status_code, code(answer)) == (401, "InvalidAuthenticationToken")


async def test_a_disabled_caller_is_out_at_once(cloud: Cloud) -> None:
    reader = await cloud.person("reader", roles.READER)
    assert (await reader.get(SCOPE)).status_code == 200
    async with cloud.store.write() as tx:
        await cloud.store.principals.set_disabled(tx, reader.object_id, True)
    assert code(await reader.get(SCOPE)) == "InvalidAuthenticationToken"


async def test_refusals_carry_cause_and_remedy(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    answer = await nobody.get(vm_id("demo"))
    assert answer.status_code == 403
    error = errors.read(answer.content)
    assert error is not None
    assert error.code == "AuthorizationFailed"
    assert error.message.startswith(f"The client 'nobody' with object id '{nobody.object_id}' does not have")
    assert "Microsoft.Compute/virtualMachines/read" in error.message
    assert error.remedy
    assert error.cause
    assert error.retryable is False


async def test_request_ids(cloud: Cloud) -> None:
    plain = await cloud.owner.get(SCOPE)
    assert UUID.match(plain.headers["x-ms-request-id"])
    assert plain.headers["x-ms-correlation-request-id"] == plain.headers["x-ms-request-id"]
    assert plain.headers["x-ms-routing-request-id"].endswith(plain.headers["x-ms-request-id"])
    assert "x-ms-client-request-id" not in plain.headers
    assert "x-ms-ratelimit-remaining-subscription-reads" in plain.headers
    sent = {
        "x-ms-correlation-request-id": "corr-1",
        "x-ms-client-request-id": "mine-1",
        "x-ms-return-client-request-id": "true",
    }
    echoed = await cloud.owner.get(SCOPE, headers=sent)
    assert echoed.headers["x-ms-correlation-request-id"] == "corr-1"
    assert echoed.headers["x-ms-client-request-id"] == "mine-1"
    hostile = await cloud.owner.get(SCOPE, headers={"x-ms-correlation-request-id": "a b<script>"})
    assert UUID.match(hostile.headers["x-ms-correlation-request-id"])


async def test_errors_have_request_ids_too(cloud: Cloud) -> None:
    answer = await cloud.owner.get(vm_id("nope"))
    assert answer.status_code == 404
    assert UUID.match(answer.headers["x-ms-request-id"])


async def test_a_foreign_subscription_is_not_found(cloud: Cloud) -> None:
    """Not forbidden: whether it exists in another tenant is nobody's business."""
    for subscription in (OTHER_SUBSCRIPTION, "99999999-0000-4000-8000-000000000000"):
        for path in ("", f"/{VM_TYPE}", "/resourceGroups/lab", f"/resourceGroups/lab/{VM_TYPE}/x"):
            for method in ("GET", "PUT", "DELETE", "POST"):
                answer = await cloud.owner.ask(method, f"/subscriptions/{subscription}{path}")
                assert (answer.status_code, code(answer)) == (404, "SubscriptionNotFound"), (method, path)


async def test_a_role_in_another_tenants_subscription_opens_nothing(cloud: Cloud) -> None:
    intruder = await cloud.person("intruder", roles.OWNER, "/")
    await cloud.assign(intruder, roles.OWNER, f"/subscriptions/{OTHER_SUBSCRIPTION}")
    assert code(await intruder.get(f"/subscriptions/{OTHER_SUBSCRIPTION}")) == "SubscriptionNotFound"
    listed = (await intruder.get("/subscriptions")).json()["value"]
    assert [each["subscriptionId"] for each in listed] == [SUBSCRIPTION]


async def test_a_list_that_did_not_change_is_not_sent_again(cloud: Cloud) -> None:
    path = f"{SCOPE}/resourceGroups"
    first = await cloud.owner.get(path)
    tag = first.headers["etag"]
    assert tag.startswith('W/"')
    again = await cloud.owner.get(path, headers={"If-None-Match": tag})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", tag)
    assert UUID.match(again.headers["x-ms-request-id"])
    await cloud.owner.ask("PUT", f"{SCOPE}/resourceGroups/more", {"location": "local"})
    changed = await cloud.owner.get(path, headers={"If-None-Match": tag})
    assert (changed.status_code, len(changed.json()["value"])) == (200, 2)
    single = await cloud.owner.get(GROUP_ID)
    same = await cloud.owner.get(GROUP_ID, headers={"If-None-Match": single.headers["etag"]})
    assert (same.status_code, single.headers["etag"]) == (200, same.headers["etag"])


async def test_the_order_of_checks(cloud: Cloud) -> None:
    nobody = await cloud.person("nobody")
    foreign = f"/subscriptions/{OTHER_SUBSCRIPTION}/{VM_TYPE}"
    assert code(await nobody.get(foreign, version=None)) == "SubscriptionNotFound"
    assert code(await nobody.get(vm_id("nope"), version=None)) == "MissingApiVersionParameter"
    assert code(await nobody.get(vm_id("nope"))) == "AuthorizationFailed"
    assert code(await cloud.owner.get(vm_id("nope"))) == "ResourceNotFound"


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("2015-06-15", 200),
        ("2024-11-01", 200),
        ("2026-04-01", 200),
        ("2031-01-31-preview", 200),
        ("2015-06-14", 400),
        ("2024-13-01", 400),
        ("2024-11-1", 400),
        ("latest", 400),
        ("2024-11-01-", 400),
    ],
)
async def test_any_well_formed_version_from_the_first_on(cloud: Cloud, version: str, wanted: int) -> None:
    answer = await cloud.owner.get(f"{SCOPE}/{VM_TYPE}", version=version)
    assert answer.status_code == wanted
    if wanted == 400:
        assert code(answer) == "InvalidApiVersionParameter"
        assert "2015-06-15" in answer.json()["error"]["message"]


async def test_a_body_too_large_is_refused_before_it_is_read(cloud: Cloud) -> None:
    token = await cloud.owner.sign_in()
    answer = await cloud.http.put(
        vm_id("big"),
        params={"api-version": "2024-11-01"},
        content=b"x" * (MAX_BODY + 1),
        headers={"Authorization": f"Bearer {token}"},
    )
    assert (answer.status_code, code(answer)) == (413, "RequestTooLarge")


async def test_a_body_that_does_not_come_is_not_waited_for(
    cloud: Cloud, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edge, "BODY_SECONDS", 0.05)
    port = cloud.ports["arm"]
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=cloud.client_context())
    head = f"POST /{TENANT}/oauth2/v2.0/token HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\ngrant"
    writer.write(head.encode())
    async with asyncio.timeout(60):
        answer = await reader.readuntil(b"}]}}")
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"RequestTimeout" in answer
    writer.close()


@pytest.mark.parametrize(
    "body",
    [
        b"[]",
        b"nonsense",
        b'{"properties": 7}',
        b'{"tags": {"a": 1}}',
        b'{"location": {}}',
        b'{"properties": {"outofband": {"driver": 5}}}',
        b'{"properties": {"outofband": {"typo": true}}}',
        b"[" * 100_000,
        b'{"properties": {"scheduledEventsProfile": {"a": ' + b"[" * 500 + b"]" * 500 + b"}}}",
        b'{"properties": {"hardwareProfile": {"a": NaN}}}',
        b'{"a": "\xff"}',
    ],
)
async def test_a_broken_body_is_the_callers_fault(cloud: Cloud, body: bytes) -> None:
    token = await cloud.owner.sign_in()
    answer = await cloud.http.put(
        vm_id("x"),
        params={"api-version": "2024-11-01"},
        content=body,
        headers={"Authorization": f"Bearer {token}"},
    )
    assert answer.status_code == 400, answer.text
    assert code(answer) in ("InvalidRequestContent", "InvalidParameter")


@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/subscriptions/{S}/x/y/z", "InvalidResourceId"),
        ("/subscriptions/{S}/providers/Microsoft.Nope/things", "InvalidResourceNamespace"),
        ("/subscriptions/{S}/providers/Microsoft.Compute/nope", "InvalidResourceType"),
        ("/subscriptions/{S}/providers/Microsoft.Compute/virtualMachines/x", "InvalidResourceType"),
        ("/subscriptions/{S}/resourceGroups/nope/providers/Microsoft.Compute/virtualMachines/x", None),
        ("/subscriptions/{S}/resourceGroups/..%2F..", "InvalidResourceId"),
        ("/subscriptions/{S}/%00", "InvalidResourceId"),
        ("/providers/Microsoft.Compute/virtualMachines", "MethodNotAllowed"),
        ("/favicon.ico", "InvalidResourceId"),
    ],
)
async def test_paths_that_lead_nowhere(cloud: Cloud, path: str, wanted: str | None) -> None:
    answer = await cloud.owner.get(path.replace("{S}", SUBSCRIPTION))
    assert answer.status_code in (400, 404, 405), answer.text
    assert code(answer) == (wanted or "ResourceGroupNotFound")


async def test_an_inner_fault_tells_nothing(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("the secret is 42")

    monkeypatch.setattr(cloud.store.directory, "subscription", broken)
    answer = await cloud.owner.get(SCOPE)
    assert (answer.status_code, code(answer)) == (500, "InternalError")
    assert "42" not in answer.text
    assert UUID.match(answer.headers["x-ms-request-id"])


async def test_health_and_the_cloud_description_need_no_token(cloud: Cloud) -> None:
    assert (await cloud.http.get("/healthz")).text == "ok"
    assert (await cloud.http.get("/readyz")).status_code == 200
    cloud.not_ready = "the store is away"
    assert (await cloud.http.get("/readyz")).status_code == 503
    cloud.not_ready = None
    found = (await cloud.http.get("/metadata/endpoints", params={"api-version": "2022-09-01"})).json()
    assert found["authentication"]["loginEndpoint"] == f"{cloud.base}/"
    assert found["authentication"]["audiences"][0] == f"{cloud.base}/"
    assert found["resourceManager"] == f"{cloud.base}/"
    assert found["microsoftGraphResourceId"]
    assert found["suffixes"]["storage"]
    aliases = (await cloud.http.get(found["vmImageAliasDoc"])).json()
    assert aliases["outputs"]["aliases"]["value"] == {}, "as `az vm image list` reads it"


async def test_clients_that_know_an_accounts_name_find_its_blobs(cloud: Cloud) -> None:
    cloud.storage.endpoint = "https://{account}.blob.core.oob.example:8443/"
    found = (await cloud.http.get("/metadata/endpoints", params={"api-version": "2022-09-01"})).json()
    assert found["suffixes"]["storage"] == "core.oob.example:8443"


async def test_sign_in_is_the_authoritys(cloud: Cloud) -> None:
    known = (await cloud.http.get(f"/{TENANT}/v2.0/.well-known/openid-configuration")).json()
    assert known["token_endpoint"] == f"{cloud.base}/{TENANT}/oauth2/v2.0/token"
    keys = (await cloud.http.get(f"/{TENANT}/discovery/v2.0/keys")).json()
    assert keys["keys"][0]["kty"] == "RSA"
    form = {
        "grant_type": "client_credentials",
        "client_id": cloud.owner.app_id,
        "client_secret": "wrong",
        "scope": f"{cloud.base}//.default",
    }
    wrong = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert (wrong.status_code, wrong.json()["error_codes"]) == (401, [7000215])
    twice = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", content="client_id=a&client_id=b")
    assert twice.status_code == 400
    elsewhere = await cloud.http.post(f"/{OTHER_TENANT}/oauth2/v2.0/token", data=form)
    assert elsewhere.json()["error_codes"] == [700016]


async def test_an_audience_with_a_slash_is_the_same(cloud: Cloud) -> None:
    form = {
        "grant_type": "client_credentials",
        "client_id": cloud.owner.app_id,
        "client_secret": cloud.owner.secret,
        "scope": f"{cloud.base}//.default",
    }
    granted = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    assert granted.json()["expires_in"] == 3599
    assert granted.headers["cache-control"] == "no-store"
    cloud.owner.token = granted.json()["access_token"]
    assert (await cloud.owner.get(SCOPE)).status_code == 200


async def test_head_tells_whether_it_is_there(cloud: Cloud) -> None:
    assert (await cloud.owner.ask("HEAD", GROUP_ID)).status_code == 204
    assert (await cloud.owner.ask("HEAD", f"{SCOPE}/resourcegroups/nope")).status_code == 404


async def test_where_a_refusal_of_the_authority_leads(cloud: Cloud) -> None:
    form = {"grant_type": "client_credentials", "client_id": "nobody", "client_secret": "x", "scope": "x"}
    refused = await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)
    body = refused.json()
    assert (refused.status_code, body["error_codes"]) == (400, [700016])
    meaning = await cloud.http.get(body["error_uri"].removeprefix(cloud.base))
    assert meaning.status_code == 200
    assert meaning.text.startswith("AADSTS700016: No program of this tenant has this client_id")
    for wrong in ("", "x", "1", "٣", "9" * 50):
        answer = await cloud.http.get("/error", params={"code": wrong})
        assert (answer.status_code, code(answer)) == (400, "InvalidParameter")


async def test_a_capable_client_is_challenged_and_others_are_not(cloud: Cloud) -> None:
    """What azure-core reads of a 401 when a program was switched off and on after its token was issued."""
    person = await cloud.person("capable", roles.READER)
    form = {
        "grant_type": "client_credentials",
        "client_id": person.app_id,
        "client_secret": person.secret,
        "scope": f"{cloud.base}/.default",
        "claims": '{"access_token": {"xms_cc": {"values": ["CP1"]}}}',
    }
    given = (await cloud.http.post(f"/{TENANT}/oauth2/v2.0/token", data=form)).json()
    person.token = given["access_token"]
    assert (await person.get(SCOPE)).status_code == 200
    async with cloud.store.write() as tx:
        await cloud.store.principals.set_disabled(tx, person.object_id, True)
        await cloud.store.principals.set_disabled(tx, person.object_id, False)
    answer = await person.get(SCOPE)
    assert (answer.status_code, code(answer)) == (401, "TokenIssuedBeforeRevocationTimestamp")
    wanted = claims.wanted(answer.headers["www-authenticate"])
    assert wanted is not None and wanted["access_token"]["nbf"]["essential"] is True
