"""The Blob service's door: who may come in, and what a blob may not do to others."""

from __future__ import annotations

import base64
import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from outofband.storage import files
from outofband.storage.objects import PIECE
from outofband.wire.storage import xml
from tests.support.blob_client import BlobClient, account_id, code
from tests.support.cloud import OTHER_SUBSCRIPTION, OTHER_TENANT, SCOPE, Cloud
from tests.unit.store.conftest import BOTH, cluster

__all__ = ["cluster"]
pytestmark = pytest.mark.anyio
DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"


@pytest.fixture(scope="module", params=BOTH)
async def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cloud]:
    """One for all tests of this file; each makes accounts of its own."""
    server = request.getfixturevalue("cluster") if request.param == "postgresql" else None
    async with Cloud(tmp_path_factory.mktemp("cloud"), url=server and server.create()) as running:
        yield running


async def test_an_account_that_does_not_exist(cloud: Cloud) -> None:
    nowhere = BlobClient(cloud, "nowhere", "AAAA")
    assert code(await nowhere.ask("GET", "?comp=list")) == (404, "ResourceNotFound")
    assert code(await nowhere.plain("GET", "box/a")) == (404, "ResourceNotFound")


async def test_refusals_have_azures_form(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "formacct")
    await client.box("box")
    answer = await client.ask("GET", "box/none", headers={"x-ms-client-request-id": "mine-1"})
    root = xml.read(answer.content)
    assert (code(answer), root.value("Code")) == ((404, "BlobNotFound"), "BlobNotFound")
    assert root.value("Message").startswith("The specified blob does not exist.\nRequestId:")
    assert answer.headers["content-type"] == "application/xml"
    assert answer.headers["x-ms-client-request-id"] == "mine-1"
    head = await client.ask("HEAD", "box/none")
    assert (code(head), head.content) == ((404, "BlobNotFound"), b"")
    for method, path, expected in (
        ("GET", "box/a?snapshot=2026-01-01", "UnsupportedQueryParameter"),
        ("PUT", "box/a?comp=snapshot", "UnsupportedQueryParameter"),
        ("POST", "?comp=batch", "UnsupportedQueryParameter"),
        ("POST", "box/a", "UnsupportedHttpVerb"),
        ("GET", "BOX/a", "InvalidResourceName"),
        ("PUT", "box/a", "InvalidHeaderValue"),
    ):
        assert code(await client.ask(method, path))[1] == expected, path


async def test_network_rules_shut_everybody_out(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "netacct")
    await client.box("box")
    here = {"ipRules": [{"value": "127.0.0.0/8", "action": "Allow"}], "defaultAction": "Deny"}
    elsewhere = {"ipRules": [{"value": "192.0.2.1"}], "defaultAction": "Deny"}
    for rules, expected in ((elsewhere, 403), (here, 200), ({"defaultAction": "Deny"}, 403)):
        assert (await client.change(networkAcls=rules)).status_code == 200
        answer = await client.ask("GET", "?comp=list")
        assert answer.status_code == expected, rules
        if expected == 403:
            assert code(answer)[1] == "AuthorizationFailure"
            assert code(await client.ask("GET", "?comp=list", key="AAAA"))[1] == "AuthorizationFailure"
    bad = await client.change(networkAcls={"ipRules": [{"value": "here"}]})
    assert (bad.status_code, bad.json()["error"]["code"]) == (400, "InvalidParameter")


async def test_keys_can_be_switched_off_and_changed(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "keyacct")
    assert (await client.ask("GET", "?comp=list")).status_code == 200
    path = f"{account_id('keyacct')}/regenerateKey"
    answer = await cloud.owner.ask("POST", path, {"keyName": "key1"}, version="2023-05-01")
    keys = {each["keyName"]: each["value"] for each in answer.json()["keys"]}
    assert keys["key1"] != client.key
    assert code(await client.ask("GET", "?comp=list")) == (403, "AuthenticationFailed")
    assert (await client.ask("GET", "?comp=list", key=keys["key2"])).status_code == 200
    await client.change(allowSharedKeyAccess=False)
    refused = await client.ask("GET", "?comp=list", key=keys["key2"])
    assert code(refused) == (403, "KeyBasedAuthenticationNotPermitted")
    # Who has no key is not told what kinds of keys there are.
    assert code(await client.ask("GET", "?comp=list")) == (403, "AuthenticationFailed")


