"""Shared keys and shared access signatures, against what azure-storage-blob 12.31 signed with a known key."""

from __future__ import annotations

from datetime import UTC, datetime
from urllib.parse import parse_qsl

import pytest

from outofband.core.errors import Fault
from outofband.wire.storage import sas, shared_key
from outofband.wire.storage.asked import Asked, plain_address
from outofband.wire.storage.sas import Policy, Sas

KEY = b"k" * 64
NOW = datetime(2026, 11, 26, 3, 4, tzinfo=UTC)
BLOB = (
    "st=2026-01-01T00%3A00%3A00Z&se=2030-01-02T03%3A04%3A05Z&sp=rw&sip=10.0.0.1-10.0.0.9&spr=https"
    "&sv=2026-10-06&sr=b&rscc=no-store&rsct=text/plain&sig=jGZ7lnEBuL8V5pzwIbsSkrTPdVBS2u26TkTW1%2Big9cw%3D"
)
CONTAINER = (
    "se=2030-01-02T03%3A04%3A05Z&sp=rl&sv=2026-10-06&sr=c&sig=iy80VTUuUJBl2o8r451BgyXXshZpQ4D7ifOSe3tzsKc%3D"
)
POLICY = "sv=2026-10-06&si=p1&sr=c&sig=my3QOKa8QYEQF5QsxH7s6qSg1kjbj0c6Nj4VjWKTKj8%3D"
ACCOUNT = (
    "se=2030-01-02T03%3A04%3A05Z&sp=rwdl&spr=https&sv=2026-10-06&ss=b&srt=sco"
    "&sig=szxWMu56AcxTDDnvaTUtue/ut5jWUceYoFc4OFe11NQ%3D"
)


def parsed(query: str) -> Sas:
    found = sas.read(parse_qsl(query))
    assert found is not None
    return found


def verify(given: Sas, container: str = "box", blob: str = "dir/ä b.txt", key: bytes = KEY) -> None:
    sas.verify(given, accounts=["acct"], container=container, blob=blob, keys=[b"old", key])


@pytest.mark.parametrize("query", [BLOB, CONTAINER, POLICY, ACCOUNT])
def test_signatures_of_the_sdk_are_accepted(query: str) -> None:
    verify(parsed(query))


@pytest.mark.parametrize("query", [BLOB, CONTAINER, POLICY, ACCOUNT])
def test_another_key_or_a_changed_field_is_not(query: str) -> None:
    with pytest.raises(Fault, match="StorageAuthenticationFailed"):
        verify(parsed(query), key=b"other")
    for old, new in (("sp=r", "sp=racwd"), ("2030", "2031"), ("si=p1", "si=p2"), ("sr=c", "sr=b")):
        if old in query:
            with pytest.raises(Fault, match="StorageAuthenticationFailed"):
                verify(parsed(query.replace(old, new)))


def test_a_service_signature_is_for_one_place() -> None:
    verify(parsed(CONTAINER), blob="any")
    for given, container, blob in ((CONTAINER, "other", "x"), (BLOB, "box", "other"), (BLOB, "b2", "")):
        with pytest.raises(Fault, match="StorageAuthenticationFailed"):
            verify(parsed(given), container, blob)


@pytest.mark.parametrize(
    ("version", "lines"),
    [
        ("2011-08-18", 5),
        ("2012-02-12", 6),
        ("2013-08-15", 11),
        ("2015-02-21", 11),
        ("2015-04-05", 13),
        ("2018-11-09", 15),
        ("2020-12-06", 16),
    ],
)
def test_each_version_signs_what_it_knew(version: str, lines: int) -> None:
    text = Sas(sv=version, sig="x", sp="r", se="2030-01-01", sr="b").text("acct", "/box/x")
    assert text.count("\n") + 1 == lines
    assert text.split("\n")[3] == ("/blob/acct/box/x" if version >= "2015-02-21" else "/acct/box/x")


