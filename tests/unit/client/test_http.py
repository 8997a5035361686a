"""The Resource Manager client against a scripted server: tokens, pages, operations, and every odd answer."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import pytest
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from outofband.client import background, http
from outofband.client.credentials import Secret
from outofband.client.faults import RemoteFault, explained
from outofband.client.http import ArmClient
from outofband.client.tokens import TokenCache
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.identity.pki import Pki
from tests.support.wait import promised
from tests.unit.client.far import VM, Far, refusal

pytestmark = pytest.mark.anyio
T = TypeVar("T")
OPERATION = "/subscriptions/s/providers/X/locations/local/operations/1?api-version=2024-11-01"


async def ask(far: Far, use: Callable[[ArmClient], T], **more: Any) -> T:
    """Use a client as a command does: blocking, in a thread beside the server."""

    def work() -> T:
        with far.client(**more) as client:
            return use(client)

    return await background.call(work)


async def refused(far: Far, use: Callable[[ArmClient], Any], **more: Any) -> Fault:
    with pytest.raises(Fault) as raised:
        await ask(far, use, **more)
    return raised.value


def operation(far: Far, status: int = 202, **headers: str) -> Response:
    return Response(status_code=status, headers={"Azure-AsyncOperation": far.base + OPERATION, **headers})


def state(status: str, **more: Any) -> Response:
    return JSONResponse({"status": status, **more}, headers={"Retry-After": "0"})


async def test_one_sign_in_serves_many_requests_and_the_next_command(far: Far) -> None:
    far.answers += [JSONResponse({"name": "demo"}) for _ in range(3)]
    assert await ask(far, lambda client: [client.get(VM)["name"] for _ in range(2)]) == ["demo", "demo"]
    await ask(far, lambda client: client.get(VM))
    assert far.tokens == 1
    assert (far.folder / "token.json").stat().st_mode & 0o777 == 0o600


async def test_a_refused_token_is_replaced_once(far: Far) -> None:
    seen: list[str | None] = []

    async def look(request: Request) -> Response:
        seen.append(request.headers.get("authorization"))
        return JSONResponse({"name": "demo"})

    far.answers += [refusal(Fault("InvalidAuthenticationToken", detail="old key")), look]
    assert (await ask(far, lambda client: client.get(VM)))["name"] == "demo"
    assert seen == ["Bearer token-2"]
    far.answers += [refusal(Fault("InvalidAuthenticationToken", detail="always")) for _ in range(2)]
    assert (await refused(far, lambda client: client.get(VM))).code == "InvalidAuthenticationToken"
    assert not far.answers, "two attempts, no more"


async def test_a_wrong_secret_and_an_authority_in_trouble_are_told_apart(far: Far) -> None:
    words = "AADSTS7000215: Invalid client secret is provided. Trace ID: 1"
    far.token_answers.append(
        JSONResponse({"error": "invalid_client", "error_description": words}, status_code=401)
    )
    fault = await refused(far, lambda client: client.get(VM))
    assert fault.code == "SignInFailed"
    assert fault.fields["detail"] == "AADSTS7000215: Invalid client secret is provided."
    far.token_answers.append(refusal(Fault("StoreBusy")))
    fault = await refused(far, lambda client: client.get(VM))
    assert (fault.code, explained(fault).retry) == ("StoreBusy", True)
    far.token_answers.append(JSONResponse({"nothing": "here"}))
    assert (await refused(far, lambda client: client.get(VM))).code == "UnexpectedAnswer"


async def test_a_refusal_keeps_the_servers_words_and_its_request_id(far: Far) -> None:
    fault = Fault("VmNotRunning", vm="demo", power="stopped")
    far.answers.append(refusal(fault, **{"x-ms-request-id": "r-1"}))
    found = await refused(far, lambda client: client.post(f"{VM}/start"))
    assert isinstance(found, RemoteFault)
    assert (found.code, found.fields, found.request_id) == ("VmNotRunning", fault.fields, "r-1")
    words = explained(found)
    assert "'stopped'" in words.message
    assert words.remedy == ["Start it: `oob vm start demo`."]
    assert (words.status, words.exit, words.action) == (409, 5, "start-vm")


async def test_a_code_nobody_knows_still_has_its_message(far: Far) -> None:
    far.answers.append(JSONResponse({"error": {"code": "Novel", "message": "new here"}}, status_code=418))
    words = explained(await refused(far, lambda client: client.get(VM)))
    assert (words.code, words.message, words.status, words.exit) == ("Novel", "new here", 418, 1)


@pytest.mark.parametrize(
    "answer",
    [
        PlainTextResponse("<html>Bad Gateway</html>", status_code=502),
        Response(status_code=404),
        PlainTextResponse("not json"),
        Response(b'{"name": "\xae"}'),
        Response(b'{"error": "\xae"}', status_code=500),
        Response(b"[" * 20_000),
        Response(status_code=307, headers={"Location": "https://elsewhere.invalid/"}),
    ],
)
async def test_what_is_no_answer_of_ours_is_unexpected(far: Far, answer: Response) -> None:
    far.answers.append(answer)
    fault = await refused(far, lambda client: client.get(VM))
    assert fault.code == "UnexpectedAnswer"
    assert fault.fields["status"] == answer.status_code
    assert fault.fields["detail"]


async def test_pages_are_followed(far: Far) -> None:
    link = f"{far.base}/more?api-version=2024-11-01&$skiptoken=2"
    far.answers += [
        JSONResponse({"value": [1, 2], "nextLink": link}),
        JSONResponse({"value": [3], "nextLink": None}),
    ]
    assert await ask(far, lambda client: list(client.list("/things"))) == [1, 2, 3]
    assert [path for _, path, _ in far.asked] == ["/things", "/more"]


async def test_an_operation_is_followed_to_its_output(far: Far) -> None:
    done = state("Succeeded", properties={"output": {"observed": "it runs"}})
    far.answers += [operation(far), state("InProgress"), state("InProgress"), done]
    told: list[str] = []
    body = await ask(
        far, lambda client: client.put(VM, {"a": 1}, progress=lambda status, _: told.append(status))
    )
    assert body["properties"]["output"]["observed"] == "it runs"
    assert told == ["InProgress", "InProgress", "Succeeded"]
    assert far.asked[0] == ("PUT", VM, {"a": 1})


async def test_a_failed_operation_is_a_fault_with_its_own_status(far: Far) -> None:
    inner = {"code": "VmStopTimeout", "message": "it still runs"}
    far.answers += [operation(far), state("Failed", error=inner)]
    words = explained(await refused(far, lambda client: client.post(f"{VM}/powerOff")))
    assert (words.code, words.message, words.status, words.exit) == ("VmStopTimeout", "it still runs", 409, 5)
    far.answers += [operation(far), state("Canceled")]
    assert (await refused(far, lambda client: client.delete(VM))).code == "Canceled"


async def test_an_operation_outlives_a_restart_of_the_control_plane(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http, "POLL_MOST_SECONDS", 0.01)
    far.answers += [
        operation(far),
        refusal(Fault("StoreBusy")),
        refusal(Fault("ControlPlaneStopping")),
        state("Succeeded"),
    ]
    told: list[str] = []
    await ask(far, lambda client: client.put(VM, {}, progress=lambda status, _: told.append(status)))
    assert told == ["no answer", "no answer", "Succeeded"]


async def test_patience_with_a_poll_ends(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "POLL_MOST_SECONDS", 0.01)
    monkeypatch.setattr(http, "PATIENCE_SECONDS", 0.05)
    far.answers += [operation(far)] + [refusal(Fault("StoreBusy")) for _ in range(100)]
    assert (await refused(far, lambda client: client.put(VM, {}))).code == "StoreBusy"


async def test_an_operation_that_never_ends_is_left(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "POLL_LIMIT_SECONDS", 0.05)
    far.answers += [operation(far)] + [state("InProgress") for _ in range(100)]
    fault = await refused(far, lambda client: client.put(VM, {}))
    assert (fault.code, fault.fields["status"]) == ("OperationSlow", "InProgress")


async def test_a_date_to_wait_for_is_taken_as_a_moment(far: Far) -> None:
    date = {"Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT"}
    far.answers += [
        operation(far),
        JSONResponse({"status": "InProgress"}, headers=date),
        state("Succeeded"),
    ]
    began = clock.monotonic()
    await ask(far, lambda client: client.put(VM, {}))
    assert clock.monotonic() - began < promised(1.5)


async def test_nobody_there_and_somebody_else_there(far: Far, tmp_path: Path) -> None:
    other = Pki.open(tmp_path / "other", [], clock.now())
    fault = await refused(far, lambda client: client.get(VM), trust=other.trust)
    assert (fault.code, fault.fields["url"]) == ("CertificateNotTrusted", far.base)

    class Gone(Far):
        base = "https://127.0.0.1:1"

        def __init__(self) -> None:
            self.folder, self.pki, self._console_port = far.folder, far.pki, 1

    fault = await refused(Gone(), lambda client: client.get(VM))
    assert (fault.code, explained(fault).retry) == ("ControlPlaneUnreachable", True)
    assert "refused" in fault.fields["detail"]


async def test_a_trust_file_that_is_none_is_named(far: Far, tmp_path: Path) -> None:
    for content in ("", "hello"):
        (tmp_path / "trust.pem").write_text(content)
        fault = await refused(far, lambda client: client.get(VM), trust=tmp_path / "trust.pem")
        assert fault.code == "ProfileInvalid"
        assert "trust.pem" in str(fault)
    assert (await refused(far, lambda client: client.get(VM), trust=tmp_path / "no")).code == "ProfileInvalid"


async def test_the_trace_shows_no_secret(far: Far) -> None:
    far.answers.append(JSONResponse({}))
    lines: list[str] = []

    def use(_: ArmClient) -> None:
        profile = far.profile()
        credentials = Secret(profile, TokenCache(far.folder / "other.json", "me"))
        with ArmClient(profile, credentials, trace=lines.append) as client:
            client.get(VM)

    await ask(far, use)
    assert len(lines) == 2
    assert f"GET {far.base}{VM}" in lines[1]
    assert "200 in" in lines[1]
    assert not any("hush" in line or "token-1" in line for line in lines)


async def test_the_hosts_proxy_is_used_for_others_only(far: Far, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("NO_PROXY", "")
    far.answers.append(JSONResponse({"name": "demo"}))
    assert (await ask(far, lambda client: client.get(VM)))["name"] == "demo"