async def test_public_containers(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "pubacct", allowBlobPublicAccess=True)
    for name, public in (("closed", None), ("blobs", "blob"), ("open", "container")):
        await client.box(name, **({"x-ms-blob-public-access": public} if public else {}))
        await client.put(f"{name}/a", b"<script>alert(1)</script>", **{"content-type": "text/html"})
    seen = {
        name: (await client.plain("GET", f"{name}/a")).status_code for name in ("closed", "blobs", "open")
    }
    assert seen == {"closed": 404, "blobs": 200, "open": 200}
    listing = "?restype=container&comp=list"
    assert code(await client.plain("GET", f"blobs{listing}")) == (404, "ResourceNotFound")
    assert (await client.plain("GET", f"open{listing}")).status_code == 200
    modern = await client.plain("GET", "closed/a", headers={"x-ms-version": "2021-12-02"})
    assert code(modern) == (401, "NoAuthenticationInformation")
    assert "resource_id=https://storage.azure.com" in modern.headers["www-authenticate"]
    for method in ("PUT", "DELETE"):
        answer = await client.plain(method, "open/a", headers={"x-ms-blob-type": "BlockBlob"})
        assert answer.status_code in (401, 404), method
    page = await client.plain("GET", "open/a")
    assert page.headers["content-type"] == "text/html"
    assert page.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    assert page.headers["x-content-type-options"] == "nosniff"
    await client.change(allowBlobPublicAccess=False)
    assert code(await client.plain("GET", "open/a")) == (409, "PublicAccessNotPermitted")
    refused = await client.ask("PUT", "new?restype=container", headers={"x-ms-blob-public-access": "blob"})
    assert code(refused) == (409, "PublicAccessNotPermitted")


async def test_roles_decide_for_tokens(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "roleacct")
    await client.box("mine")
    await client.box("other")
    await client.put("mine/a", b"one")
    scope = f"{account_id('roleacct')}/blobServices/default/containers/mine"
    reader = await cloud.person("blobreader", DATA_READER, scope)
    writer = await cloud.person("blobwriter", DATA_CONTRIBUTOR, SCOPE)
    assert (await client.as_person(reader, "GET", "mine/a")).content == b"one"
    forbidden = (403, "AuthorizationPermissionMismatch")
    assert code(await client.as_person(reader, "GET", "other/a")) == forbidden
    put = {"headers": {"x-ms-blob-type": "BlockBlob"}, "content": b"x"}
    assert code(await client.as_person(reader, "PUT", "mine/b", **put)) == forbidden
    assert code(await client.as_person(reader, "DELETE", "mine/a")) == forbidden
    assert (await client.as_person(writer, "PUT", "mine/b", **put)).status_code == 201
    assert code(await client.as_person(cloud.owner, "GET", "mine/a")) == forbidden


async def test_tenants_are_walls(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "wallacct", allowBlobPublicAccess=True)
    await client.box("box")
    await client.put("box/a", b"one")
    there = f"/subscriptions/{OTHER_SUBSCRIPTION}"
    stranger = await cloud.person("stranger", DATA_CONTRIBUTOR, there, OTHER_TENANT)
    await cloud.assign(stranger, DATA_CONTRIBUTOR, "/")
    for path in ("box/a", "?comp=list", "box?restype=container"):
        assert code(await client.as_person(stranger, "GET", path)) == (404, "ResourceNotFound"), path
    other = await BlobClient.create(cloud, "wallacct2")
    await other.box("box")
    assert code(await other.ask("GET", "box/a", key=client.key)) == (403, "AuthenticationFailed")
    source = {"x-ms-copy-source": f"{cloud.base}/blob/wallacct/box/a"}
    assert code(await other.ask("PUT", "box/b", headers=source)) == (404, "CannotVerifyCopySource")


async def test_a_token_is_for_one_service(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "audacct")
    owner = cloud.owner
    token = await owner.sign_in()
    headers = {"Authorization": f"Bearer {token}", "x-ms-version": "2021-12-02"}
    answer = await client.plain("GET", "?comp=list", headers=headers)
    assert code(answer) == (401, "InvalidAuthenticationInfo")
    assert (await client.as_person(owner, "GET", "?comp=list")).status_code == 200
    form = {
        "grant_type": "client_credentials",
        "client_id": owner.app_id,
        "client_secret": owner.secret,
        "scope": "https://storage.azure.com/.default",
    }
    given = (await cloud.http.post(f"/{owner.tenant}/oauth2/v2.0/token", data=form)).json()["access_token"]
    arm = await cloud.http.get(
        SCOPE, params={"api-version": "2022-12-01"}, headers={"Authorization": f"Bearer {given}"}
    )
    assert (arm.status_code, arm.json()["error"]["code"]) == (401, "InvalidAuthenticationToken")