def test_what_is_signed_here_is_read_back() -> None:
    made = Sas(sv="2021-12-02", sig="", sp="rl", se="2030-01-01T00:00:00Z", sr="c").signed(
        "acct", "/box", KEY
    )
    again = sas.read(made.query())
    assert again == made
    verify(made)


def refusal(given: Sas, address: str = "10.0.0.5", https: bool = True, now: datetime = NOW) -> str:
    try:
        sas.check(given, now=now, address=address, https=https)
    except Fault as fault:
        return fault.code
    return ""


def test_time_place_and_protocol() -> None:
    given = parsed(BLOB)
    assert refusal(given) == ""
    assert refusal(given, now=datetime(2025, 12, 31, tzinfo=UTC)) == "StorageAuthenticationFailed"
    assert refusal(given, now=datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC)) == "StorageAuthenticationFailed"
    for address in ("10.0.0.10", "9.255.255.255", "::1", "", "rubbish"):
        assert refusal(given, address=address) == "AuthorizationSourceIPMismatch", address
    assert refusal(given, https=False) == "AuthorizationProtocolMismatch"
    both = Sas(sv="2021-12-02", sig="x", sp="r", se="2030-01-01", spr="https,http", sr="b")
    assert refusal(both, https=False) == ""


@pytest.mark.parametrize(
    "text",
    [
        "2030-01-02T03:04:05Z",
        "2030-01-02T03:04Z",
        "2030-01-02",
        "2030-01-02T03:04:05.1234567Z",
        "2030-01-02T03:04:05+00:00",
    ],
)
def test_forms_of_a_time(text: str) -> None:
    found = sas.moment(text)
    assert found is not None
    assert (found.year, found.tzinfo) == (2030, UTC)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2030",
        "2030-13-01",
        "2030-01-02T03:04:05",
        "20300101",
        "9999-12-31T23:59Z\n",
        "0001-01-01T00:00+14:00",
        "nonsense",
    ],
)
def test_what_is_no_time_never_admits(text: str) -> None:
    assert sas.moment(text) is None
    assert refusal(Sas(sv="2021-12-02", sig="x", sp="r", se=text, sr="b")) == "StorageAuthenticationFailed"


def test_a_stored_policy_gives_what_the_address_leaves_open() -> None:
    policy = Policy(id="p1", expiry="2030-01-01T00:00:00Z", permissions="rl")
    found = sas.resolved(parsed(POLICY), [policy])
    assert (found.sp, found.se, refusal(found)) == ("rl", "2030-01-01T00:00:00Z", "")
    with pytest.raises(Fault, match="does not exist"):
        sas.resolved(parsed(POLICY), [Policy(id="p2")])
    twice = parsed(POLICY + "&sp=r")
    with pytest.raises(Fault, match="sp is in the address and in the stored"):
        sas.resolved(twice, [policy])


@pytest.mark.parametrize(
    "query",
    [
        "sig=x",
        "sig=x&sv=1",
        "sig=x&sv=2021-12-02",
        "sig=x&sv=2021-12-02&sr=q",
        # Neither signs its version, so a newer signature could be read by their rules.
        "sig=x&sv=2011-08-18&sr=c",
        "sig=x&sv=zzzzzzzzzz&sr=c",
        "sig=x&sv=2021-12-02&sr=c&sp=r%0A",
    ],
)
def test_half_a_signature_is_refused(query: str) -> None:
    with pytest.raises(Fault, match="StorageAuthenticationFailed"):
        sas.read(parse_qsl(query))


def test_a_field_that_is_there_twice_is_refused() -> None:
    with pytest.raises(Fault, match="twice"):
        sas.read(parse_qsl(CONTAINER + "&SP=rwd"))
    assert sas.read([("comp", "list")]) is None


SIGNED = Asked(
    method="PUT",
    path="/blob/acct/box/a%20b",
    query=(("comp", "metadata"), ("timeout", "20")),
    headers={
        "x-ms-date": "Thu, 26 Nov 2026 03:00:00 GMT",
        "x-ms-version": "2026-04-06",
        "x-ms-meta-a_b": "1",
        "x-ms-meta-a1": "2",
        "x-ms-meta-ab": "3",
        "x-ms-client-request-id": "x",
        "content-length": "0",
        "if-match": '"0x1"',
        "host": "127.0.0.1:1",
    },
)
AUTHORIZATION = "SharedKey blob/acct:HGumUuP0BNtI0rLiCwPnesCH3fh0DT0ZUEi7f3q+LoA="


