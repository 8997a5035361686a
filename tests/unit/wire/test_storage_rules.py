"""The Blob service's conditions, ranges, leases, names and documents."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.wire.storage import conditions, documents, errors, leases, names, ranges, xml
from outofband.wire.storage.asked import Asked, written_date
from outofband.wire.storage.conditions import Verdict
from outofband.wire.storage.documents import Entry, Listing
from outofband.wire.storage.leases import INFINITE, Lease, State
from outofband.wire.storage.sas import Policy

NOW = datetime(2026, 11, 26, 3, 4, 5, 600000, tzinfo=UTC)
ONE, TWO = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"
HOUR = timedelta(hours=1)


def asked(**headers: str) -> Asked:
    return Asked(method="GET", path="/", headers={n.replace("_", "-"): v for n, v in headers.items()})


def verdict(etag: str | None = '"0x1"', *, reading: bool = False, **headers: str) -> str:
    try:
        modified = NOW if etag else None
        return conditions.check(asked(**headers), etag, modified, reading=reading).value
    except Fault as fault:
        return fault.code


def test_conditions_of_a_write() -> None:
    assert verdict() == verdict(None) == "go"
    assert verdict(if_match='"0x1"') == verdict(if_match="0x1") == verdict(if_match="*") == "go"
    assert verdict(if_match='"0x2"') == verdict(None, if_match="*") == "ConditionNotMet"
    assert verdict(if_none_match="*") == "BlobAlreadyExists"
    assert verdict(None, if_none_match="*") == verdict(if_none_match='"0x2"') == "go"
    assert verdict(if_none_match='"0x2", "0x1"') == "ConditionNotMet"
    assert verdict(if_modified_since=written_date(NOW)) == "ConditionNotMet"
    assert verdict(if_unmodified_since=written_date(NOW)) == "go"
    assert verdict(if_unmodified_since=written_date(NOW - HOUR)) == "ConditionNotMet"
    assert verdict(if_modified_since="yesterday") == "InvalidHeaderValue"


def test_conditions_of_a_read() -> None:
    same = Verdict.NOT_MODIFIED.value
    assert verdict(reading=True, if_none_match='"0x1"') == same
    assert verdict(reading=True, if_modified_since=written_date(NOW)) == same
    assert verdict(reading=True, if_modified_since=written_date(NOW - HOUR)) == "go"
    assert verdict(reading=True, if_match='"0x2"') == "ConditionNotMet"


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [("bytes=0-33554431", 0, 10), ("bytes=3-", 3, 10), ("bytes=3-3", 3, 4), ("bytes=9-9", 9, 10)],
)
def test_ranges(text: str, start: int, end: int) -> None:
    found = ranges.wanted(asked(x_ms_range=text), 10)
    assert found is not None
    assert (found.start, found.end, found.of(10)) == (start, end, f"bytes {start}-{end - 1}/10")


def test_ranges_that_are_none_and_ranges_behind_the_end() -> None:
    for text in ("bytes=-3", "bytes=5-2", "lines=1-2", "bytes=0-1,4-5", "bytes=a-b"):
        assert ranges.wanted(asked(range=text), 10) is None
    first = ranges.wanted(asked(x_ms_range="bytes=1-1", range="bytes=2-2"), 10)
    assert first is not None
    assert first.start == 1
    for length in (0, 5):
        with pytest.raises(Fault, match="InvalidRange"):
            ranges.wanted(asked(range="bytes=5-"), length)


@given(st.integers(0, 100), st.integers(0, 100), st.integers(1, 100))
def test_a_range_is_within_the_blob(start: int, last: int, length: int) -> None:
    try:
        found = ranges.wanted(asked(range=f"bytes={start}-{last}"), length)
    except Fault:
        assert start >= length
    else:
        assert (found is None) == (last < start)
        if found is not None:
            assert (found.start, found.end) == (start, min(last + 1, length))


def test_pages() -> None:
    found = ranges.pages(asked(x_ms_range="bytes=512-1023"), 1024)
    assert (found.start, found.length) == (512, 512)
    for text, code in (
        ("bytes=0-100", "InvalidPageRange"),
        ("bytes=1024-1535", "InvalidPageRange"),
        ("bytes=0-", "InvalidHeaderValue"),
    ):
        with pytest.raises(Fault, match=code):
            ranges.pages(asked(x_ms_range=text), 1024)
    with pytest.raises(Fault, match="MissingRequiredHeader"):
        ranges.pages(asked(), 1024)


def later(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def code_of(work: object, *args: object, **more: object) -> str:
    try:
        work(*args, **more)  # type: ignore[operator]
    except Fault as fault:
        return fault.code
    return ""


def test_a_lease_from_its_beginning_to_its_end() -> None:
    lease = leases.acquire(None, id=ONE, seconds=15, now=NOW)
    assert leases.shown(lease, NOW) == {"status": "locked", "state": "leased", "duration": "fixed"}
    assert leases.shown(None, NOW) == {"status": "unlocked", "state": "available"}
    assert code_of(leases.acquire, lease, id=TWO, seconds=15, now=NOW) == "LeaseAlreadyPresent"
    assert leases.acquire(lease, id=ONE, seconds=INFINITE, now=NOW).ends is None
    assert lease.state(later(15)) is State.EXPIRED
    assert leases.renew(lease, ONE, later(20)).state(later(30)) is State.LEASED
    assert leases.acquire(lease, id=TWO, seconds=60, now=later(15)).id == TWO
    assert code_of(leases.renew, lease, TWO, NOW) == "LeaseIdMismatchWithLeaseOperation"
    assert leases.change(lease, ONE, TWO, NOW).id == TWO
    assert leases.change(lease, TWO, ONE, NOW) == lease
    assert code_of(leases.release, lease, TWO) == "LeaseIdMismatchWithLeaseOperation"
    assert code_of(leases.release, lease, ONE) == ""
    for seconds in (0, 14, 61, -2):
        assert code_of(leases.acquire, None, id=ONE, seconds=seconds, now=NOW) == "InvalidHeaderValue"


def test_breaking_a_lease() -> None:
    infinite = leases.acquire(None, id=ONE, seconds=INFINITE, now=NOW)
    assert leases.broken(infinite, None, NOW)[1] == 0
    fixed = leases.acquire(None, id=ONE, seconds=60, now=NOW)
    breaking, seconds = leases.broken(fixed, 30, NOW)
    assert (seconds, breaking.state(NOW), breaking.state(later(30))) == (30, State.BREAKING, State.BROKEN)
    assert breaking.locked(NOW)
    assert leases.broken(fixed, 50, later(20))[1] == 40
    assert leases.broken(breaking, 0, later(1))[0].state(later(1)) is State.BROKEN
    acquire = code_of(leases.acquire, breaking, id=ONE, seconds=15, now=NOW)
    assert acquire == "LeaseIsBreakingAndCannotBeAcquired"
    assert code_of(leases.renew, breaking, ONE, NOW) == "LeaseIsBrokenAndCannotBeRenewed"
    assert code_of(leases.change, breaking, ONE, TWO, NOW) == "LeaseIsBreakingAndCannotBeChanged"
    assert leases.acquire(breaking, id=TWO, seconds=15, now=later(30)).id == TWO
    assert code_of(leases.broken, None, None, NOW) == "LeaseNotPresentWithLeaseOperation"
    assert code_of(leases.broken, fixed, 61, NOW) == "InvalidHeaderValue"


def test_what_a_lease_keeps_others_from() -> None:
    lease = leases.acquire(None, id=ONE, seconds=15, now=NOW)

    def code(held: Lease | None, id: str | None, *, of: str = "Blob", writing: bool = True) -> str:
        return code_of(leases.require, held, id, NOW, of=of, writing=writing)

    assert code(lease, None) == "LeaseIdMissing"
    assert code(lease, None, writing=False) == code(lease, ONE.upper()) == code(None, None) == ""
    assert code(lease, TWO, writing=False) == "LeaseIdMismatchWithBlobOperation"
    assert code(None, ONE) == "LeaseNotPresentWithBlobOperation"
    assert code(lease, TWO, of="Container") == "LeaseIdMismatchWithContainerOperation"
    assert code(None, ONE, of="Container") == "LeaseNotPresentWithContainerOperation"


@pytest.mark.parametrize("name", ["abc", "a-b-c", "0" * 63, "$root", "$web"])
def test_names_of_containers(name: str) -> None:
    assert names.container(name) == name


@pytest.mark.parametrize("name", ["", "ab", "Abc", "a--b", "-abc", "abc-", "a" * 64, "a_b", "$x", "a/b"])
def test_names_no_container_has(name: str) -> None:
    with pytest.raises(Fault, match="InvalidResourceName"):
        names.container(name)


def test_names_of_blobs_blocks_and_metadata() -> None:
    assert names.blob("a" * 1024)
    for name in ("", "a" * 1025, "a\0b", "a\ud800"):
        with pytest.raises(Fault, match="InvalidResourceName"):
            names.blob(name)
    assert names.block("YQ==") == "YQ=="
    for block in ("", "a", "YQ==\n", "ä", "Y" * 100):
        with pytest.raises(Fault, match="InvalidBlockId"):
            names.block(block)
    assert names.metadata({"a_1": "x"}) == {"a_1": "x"}
    for bad in ({"a-b": "x"}, {"1a": "x"}, {"": "x"}, {"a": "ä"}):
        with pytest.raises(Fault, match="InvalidMetadata"):
            names.metadata(bad)
    with pytest.raises(Fault, match="MetadataTooLarge"):
        names.metadata({"a": "x" * 8192})


def test_lists_are_what_a_parser_reads() -> None:
    listing = Listing(service="https://h/acct/", container="box", prefix="a&<", size=2, after="m>")
    properties = documents.properties(NOW, '"0x1"', {"Content-Length": "3", "Content-MD5": None})
    entry = Entry(name="a&<b>", properties=properties, metadata={"k": "v"})
    root = xml.read(documents.blobs(listing, [entry, "dir/", Entry(name="a\x01", properties={})]))
    assert (root.name, root.value("Prefix"), root.value("MaxResults")) == ("EnumerationResults", "a&<", "2")
    assert root.value("NextMarker") == "m>"
    first, second, third = root.child("Blobs").children  # type: ignore[union-attr]
    assert (first.value("Name"), second.name, second.value("Name")) == ("a&<b>", "BlobPrefix", "dir/")
    shown = first.child("Properties")
    assert shown is not None
    assert [each.name for each in shown.children] == ["Last-Modified", "Etag", "Content-Length"]
    assert shown.value("Etag") == "0x1"
    assert first.child("Metadata").value("k") == "v"  # type: ignore[union-attr]
    assert third.value("Name") == "a%01"


def test_block_lists_and_policies_come_back() -> None:
    body = b"<?xml version='1.0'?><BlockList><Latest>YQ==</Latest><Committed> Yg== </Committed></BlockList>"
    assert documents.read_block_list(body) == [("Latest", "YQ=="), ("Committed", "Yg==")]
    policies = [Policy(id="p&1", start="2026-01-01", permissions="r"), Policy(id="two")]
    assert documents.read_policies(documents.policies(policies)) == policies
    assert documents.read_policies(b"") == []


BOMB = b'<!DOCTYPE x [<!ENTITY a "aaaa">]><BlockList><Latest>&a;</Latest></BlockList>'


@pytest.mark.parametrize(
    "body", [b"", b"<", b"<A/>", b"<BlockList><Odd>YQ==</Odd></BlockList>", b"<BlockList>" * 20, BOMB]
)
def test_documents_that_are_refused(body: bytes) -> None:
    with pytest.raises(Fault, match="InvalidXmlDocument"):
        documents.read_block_list(body)


@given(st.binary(max_size=200))
def test_no_document_breaks_the_reader(body: bytes) -> None:
    try:
        documents.read_block_list(body)
    except Fault as fault:
        assert fault.code in ("InvalidXmlDocument", "InvalidBlockId")


def test_an_error_has_azures_code() -> None:
    fault = Fault("StorageAuthenticationFailed", detail="<why>")
    root = xml.read(errors.document(fault, explain(fault), "id-1", NOW))
    assert (root.name, root.value("Code")) == ("Error", "AuthenticationFailed")
    assert root.value("AuthenticationErrorDetail") == "<why>"
    assert "RequestId:id-1" in root.value("Message")
    assert errors.code(Fault("BlobNotFound")) == "BlobNotFound"
