"""What azure-storage-blob says to the Blob service; run by the environment .az, not by pytest.

Reads where and with which keys as JSON from standard input; a failed assertion ends it with its traceback.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import random
import sys
import traceback
import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.identity import ClientSecretCredential
from azure.storage.blob import (
    AccessPolicy,
    AccountSasPermissions,
    BlobBlock,
    BlobClient,
    BlobSasPermissions,
    BlobServiceClient,
    BlobType,
    ContainerClient,
    ContainerSasPermissions,
    ContentSettings,
    ResourceTypes,
    generate_account_sas,
    generate_blob_sas,
    generate_container_sas,
)

GIVEN = json.load(sys.stdin)
URL, ACCOUNT, KEY = GIVEN["url"], GIVEN["account"], GIVEN["key"]
SOON = datetime.now(UTC) + timedelta(hours=1)
MIB = 1024 * 1024


def service(credential: Any = None, **more: Any) -> BlobServiceClient:
    chosen = {"account_name": ACCOUNT, "account_key": KEY} if credential is None else credential
    return BlobServiceClient(URL, credential=chosen, retry_total=0, **more)


def refuses(work: Callable[[], Any], expected: str) -> None:
    """Status and code of the refusal."""
    try:
        work()
    except HttpResponseError as error:
        code = getattr(error.error_code, "value", error.error_code)
        came = f"{error.status_code} {code}"
        assert came == expected, f"expected {expected}, got {came}: {error.message}"
    else:
        raise AssertionError(f"expected {expected}, but it was done")


def fresh(**more: Any) -> ContainerClient:
    return service(**more).create_container(f"box-{uuid.uuid4().hex[:12]}")


def containers() -> None:
    client = service()
    box = client.create_container("abc-1", metadata={"Purpose": "logs"})
    refuses(lambda: client.create_container("abc-1"), "409 ContainerAlreadyExists")
    client.create_container("abc-2")
    assert box.get_container_properties().metadata == {"purpose": "logs"}
    box.set_container_metadata({"other": "x"})
    listed = list(client.list_containers(name_starts_with="abc-", include_metadata=True, results_per_page=1))
    assert [(each.name, each.metadata) for each in listed] == [("abc-1", {"other": "x"}), ("abc-2", {})], (
        listed
    )
    policy = AccessPolicy(permission="rl", expiry=SOON)
    box.set_container_access_policy({"p1": policy})
    assert [each.id for each in box.get_container_access_policy()["signed_identifiers"]] == ["p1"]
    lease = box.acquire_lease(lease_duration=15)
    refuses(box.delete_container, "412 LeaseIdMissing")
    lease.release()
    box.delete_container()
    refuses(box.get_container_properties, "404 ContainerNotFound")
    assert not box.exists()
    client.create_container("abc-1").delete_container()
    assert client.get_account_information()["account_kind"] == "StorageV2"
    assert client.get_service_properties()["static_website"].enabled is False


def whole_blobs() -> None:
    box = fresh()
    data = os.urandom(3 * MIB + 7)
    settings = ContentSettings(content_type="text/plain", content_language="en", cache_control="no-store")
    blob = box.get_blob_client("dir/ä b+c&d.txt")
    blob.upload_blob(data, content_settings=settings, metadata={"k": "v"})
    refuses(lambda: blob.upload_blob(b"x"), "409 BlobAlreadyExists")
    found = blob.get_blob_properties()
    assert (found.size, found.blob_type, found.metadata) == (len(data), BlobType.BLOCKBLOB, {"k": "v"})
    assert found.content_settings.content_type == "text/plain"
    assert bytes(found.content_settings.content_md5) == hashlib.md5(data).digest()
    assert blob.download_blob().readall() == data
    assert blob.download_blob(offset=5, length=9).readall() == data[5:14]
    assert blob.download_blob(validate_content=True).readall() == data
    refuses(lambda: blob.download_blob(offset=len(data), length=1).readall(), "416 InvalidRange")
    blob.upload_blob(b"new", overwrite=True)
    again = blob.get_blob_properties()
    assert again.etag != found.etag
    assert (again.size, again.metadata, again.content_settings.content_type) == (
        3,
        {},
        "application/octet-stream",
    )
    stale = {"etag": found.etag, "match_condition": MatchConditions.IfNotModified}
    refuses(lambda: blob.upload_blob(b"y", overwrite=True, **stale), "412 ConditionNotMet")
    refuses(lambda: blob.delete_blob(**stale), "412 ConditionNotMet")
    same = {"etag": again.etag, "match_condition": MatchConditions.IfModified}
    refuses(lambda: blob.download_blob(**same), "304 ConditionNotMet")
    blob.set_blob_metadata({"m": "2"})
    blob.set_http_headers(ContentSettings(content_type="image/png"))
    blob.set_standard_blob_tier("Cool")
    changed = blob.get_blob_properties()
    assert (changed.metadata, changed.content_settings.content_type) == ({"m": "2"}, "image/png")
    assert changed.blob_tier == "Cool"
    blob.upload_blob(b"", overwrite=True)
    assert blob.download_blob().readall() == b""
    blob.delete_blob()
    refuses(blob.delete_blob, "404 BlobNotFound")
    assert not blob.exists()
    refuses(lambda: service().get_blob_client("nowhere", "x").upload_blob(b"x"), "404 ContainerNotFound")


def blocks() -> None:
    box = fresh(max_single_put_size=MIB, max_block_size=MIB)
    data = os.urandom(5 * MIB + 11)
    blob = box.get_blob_client("large")
    blob.upload_blob(io.BytesIO(data), max_concurrency=3)
    assert blob.download_blob(max_concurrency=2).readall() == data
    committed, uncommitted = blob.get_block_list("all")
    assert ([each.size for each in committed], uncommitted) == ([MIB] * 5 + [11], [])
    blob.stage_block("YWFh", b"tail")
    committed, uncommitted = blob.get_block_list("all")
    assert [each.size for each in uncommitted] == [4]
    kept = [BlobBlock(block_id=each.id) for each in committed[:2]]
    blob.commit_block_list([*kept, BlobBlock(block_id="YWFh")])
    assert blob.download_blob().readall() == data[: 2 * MIB] + b"tail"
    refuses(lambda: blob.commit_block_list([BlobBlock(block_id="bm9u")]), "400 InvalidBlockList")
    waiting = box.get_blob_client("waiting")
    waiting.stage_block("YQ==", b"x")
    assert not waiting.exists()
    waiting.commit_block_list([BlobBlock(block_id="YQ==")])
    assert waiting.download_blob().readall() == b"x"


def appends() -> None:
    box = fresh()
    blob = box.get_blob_client("log")
    blob.create_append_blob(metadata={"a": "b"})
    for number in range(5):
        answer = blob.append_block(f"line {number}\n".encode())
        assert answer["blob_append_offset"] == str(number * 7), answer
    assert answer["blob_committed_block_count"] == 5
    assert blob.download_blob().readall() == b"".join(b"line %d\n" % number for number in range(5))
    refuses(lambda: blob.append_block(b"x", appendpos_condition=3), "412 AppendPositionConditionNotMet")
    refuses(lambda: blob.append_block(b"x", maxsize_condition=35), "412 MaxBlobSizeConditionNotMet")
    blob.upload_blob(b"more", blob_type=BlobType.APPENDBLOB)
    assert blob.get_blob_properties().size == 39
    block = box.get_blob_client("block")
    block.upload_blob(b"x")
    refuses(lambda: block.append_block(b"x"), "409 InvalidBlobType")


def pages() -> None:
    blob = fresh().get_blob_client("disk")
    blob.create_page_blob(4096)
    blob.upload_page(b"a" * 1024, 512, 1024)
    blob.upload_page(b"b" * 512, 1024, 512)
    blob.clear_page(512, 512)
    expected = bytes(1024) + b"b" * 512 + bytes(4096 - 1536)
    assert blob.download_blob().readall() == expected
    filled, cleared = blob.get_page_ranges()
    assert (filled, cleared) == ([{"start": 1024, "end": 1535}], []), filled
    refuses(lambda: blob.upload_page(b"a" * 512, 4096, 512), "416 InvalidPageRange")
    blob.resize_blob(1536)
    blob.set_sequence_number("update", "7")
    found = blob.get_blob_properties()
    assert (found.size, found.page_blob_sequence_number) == (1536, 7)
    assert blob.download_blob().readall() == expected[:1536]


def lists() -> None:
    box = fresh()
    names = ["a", "b/1", "b/2", "b/c/3", "c", "ü & <x>"]
    for name in random.sample(names, len(names)):
        box.upload_blob(name, b"x", metadata={"n": "1"})
    assert [each.name for each in box.list_blobs()] == names
    assert list(box.list_blob_names(name_starts_with="b/")) == names[1:4]
    pages = [[each.name for each in page] for page in box.list_blobs(results_per_page=4).by_page()]
    assert pages == [names[:4], names[4:]]
    # The client gives the prefixes of a page before its blobs.
    assert sorted(each.name for each in box.walk_blobs()) == ["a", "b/", "c", "ü & <x>"]
    assert all(each.metadata == {"n": "1"} for each in box.list_blobs(include=["metadata"]))
    first = next(iter(box.list_blobs()))
    assert (first.size, first.blob_type, first.etag) == (
        1,
        BlobType.BLOCKBLOB,
        box.get_blob_client("a").get_blob_properties().etag.strip('"'),
    )


def leases() -> None:
    blob = fresh().get_blob_client("held")
    blob.upload_blob(b"x")
    lease = blob.acquire_lease(lease_duration=-1)
    assert blob.get_blob_properties().lease.state == "leased"
    refuses(lambda: blob.upload_blob(b"y", overwrite=True), "412 LeaseIdMissing")
    refuses(lambda: blob.acquire_lease(lease_duration=15), "409 LeaseAlreadyPresent")
    blob.upload_blob(b"y", overwrite=True, lease=lease)
    lease.change(str(uuid.uuid4()))
    lease.renew()
    assert lease.break_lease(lease_break_period=0) == 0
    blob.delete_blob()


def copies() -> None:
    box = fresh()
    source = box.get_blob_client("source")
    source.upload_blob(b"copied" * 1000, metadata={"a": "1"})
    target = box.get_blob_client("target")
    assert target.start_copy_from_url(source.url)["copy_status"] == "success"
    target.start_copy_from_url(source.url, requires_sync=True)
    source.delete_blob()
    assert target.download_blob().readall() == b"copied" * 1000
    found = target.get_blob_properties()
    assert (found.metadata, found.copy.status) == ({"a": "1"}, "success")
    refuses(lambda: target.start_copy_from_url(source.url), "404 CannotVerifyCopySource")


def signatures() -> None:
    box = fresh()
    box.upload_blob("a", b"one")

    def blob_with(permission: BlobSasPermissions, name: str = "a", **more: Any) -> BlobClient:
        token = generate_blob_sas(
            ACCOUNT, box.container_name, name, account_key=KEY, permission=permission, expiry=SOON, **more
        )
        return BlobClient(URL, box.container_name, "a", credential=token, retry_total=0)

    reader = blob_with(BlobSasPermissions(read=True), content_type="text/x-own")
    answer = reader.download_blob()
    assert (answer.readall(), answer.properties.content_settings.content_type) == (b"one", "text/x-own")
    refuses(lambda: reader.upload_blob(b"x", overwrite=True), "403 AuthorizationPermissionMismatch")
    maker = blob_with(BlobSasPermissions(create=True))
    refuses(lambda: maker.upload_blob(b"x", overwrite=True), "403 AuthorizationPermissionMismatch")
    elsewhere = blob_with(BlobSasPermissions(read=True), "b")
    refuses(lambda: elsewhere.download_blob(), "403 AuthenticationFailed")
    late = generate_blob_sas(
        ACCOUNT,
        box.container_name,
        "a",
        account_key=KEY,
        permission="r",
        expiry=datetime.now(UTC) - timedelta(minutes=1),
    )
    old = BlobClient(URL, box.container_name, "a", credential=late, retry_total=0)
    refuses(lambda: old.download_blob(), "403 AuthenticationFailed")
    foreign = blob_with(BlobSasPermissions(read=True), ip="192.0.2.1")
    refuses(lambda: foreign.download_blob(), "403 AuthorizationSourceIPMismatch")
    token = generate_container_sas(
        ACCOUNT,
        box.container_name,
        account_key=KEY,
        permission=ContainerSasPermissions(list=True, write=True),
        expiry=SOON,
    )
    held = ContainerClient(URL, box.container_name, credential=token, retry_total=0)
    held.upload_blob("b", b"two")
    assert [each.name for each in held.list_blobs()] == ["a", "b"]
    refuses(lambda: held.get_blob_client("b").download_blob(), "403 AuthorizationPermissionMismatch")
    refuses(held.delete_container, "403 AuthorizationResourceTypeMismatch")
    whole = generate_account_sas(
        ACCOUNT,
        KEY,
        resource_types=ResourceTypes(object=True),
        permission=AccountSasPermissions(read=True),
        expiry=SOON,
    )
    client = service(whole)
    assert client.get_blob_client(box.container_name, "a").download_blob().readall() == b"one"
    refuses(lambda: list(client.list_containers()), "403 AuthorizationResourceTypeMismatch")
    box.set_container_access_policy({"p1": AccessPolicy(permission="r", expiry=SOON)})
    stored = generate_blob_sas(ACCOUNT, box.container_name, "a", account_key=KEY, policy_id="p1")
    named = BlobClient(URL, box.container_name, "a", credential=stored, retry_total=0)
    assert named.download_blob().readall() == b"one"
    box.set_container_access_policy({})
    refuses(lambda: named.download_blob(), "403 AuthenticationFailed")
    wrong = service({"account_name": ACCOUNT, "account_key": KEY[:-6] + "AAAA=="})
    refuses(lambda: list(wrong.list_containers()), "403 AuthenticationFailed")
    nobody = BlobClient(URL, box.container_name, "a", retry_total=0)
    refuses(lambda: nobody.download_blob(), "401 NoAuthenticationInformation")


def tokens() -> None:
    def client(name: str) -> BlobServiceClient:
        given = GIVEN["people"][name]
        credential = ClientSecretCredential(
            given["tenant"],
            given["client"],
            given["secret"],
            authority=GIVEN["authority"],
            disable_instance_discovery=True,
        )
        return service(credential)

    name = f"roles-{uuid.uuid4().hex[:8]}"
    writer, reader = client("contributor"), client("reader")
    box = writer.create_container(name)
    box.upload_blob("a", b"one")
    assert reader.get_blob_client(name, "a").download_blob().readall() == b"one"
    assert [each.name for each in reader.get_container_client(name).list_blobs()] == ["a"]
    forbidden = "403 AuthorizationPermissionMismatch"
    refuses(lambda: reader.get_blob_client(name, "a").delete_blob(), forbidden)
    refuses(lambda: reader.get_blob_client(name, "b").upload_blob(b"x"), forbidden)
    # Owners of the resource have no right to the data by that alone, as in Azure.
    refuses(lambda: client("owner").get_blob_client(name, "a").download_blob(), forbidden)
    refuses(lambda: client("stranger").get_blob_client(name, "a").download_blob(), "404 ResourceNotFound")
    box.get_blob_client("a").delete_blob()


ALL = (containers, whole_blobs, blocks, appends, pages, lists, leases, copies, signatures, tokens)

if __name__ == "__main__":
    failed = 0
    for each in ALL:
        try:
            each()
        except Exception:
            failed += 1
            traceback.print_exc()
        else:
            print(each.__name__, flush=True)
    sys.exit(failed)