async def test_signatures_made_by_resource_manager(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "sasacct")
    await client.box("box")
    await client.put("box/a", b"one")

    async def signed(kind: str, **body: str) -> str:
        path = f"{account_id('sasacct')}/list{kind}Sas"
        answer = await cloud.owner.ask("POST", path, body, version="2023-05-01")
        assert answer.status_code == 200, answer.text
        return str(answer.json()[f"{kind.lower()}SasToken"])

    until = {"signedPermission": "r", "signedExpiry": "2099-01-01T00:00:00.0000000Z"}
    blob = await signed("Service", canonicalizedResource="/blob/sasacct/box/a", signedResource="b", **until)
    assert (await client.plain("GET", f"box/a?{blob}")).content == b"one"
    assert code(await client.plain("GET", f"box/b?{blob}")) == (403, "AuthenticationFailed")
    whole = await signed("Account", signedServices="b", signedResourceTypes="o", keyToSign="key2", **until)
    assert (await client.plain("GET", f"box/a?{whole}")).content == b"one"
    files = await signed("Account", signedServices="f", signedResourceTypes="o", **until)
    assert code(await client.plain("GET", f"box/a?{files}")) == (403, "AuthorizationServiceMismatch")
    path = f"{account_id('sasacct')}/listServiceSas"
    elsewhere = {"canonicalizedResource": "/blob/other/box", **until}
    refused = await cloud.owner.ask("POST", path, elsewhere, version="2023-05-01")
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "InvalidParameter")


async def test_an_account_with_a_hierarchical_namespace(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "hnsacct", isHnsEnabled=True)
    await client.box("box")
    expected = (409, "FeatureNotYetSupportedForHierarchicalNamespaceAccounts")
    page = {"x-ms-blob-type": "PageBlob", "x-ms-blob-content-length": "512"}
    assert code(await client.ask("PUT", "box/a", headers=page)) == expected
    assert (await client.put("box/a", b"one")).status_code == 201
    changed = await client.change(isHnsEnabled=False)
    assert (changed.status_code, changed.json()["error"]["code"]) == (409, "PropertyChangeNotAllowed")


async def test_the_account_may_be_in_the_host_name(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "hostacct", allowBlobPublicAccess=True)
    await client.box("box", **{"x-ms-blob-public-access": "blob"})
    await client.put("box/a", b"one")
    host = {"Host": "hostacct.blob.core.oob.example"}
    assert (await cloud.http.get("/box/a", headers=host)).content == b"one"
    assert code(await cloud.http.get("/blob/hostacct/box/a", headers=host))[0] != 200


async def test_what_changed_on_its_way_is_not_kept(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "md5acct")
    await client.box("box")
    wrong = {"content-md5": "AAAAAAAAAAAAAAAAAAAAAA=="}
    assert code(await client.put("box/a", b"one", **wrong)) == (400, "Md5Mismatch")
    assert code(await client.put("box/a", b"one", **{"content-md5": "rubbish"})) == (400, "InvalidMd5")
    assert code(await client.ask("HEAD", "box/a")) == (404, "BlobNotFound")
    digest = base64.b64encode(hashlib.md5(b"one").digest()).decode()
    assert (await client.put("box/a", b"one", **{"content-md5": digest})).status_code == 201


async def test_a_sender_that_hangs_up_leaves_nothing(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "tornacct")
    await client.box("box")

    async def torn() -> AsyncIterator[bytes]:
        yield b"a" * 100_000
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        headers = {"x-ms-blob-type": "BlockBlob", "content-length": "200000"}
        await client.ask("PUT", "box/a", torn(), headers)
    assert code(await client.ask("HEAD", "box/a")) == (404, "BlobNotFound")


async def test_a_body_without_a_length(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "lenacct")
    await client.box("box")

    async def endless() -> AsyncIterator[bytes]:
        yield b"one"

    headers = {"x-ms-blob-type": "BlockBlob", "transfer-encoding": "chunked"}
    answer = await client.ask("PUT", "box/a", endless(), headers)
    assert code(answer) == (411, "MissingContentLengthHeader")


async def test_a_blob_that_is_larger_than_what_is_held(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    """Bytes go through in pieces: the store is never given, and never gives, more than one at once."""
    client = await BlobClient.create(cloud, "bigacct")
    await client.box("box")
    data = os.urandom(5 * PIECE + 1)
    held: list[int] = []
    write, pread = files._write, os.pread

    def writing(handle: int, piece: bytes) -> None:
        held.append(len(piece))
        write(handle, piece)

    def reading(handle: int, length: int, start: int) -> bytes:
        held.append(length)
        return pread(handle, length, start)

    monkeypatch.setattr(files, "_write", writing)
    monkeypatch.setattr(os, "pread", reading)
    assert (await client.put("box/a", data)).status_code == 201
    assert (await client.ask("GET", "box/a")).content == data
    assert len(held) >= 10
    assert max(held) < 2 * PIECE
