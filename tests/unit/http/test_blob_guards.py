"""What the Blob service's door must not let through, and what it must not forget on the way."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import pytest
import sqlalchemy as sa

from outofband.core import clock
from outofband.store.blobs_objects import LOOSE
from outofband.store.blobs_tables import blob_objects
from outofband.wire.storage.sas import Sas
from tests.support.blob_client import ARM_VERSION, BlobClient, account_id, code
from tests.support.cloud import Cloud
from tests.unit.store.conftest import BOTH, cluster

__all__ = ["cluster"]
pytestmark = pytest.mark.anyio
DATA_CONTRIBUTOR = "ba92f5b4-2d11-453d-a403-e96b0029c9fe"
DATA_READER = "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1"
LEASE = "11111111-1111-4111-8111-111111111111"


@pytest.fixture(scope="module", params=BOTH)
async def cloud(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Cloud]:
    """One for all tests of this file; each makes accounts of its own."""
    server = request.getfixturevalue("cluster") if request.param == "postgresql" else None
    async with Cloud(tmp_path_factory.mktemp("cloud"), url=server and server.create()) as running:
        yield running


def refusal(answer: httpx.Response) -> tuple[int, str, str]:
    error = answer.json()["error"]
    return answer.status_code, error["code"], error.get("target", "")


def signed(client: BlobClient, path: str, **fields: str) -> str:
    """A query with a signature of our own making."""
    until = {"sv": "2021-12-02", "sp": "rl", "se": "2099-01-01T00:00:00Z", **fields}
    made = Sas(sig="", **until).signed(client.name, path, base64.b64decode(client.key))
    return urlencode(made.query(), quote_via=quote)


async def test_an_account_without_public_network_access(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "shutacct", allowBlobPublicAccess=True)
    await client.box("box", **{"x-ms-blob-public-access": "container"})
    await client.put("box/a", b"one")
    query = signed(client, "/box", sr="c")
    here = {"defaultAction": "Deny", "ipRules": [{"value": "127.0.0.0/8"}]}
    # Disabled is more than a rule: not even an address that one names comes in.
    await client.change(publicNetworkAccess="Disabled", networkAcls=here)
    shut = (403, "AuthorizationFailure")
    assert code(await client.ask("GET", "box/a")) == shut
    assert code(await client.plain("GET", "box/a")) == shut
    assert code(await client.plain("GET", f"box/a?{query}")) == shut
    assert code(await client.as_person(cloud.owner, "GET", "?comp=list")) == shut
    await client.change(publicNetworkAccess="Enabled")
    assert (await client.ask("GET", "box/a")).content == b"one"


async def test_network_rules_are_what_they_say(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "ruleacct")
    denying = {"ipRules": [{"value": "127.0.0.1", "action": "Deny"}], "defaultAction": "Deny"}
    assert refusal(await client.change(networkAcls=denying)) == (
        400,
        "InvalidParameter",
        "networkAcls.ipRules",
    )
    assert (await client.change(networkAcls={"defaultAction": "Deny"})).status_code == 200
    # Who names the rules only does not open the account to everybody.
    changed = await client.change(networkAcls={"ipRules": [{"value": "192.0.2.1"}]})
    assert changed.json()["properties"]["networkAcls"]["defaultAction"] == "Deny"
    assert code(await client.ask("GET", "?comp=list")) == (403, "AuthorizationFailure")
    six = {"defaultAction": "Deny", "ipv6Rules": [{"value": "2001:db8::/32"}]}
    kept = (await client.change(networkAcls=six)).json()["properties"]["networkAcls"]
    assert kept["ipv6Rules"] == [{"value": "2001:db8::/32", "action": "Allow"}]
    async with cloud.store.read() as tx:
        account = await cloud.storage.accounts.named(tx, "ruleacct")
    assert account is not None
    seen = {text: account.admits(text) for text in ("2001:db8::7", "2001:db9::7", "127.0.0.1", "rubbish")}
    assert seen == {"2001:db8::7": True, "2001:db9::7": False, "127.0.0.1": False, "rubbish": False}
    bad = await client.change(networkAcls={"ipv6Rules": [{"value": "there"}]})
    assert refusal(bad)[1] == "InvalidParameter"


async def test_a_line_end_is_part_of_no_name(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "lineacct")
    made = await client.ask("PUT", "box%0A?restype=container")
    assert code(made) == (400, "InvalidResourceName")
    place = f"{account_id('lineacct')}/blobServices/default/containers/box"
    for metadata in ({"a": "x\r\nSet-Cookie: y"}, {"a\n": "x"}, {"a": "\x00"}):
        body = {"properties": {"metadata": metadata}}
        answer = await cloud.owner.ask("PUT", place, body, version=ARM_VERSION)
        assert refusal(answer)[:2] == (400, "InvalidMetadata"), metadata
    assert code(await client.ask("HEAD", "box?restype=container")) == (404, "ContainerNotFound")


async def test_nonsense_is_refused_not_a_crash(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "oddacct")
    await client.box("box")
    headers = {
        "x-ms-date": "Fri, 31 Dec 9999 23:59:59 -2300",
        "authorization": "SharedKey oddacct:AAAA",
    }
    assert code(await client.plain("GET", "box/a", headers=headers)) == (403, "AuthenticationFailed")
    body = b'<?xml version="1.0" encoding="nonsense"?><BlockList />'
    assert code(await client.ask("PUT", "box/a?comp=blocklist", body)) == (400, "InvalidXmlDocument")


async def test_only_signed_fields_change_the_answer(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "rscacct")
    await client.box("box")
    await client.put("box/a", b"one", **{"content-type": "text/plain"})
    account = signed(client, "", ss="b", srt="sco")
    answer = await client.plain("GET", f"box/a?{account}&rsct=text/html&si=none")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/plain")
    named = signed(client, "/box/a", sr="b", rscd='attachment; filename="ж.txt"')
    answer = await client.plain("GET", f"box/a?{named}")
    assert answer.status_code == 200
    shown = dict(answer.headers.raw)[b"content-disposition"]
    assert shown.decode() == 'attachment; filename="ж.txt"'
    body = {
        "canonicalizedResource": "/blob/rscacct/box/a",
        "signedPermission": "r",
        "signedExpiry": "2099-01-01T00:00:00Z",
        "rscd": "inline; a=b c",
    }
    made = await cloud.owner.ask("POST", f"{account_id('rscacct')}/listServiceSas", body, version=ARM_VERSION)
    answer = await client.plain("GET", f"box/a?{made.json()['serviceSasToken']}")
    assert (answer.status_code, answer.headers["content-disposition"]) == (200, "inline; a=b c")
    broken = signed(client, "/box/a", sr="b", rscd="a\r\nSet-Cookie: b")
    assert code(await client.plain("GET", f"box/a?{broken}")) == (403, "AuthenticationFailed")


async def test_signatures_with_line_ends_are_not_made(cloud: Cloud) -> None:
    await BlobClient.create(cloud, "mintacct")
    until = {"signedPermission": "r", "signedExpiry": "2099-01-01T00:00:00Z"}
    path = f"{account_id('mintacct')}/listServiceSas"
    for body in (
        {"canonicalizedResource": "/blob/mintacct/box/a\n", **until},
        {"canonicalizedResource": "/blob/mintacct/box/a", **until, "signedPermission": "mintacct\nrwdl\nb"},
    ):
        answer = await cloud.owner.ask("POST", path, body, version=ARM_VERSION)
        assert refusal(answer)[:2] == (400, "InvalidParameter")


async def test_what_an_account_is_is_for_who_may_know(cloud: Cloud) -> None:
    await BlobClient.create(cloud, "infoacct")
    client = await BlobClient.create(cloud, "infoacct2")
    path = "?restype=account&comp=properties"
    assert (await client.ask("GET", path)).headers["x-ms-is-hns-enabled"] == "false"
    assert (await client.as_person(cloud.owner, "GET", path)).status_code == 200
    nobody = await cloud.person("infonobody")
    elsewhere = await cloud.person("infoother", DATA_READER, account_id("infoacct"))
    for person in (nobody, elsewhere):
        answer = await client.as_person(person, "GET", path)
        assert code(answer) == (403, "AuthorizationPermissionMismatch")


@pytest.mark.parametrize(
    "headers",
    [
        {"x-ms-content-crc64": "AAAAAAAAAAA="},
        {"x-ms-tags": "a=b"},
        {"x-ms-if-tags": "a = 'b'"},
        {"x-ms-encryption-key": "a"},
    ],
)
async def test_what_is_not_offered_is_not_passed_over(cloud: Cloud, headers: dict[str, str]) -> None:
    name = "hdr" + "".join(each for each in next(iter(headers)) if each.isalnum())[:20]
    client = await BlobClient.create(cloud, name)
    await client.box("box")
    assert code(await client.put("box/a", b"one", **headers)) == (400, "UnsupportedHeader")
    assert code(await client.ask("HEAD", "box/a")) == (404, "BlobNotFound")


async def test_a_slow_upload_is_as_late_as_its_last_byte(cloud: Cloud) -> None:
    """Else somebody who asks only for what changed since the other one's time would never hear of it."""
    client = await BlobClient.create(cloud, "slowacct")
    await client.box("box")

    between = []

    async def slow() -> AsyncIterator[bytes]:
        yield b"on"
        assert (await client.put("box/a", b"other")).status_code == 201
        between.append(clock.now())
        yield b"e"

    headers = {"x-ms-blob-type": "BlockBlob", "content-length": "3"}
    assert (await client.ask("PUT", "box/a", slow(), headers)).status_code == 201
    async with cloud.store.read() as tx:
        account = await cloud.storage.accounts.named(tx, "slowacct")
        assert account is not None
        box = await cloud.store.containers.get(tx, account.uid, "box")
        assert box is not None
        last = await cloud.store.blobs.get(tx, box.id, "a")
        query = sa.select(blob_objects.c.since).where(blob_objects.c.state == LOOSE)
        loose = [row.since for row in await tx.fetch(query)]
    assert last is not None
    assert (last.length, last.modified > between[0]) == (3, True)
    # The bytes it took the place of are kept for readers from then on, not from its beginning.
    assert max(loose) == last.modified


