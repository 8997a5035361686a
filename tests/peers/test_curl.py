"""curl with the very lines of docs/howto/curl.md, and the refusals that only bare requests meet."""

from __future__ import annotations

import json

import pytest

from tests.peers.az import Clients
from tests.peers.az_documents import blocks, with_names
from tests.peers.house import House

EXAMPLE = "https://oob.example:8443"


@pytest.fixture(scope="module")
def shell(house: House, azure: Clients) -> Clients:
    """az is signed in where the document says that it is."""
    (azure.root / ".azure-oob").symlink_to(azure.config)
    return azure


def names(house: House) -> dict[str, str]:
    return {EXAMPLE: house.profile()["arm"]}


def test_the_three_commands_of_azures_documentation(house: House, shell: Clients) -> None:
    trust, status, off, on, _ = blocks("curl.md", "bash")
    ask = status[status.index("curl") :]
    said = shell.bash(with_names("".join([trust, status, off, ask, on, ask]), names(house)))
    answers, at, decoder = [], 0, json.JSONDecoder()
    while said.out[at:].strip():
        at += len(said.out[at:]) - len(said.out[at:].lstrip())
        value, length = decoder.raw_decode(said.out[at:])
        answers.append(value.get("properties", value))
        at += length
    assert [answer["disabled"] for answer in answers] == [False, True, True, False, False]


def test_a_token_without_az(house: House, shell: Clients) -> None:
    profile = house.profile()
    trust, *_, bare = blocks("curl.md", "bash")
    real = names(house) | {
        "TENANT_ID": profile["tenantId"],
        "APP_ID": profile["clientId"],
        "SECRET_FILE": profile["clientSecretFile"],
    }
    assert shell.bash(trust + with_names(bare, real)).out.split() == [profile["subscriptionId"]]


@pytest.mark.parametrize(
    ("header", "path", "code", "status"),
    [
        ("", "/subscriptions?api-version=2022-12-01", "AuthenticationFailed", 401),
        ("Bearer abc", "/subscriptions?api-version=2022-12-01", "InvalidAuthenticationToken", 401),
        ("own", "/subscriptions", "MissingApiVersionParameter", 400),
        ("own", "/subscriptions/{nobody}?api-version=2022-12-01", "SubscriptionNotFound", 404),
    ],
)
def test_bare_requests_are_refused_as_azure_does(
    house: House, shell: Clients, header: str, path: str, code: str, status: int
) -> None:
    arm = house.profile()["arm"]
    token = "$(az account get-access-token --query accessToken --output tsv)"
    sent = f'-H "Authorization: {header.replace("own", f"Bearer {token}")}"' if header else ""
    url = arm + path.replace("{nobody}", "00000000-0000-4000-8000-000000000000")
    out = '-w "\\n%{http_code}"'
    said = shell.bash(f'CURL_CA_BUNDLE=$REQUESTS_CA_BUNDLE curl -s -D headers {out} {sent} "{url}"').out
    body, _, http = said.rpartition("\n")
    assert (json.loads(body)["error"]["code"], int(http)) == (code, status)
    headers = (shell.root / "headers").read_text().lower()
    assert "x-ms-request-id: " in headers
    assert "x-ms-correlation-request-id: " in headers
    assert ("www-authenticate: bearer" in headers) == (status == 401)