def claim(text: str = AUTHORIZATION) -> shared_key.Claim:
    found = shared_key.read(text)
    assert found is not None
    return found


def test_a_request_that_the_sdk_signed_is_accepted() -> None:
    """Its headers come in an order that is not that of their characters."""
    shared_key.verify(SIGNED, claim(), [b"old", KEY], NOW)


def test_whatever_changes_on_the_way_is_noticed() -> None:
    changed = [
        Asked(method="DELETE", path=SIGNED.path, query=SIGNED.query, headers=SIGNED.headers),
        Asked(method="PUT", path="/blob/acct/box/ab", query=SIGNED.query, headers=SIGNED.headers),
        Asked(method="PUT", path=SIGNED.path, query=(("comp", "lease"),), headers=SIGNED.headers),
    ]
    for name, value in (("x-ms-meta-ab", "4"), ("if-match", "*"), ("content-length", "7"), ("range", "x")):
        headers = {**SIGNED.headers, name: value}
        changed.append(Asked(method="PUT", path=SIGNED.path, query=SIGNED.query, headers=headers))
    for each in changed:
        with pytest.raises(Fault, match="signature does not fit"):
            shared_key.verify(each, claim(), [KEY], NOW)


def test_an_old_request_cannot_be_sent_again() -> None:
    for now in (datetime(2026, 11, 26, 3, 16, tzinfo=UTC), datetime(2026, 11, 26, 2, 44, tzinfo=UTC)):
        with pytest.raises(Fault, match="15 minutes"):
            shared_key.verify(SIGNED, claim(), [KEY], now)
    undated = Asked(method="GET", path="/", headers={"x-ms-version": "2020-02-10"})
    with pytest.raises(Fault, match="no x-ms-date"):
        shared_key.verify(undated, claim(), [KEY], NOW)


def test_the_lite_form() -> None:
    asked = Asked(
        method="GET",
        path="/box",
        query=(("restype", "container"), ("comp", "list")),
        headers={"date": "Thu, 26 Nov 2026 03:00:00 GMT", "x-ms-version": "2009-09-19"},
    )
    date = asked.headers["date"]
    text = f"GET\n\n\n{date}\nx-ms-version:2009-09-19\n/acct/box?comp=list"
    assert next(shared_key.texts(asked, claim("SharedKeyLite acct:x"))) == text
    signature = shared_key.signature(text, KEY)
    shared_key.verify(asked, claim(f"SharedKeyLite acct:{signature}"), [KEY], NOW)


def test_a_date_of_no_calendar_is_refused() -> None:
    asked = Asked(method="GET", path="/", headers={"x-ms-date": "Fri, 31 Dec 9999 23:59:59 -2300"})
    with pytest.raises(Fault, match="no x-ms-date"):
        shared_key.verify(asked, claim("SharedKey acct:x"), [KEY], NOW)


def test_an_address_of_a_socket_for_both_families() -> None:
    given = ("::ffff:10.0.0.5", "10.0.0.5", "2001:DB8::1", "")
    assert [plain_address(each) for each in given] == ["10.0.0.5", "10.0.0.5", "2001:db8::1", ""]
    assert refusal(parsed(BLOB), address=plain_address("::ffff:10.0.0.5")) == ""


def test_other_schemes_and_malformed_ones() -> None:
    assert shared_key.read("Bearer abc") is None
    for text in ("SharedKey", "SharedKey acct", "SharedKey :x", "SharedKey acct:"):
        with pytest.raises(Fault, match="StorageAuthenticationFailed"):
            shared_key.read(text)
    with pytest.raises(Fault, match="signature does not fit"):
        shared_key.verify(SIGNED, claim("SharedKey blob/acct:not base64!"), [KEY], NOW)