async def test_a_lease_that_ran_out_ends_with_the_next_change(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "oldlease")
    await client.box("box")

    async def lease(action: str, **headers: str) -> httpx.Response:
        given = {"x-ms-lease-action": action, **headers}
        return await client.ask("PUT", "box/a?comp=lease", headers=given)

    async def age(seconds: float) -> None:
        async with cloud.store.write() as tx:
            account = await cloud.storage.accounts.named(tx, "oldlease")
            assert account is not None
            box = await cloud.store.containers.get(tx, account.uid, "box")
            assert box is not None
            blob = await cloud.store.blobs.get(tx, box.id, "a")
            assert blob is not None
            assert blob.lease is not None
            older = {**blob.lease, "ends": (clock.now() - timedelta(seconds=seconds)).timestamp()}
            await cloud.store.blobs.update(tx, blob.id, lease=older)

    changes: tuple[dict[str, Any], ...] = (
        {"path": "box/a", "content": b"x", "headers": {"x-ms-blob-type": "BlockBlob"}},
        {"path": "box/a?comp=metadata", "headers": {"x-ms-meta-k": "v"}},
    )
    for change in (None, *changes):
        assert (await client.put("box/a", b"one")).status_code == 201
        acquired = await lease("acquire", **{"x-ms-lease-duration": "15", "x-ms-proposed-lease-id": LEASE})
        assert acquired.status_code == 201
        await age(1)
        if change is None:
            assert (await lease("renew", **{"x-ms-lease-id": LEASE})).status_code == 200
            await age(1)
            continue
        assert (await client.ask("PUT", **change)).is_success
        assert code(await lease("renew", **{"x-ms-lease-id": LEASE}))[0] == 409


