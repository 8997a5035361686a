"""What the endpoint for managed identity answers to, and what it does not look at."""

from __future__ import annotations

import pytest

from outofband.wire.managed_identity import Ask, Form, Refusal, answer, read

ARC = "/metadata/identity/oauth2/token?api-version=2020-06-01&resource=https%3A%2F%2Farm.example%2F"
APP = "/msi/token?api-version=2019-08-01&resource=https://arm.example"
HOST, META = ("host", "localhost:40342"), ("metadata", "true")
ME = "11111111-2222-4333-8444-555555555555"


def test_the_arc_form() -> None:
    assert read("GET", ARC, [HOST, META], identity=ME) == Ask(Form.ARC, "https://arm.example/", "")
    proven = read("GET", ARC, [("host", "127.0.0.1"), META, ("authorization", "Basic abc")], identity=ME)
    assert proven == Ask(Form.ARC, "https://arm.example/", "abc")
    assert "abc" not in repr(proven)


def test_both_families_and_who_asks() -> None:
    asked = read("GET", ARC, [("host", "[::1]:40342"), META], identity=ME)
    assert isinstance(asked, Ask) and (asked.fresh, asked.client) == (False, "")
    fields = [HOST, META, ("client-id", "azsdk\tpython\x1b[31m" + "x" * 100)]
    asked = read("GET", f"{ARC}&bypass_cache=true", fields, identity=ME)
    assert isinstance(asked, Ask) and asked.fresh
    assert asked.client.startswith("azsdkpython[31mxxx") and len(asked.client) == 64


def test_the_app_service_form() -> None:
    asked = read("GET", APP, [HOST, ("x-identity-header", "s")], identity=ME)
    assert asked == Ask(Form.APP, "https://arm.example", "s")
    # MSAL names its own identity's id in no request, azure-identity may.
    assert isinstance(read("GET", f"{ARC}&client_id={ME}", [HOST, META], identity=ME), Ask)


@pytest.mark.parametrize(
    ("method", "target", "fields", "status"),
    [
        ("POST", ARC, [HOST, META], 405),
        ("GET", "/metadata/instance?api-version=2021-02-01", [HOST, META], 404),
        ("GET", "http://localhost/msi/token", [HOST, META], 404),
        ("GET", ARC, [HOST], 400),
        ("GET", ARC, [HOST, ("metadata", "false")], 400),
        ("GET", ARC, [META], 400),
        ("GET", ARC, [HOST, HOST, META], 400),
        ("GET", ARC, [("host", "evil.example"), META], 400),
        ("GET", ARC, [("host", "[::1"), META], 400),
        ("GET", ARC, [("host", "::1"), META], 400),
        ("GET", ARC, [("host", "localhost.evil.example"), META], 400),
        ("GET", ARC, [HOST, META, ("x-forwarded-for", "192.0.2.1")], 400),
        ("GET", ARC, [HOST, META, ("via", "1.1 proxy")], 400),
        ("GET", ARC, [HOST, META, ("authorization", "Bearer x")], 400),
        ("GET", ARC.replace("api-version", "version"), [HOST, META], 400),
        ("GET", ARC.partition("&")[0], [HOST, META], 400),
        ("GET", ARC.partition("&")[0] + "&resource=%00", [HOST, META], 400),
        ("GET", ARC + "&resource=again", [HOST, META], 400),
        ("GET", ARC + "&client_id=other", [HOST, META], 400),
        ("GET", ARC + "&msi_res_id=/subscriptions/s", [HOST, META], 400),
        ("GET", ARC + "".join(f"&a{number}=1" for number in range(20)), [HOST, META], 400),
        ("GET", APP, [HOST, META], 400),
    ],
)
def test_what_is_not_answered(method: str, target: str, fields: list[tuple[str, str]], status: int) -> None:
    refused = read(method, target, fields, identity=ME)
    assert isinstance(refused, Refusal), refused
    assert refused.status == status
    assert refused.body()["error_description"]


def test_the_answer_is_text() -> None:
    told = answer({"access_token": "t", "expires_in": 3599.7}, "https://arm.example/", ME, 1000.9)
    assert told["expires_in"] == "3599" and told["expires_on"] == "4599"
    assert (told["client_id"], told["resource"], told["token_type"]) == (ME, "https://arm.example/", "Bearer")
    assert all(isinstance(each, str) for each in told.values())
