"""Resource Manager's words: envelope, versions, pages, polls, filters."""

from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from outofband.catalogue import explain
from outofband.core.errors import Fault
from outofband.wire.arm import errors, filters, operations, paging, versions
from outofband.wire.arm.filters import Condition


def test_an_envelope_is_read_back() -> None:
    fault = Fault("VmNotRunning", vm="demo", power="stopped")
    said = explain(fault)
    body = errors.envelope(said, fault.fields, "vm")
    read = errors.read(msgspec.json.encode(body))
    assert read is not None
    assert (read.code, read.message, read.title) == (said.code, said.message, said.title)
    assert (read.remedy, read.cause, read.action) == (said.remedy, said.cause, "start-vm")
    assert read.fields == {"vm": "demo", "power": "stopped"}
    assert body["error"]["target"] == "vm"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b'{"error":{"code":"X","message":"m"}}', "X"),
        (b'{"code":"Flat","message":"m"}', "Flat"),
        (b'{"error":{"code":"X","additionalInfo":[{"type":"OutofbandRemedy","info":{"remedy":7}}]}}', "X"),
        (b'{"error":{"code":"X","message":null,"additionalInfo":[1,{"type":"Other"}]}}', "X"),
        (b'{"error":"text"}', None),
        (b"[]", None),
        (b"", None),
        (b"<html>", None),
        (b'"\xae"', None),
        (b"[" * 100_000, None),
        (b'"' + b"x" * 300_000 + b'"', None),
    ],
)
def test_what_others_answer(body: bytes, code: str | None) -> None:
    read = errors.read(body)
    assert (read.code if read else None) == code


@given(st.binary(max_size=200))
def test_any_bytes_are_an_error_or_none(body: bytes) -> None:
    errors.read(body)


def test_versions() -> None:
    assert versions.check("2024-11-01", "2015-06-15") == "2024-11-01"
    assert versions.check("2099-02-28-preview", "2015-06-15")
    with pytest.raises(Fault, match="MissingApiVersionParameter"):
        versions.check(None, "2015-06-15")
    for wrong in (
        "2015-06-14",
        "2023-02-29",
        "2024",
        "x",
        "2024-11-01 ",
        "2024-11-01\n",
        "2024-11-01-",
        "٢٠٢٤-11-01",
    ):
        with pytest.raises(Fault, match="InvalidApiVersionParameter"):
            versions.check(wrong, "2015-06-15")


@given(st.text())
def test_a_key_survives_its_trip_through_a_client(key: str) -> None:
    try:
        token = paging.token(key)
    except UnicodeEncodeError:
        return
    if len(token) <= paging.MAX_TOKEN:
        assert paging.after(token) == key


@given(st.text(max_size=50))
def test_any_skip_token_is_a_key_or_a_fault(token: str) -> None:
    try:
        paging.after(token)
    except Fault as fault:
        assert fault.code == "InvalidParameter"


def test_next_links_keep_the_request() -> None:
    query = (("$filter", "a eq 'b'"), ("api-version", "2024-11-01"), ("$SKIPTOKEN", "old"))
    link = paging.next_link("https://h:1", "/a b/c", query, "k/é")
    assert link == (
        "https://h:1/a%20b/c?$filter=a+eq+%27b%27&api-version=2024-11-01&$skiptoken=" + paging.token("k/é")
    )


def test_poll_bodies() -> None:
    body = operations.poll_body(
        path="/p", name="n", status=operations.Status.FAILED, started="s", ended="e", error={"code": "X"}
    )
    wanted = {"id": "/p", "name": "n", "status": "Failed", "startTime": "s", "endTime": "e"}
    assert body == {**wanted, "error": {"code": "X"}}
    running = operations.poll_body(path="/p", name="n", status=operations.Status.IN_PROGRESS, started="s")
    assert running == {"id": "/p", "name": "n", "status": "InProgress", "startTime": "s"}
    assert not operations.Status.IN_PROGRESS.final
    assert operations.Status.CANCELED.final
    headers = operations.poll_headers("https://h", "/s", "/r", "v")
    assert headers == {
        "Azure-AsyncOperation": "https://h/s?api-version=v",
        "Location": "https://h/r?api-version=v",
        "Retry-After": "1",
    }


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (None, []),
        ("  ", []),
        ("roleName eq 'Virtual Machine Contributor'", [("rolename", "eq", "Virtual Machine Contributor")]),
        ("a ge 1 AND b LE 'x''y'", [("a", "ge", "1"), ("b", "le", "x'y")]),
        ("atScope()", [("atscope", "call", "")]),
        (
            "atScope() and assignedTo('o''b')",
            [("atscope", "call", ""), ("assignedto", "call", "o'b")],
        ),
        ("startswith(displayName, 'a''b')", [("displayname", "startswith", "a'b")]),
        (
            "eventTimestamp ge 2026-01-01T00:00:00Z and eventTimestamp le '2026-01-02'",
            [("eventtimestamp", "ge", "2026-01-01T00:00:00Z"), ("eventtimestamp", "le", "2026-01-02")],
        ),
    ],
)
def test_filters(text: str | None, wanted: list[tuple[str, str, str]]) -> None:
    assert filters.parse(text) == [Condition(*each) for each in wanted]


@pytest.mark.parametrize(
    "text",
    [
        "a eq",
        "a eq 'x",
        "a or b",
        "a eq 'x' or b eq 'y'",
        "(a eq 'x')",
        "not a eq 'x'",
        "startswith(a,b,'x')",
        "startswith(a,'x'",
        "a eq 'x' and",
        "x" * 3000,
        " and ".join(["a eq 'b'"] * 17),
    ],
)
def test_filters_that_are_none(text: str) -> None:
    with pytest.raises(Fault, match="InvalidParameter"):
        filters.parse(text)


@given(st.text(alphabet="ab '()eqand", max_size=80))
def test_any_filter_ends(text: str) -> None:
    try:
        filters.parse(text)
    except Fault as fault:
        assert fault.code == "InvalidParameter"


@pytest.mark.parametrize("check", [paging.size])
def test_page_sizes(check: Callable[[str | None], int]) -> None:
    assert (check(None), check("1"), check("999999")) == (paging.PAGE_DEFAULT, 1, paging.PAGE_LIMIT)
    for wrong in ("0", "-1", "1.5", "", "٣", "9" * 5000):
        with pytest.raises(Fault):
            check(wrong)