async def test_a_copy_by_put_is_what_the_request_says(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "puturl")
    await client.box("box")
    await client.put("box/a", b"one", **{"content-type": "text/plain"})
    source = {"x-ms-copy-source": f"{cloud.base}/blob/puturl/box/a", "x-ms-blob-content-type": "text/html"}
    put = await client.ask("PUT", "box/b", headers={**source, "x-ms-blob-type": "BlockBlob"})
    assert put.status_code == 201
    assert (await client.ask("PUT", "box/c", headers=source)).status_code == 202
    seen = [(await client.ask("HEAD", f"box/{name}")).headers["content-type"] for name in "bc"]
    assert seen == ["text/html", "text/plain"]


async def test_roles_hold_below_their_scope_only(cloud: Cloud) -> None:
    """A copy reads with the caller's own roles: what they may not read they may not copy."""
    client = await BlobClient.create(cloud, "copyacct")
    for name in ("mine", "other"):
        await client.box(name)
        await client.put(f"{name}/a", name.encode())
    scope = f"{account_id('copyacct')}/blobServices/default/containers/mine"
    writer = await cloud.person("copywriter", DATA_CONTRIBUTOR, scope)
    for source, expected in (("mine/a", (202, "")), ("other/a", (404, "CannotVerifyCopySource"))):
        headers = {"x-ms-copy-source": f"{cloud.base}/blob/copyacct/{source}"}
        assert code(await client.as_person(writer, "PUT", "mine/b", headers=headers)) == expected
    sas_only = signed(client, "/mine", sr="c", sp="rw")
    headers = {"x-ms-copy-source": f"{cloud.base}/blob/copyacct/other/a", "x-ms-version": "2021-12-02"}
    answer = await client.plain("PUT", f"mine/c?{sas_only}", headers=headers)
    assert code(answer) == (404, "CannotVerifyCopySource")


async def test_only_one_of_many_commits_makes_the_blob(cloud: Cloud) -> None:
    client = await BlobClient.create(cloud, "raceacct")
    await client.box("box")
    ids = [base64.b64encode(each).decode() for each in (b"a", b"b", b"c")]
    for id in ids:
        assert (await client.ask("PUT", f"box/a?comp=block&blockid={quote(id)}", id.encode())).is_success

    async def commit(id: str, condition: dict[str, str]) -> tuple[int, str]:
        body = f"<BlockList><Uncommitted>{id}</Uncommitted></BlockList>".encode()
        return code(await client.ask("PUT", "box/a?comp=blocklist", body, condition))

    fresh = {"if-none-match": "*"}
    answers = await asyncio.gather(*(commit(id, fresh) for id in ids))
    assert sorted(answers) == [(201, ""), *[(409, "BlobAlreadyExists")] * 2]
    won = ids[answers.index((201, ""))]
    seen = await client.ask("GET", "box/a")
    assert seen.content == won.encode()
    # The list took its block and dropped the others; without a condition there is nothing to commit.
    assert await commit(ids[0], {}) == (400, "InvalidBlockList")
    appended = {"x-ms-blob-type": "AppendBlob"}
    assert (await client.ask("PUT", "box/log", headers=appended)).status_code == 201
    pieces = [f"{number:02};".encode() for number in range(12)]
    await asyncio.gather(*(client.ask("PUT", "box/log?comp=appendblock", piece) for piece in pieces))
    log = (await client.ask("GET", "box/log")).content
    assert sorted(log[at : at + 3] for at in range(0, len(log), 3)) == pieces
    at_end = {"x-ms-blob-condition-appendpos": str(len(log))}
    both = await asyncio.gather(
        *(client.ask("PUT", "box/log?comp=appendblock", b"end", at_end) for _ in range(2))
    )
    assert sorted(each.status_code for each in both) == [201, 412]
