"""`oob login` and `oob logout` as a person sees them: in a terminal, and as a program runs them."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from outofband.cli import main
from outofband.client import background
from outofband.client.account import Account
from outofband.client.meeting import spelled
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from tests.support.terminal import Terminal
from tests.unit.client.far import Far, refusal
from tests.unit.client.person import NAME, device_code, granted, refused, signed_in

pytestmark = pytest.mark.anyio
OOB = [sys.executable, "-m", "outofband.cli"]


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    """Of a machine that has never met a control plane."""
    return StateDir(tmp_path / "elsewhere")


def expect_sign_in(far: Far, *before: Response, **code: Any) -> None:
    """The far side's part of a sign-in that ends well, in a second."""
    far.device_answers.append(device_code(interval=1, **code))
    far.token_answers += [*before, granted(1)]
    far.answers += [
        JSONResponse({"value": [{"subscriptionId": "s", "state": "Enabled"}]}),
        JSONResponse({"value": [{"name": "g"}]}),
    ]


async def oob(state: StateDir, line: str, code: int = 0) -> tuple[str, str]:
    """What a command without a terminal prints, in this process."""

    def run() -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            return main.run([*line.split(), "--state", str(state.root)]), out.getvalue(), err.getvalue()

    ended, out, err = await background.call(run)
    assert ended == code, (line, ended, out, err)
    return out, err


class Person:
    """Somebody at a terminal, in a thread beside the far side."""

    def __init__(self, state: StateDir, line: str, **env: str) -> None:
        words = [*OOB, *line.split(), "--state", str(state.root)]
        self._terminal = Terminal(words, {"DISPLAY": "", "SSH_CONNECTION": "", **env})

    async def sees(self, pattern: str) -> str:
        return (await asyncio.to_thread(self._terminal.expect, pattern.encode())).decode()

    def types(self, keys: bytes) -> None:
        self._terminal.send(keys)

    async def ends(self) -> int:
        return await asyncio.to_thread(self._terminal.wait)

    def close(self) -> None:
        self._terminal.close()


@pytest.fixture
def persons() -> Iterator[list[Person]]:
    there: list[Person] = []
    yield there
    for each in there:
        each.close()


def host_of(far: Far) -> str:
    return far.base.removeprefix("https://")


async def test_the_first_time_at_an_address(far: Far, state: StateDir, persons: list[Person]) -> None:
    expect_sign_in(far, refused("authorization_pending"))
    person = Person(state, f"login {host_of(far)}")
    persons.append(person)
    shown = await person.sees(r"Are they the same\? \[y/N\]: ")
    assert spelled(far.pki.fingerprint) in shown
    assert f"{far.base} is not known here yet" in shown
    assert far.forms == [], "nothing was asked of whom nobody trusts"
    person.types(b"y\n")
    shown = await person.sees("BCDF-GHJK")
    assert "https://oob.example:8443/device" in shown
    assert "15 minutes" in shown
    await person.sees("waiting until you have signed in there")
    await person.sees(f"Signed in as {NAME} at {far.base}")
    await person.sees("resource group g")
    assert await person.ends() == 0
    account = Account(state)
    profile = account.profile
    assert profile is not None
    assert (profile.name, profile.arm, profile.gateway, profile.resource) == (
        NAME,
        far.base,
        far.gateway,
        "https://oob.example:8443",
    )
    assert account.refresh_token(profile) == "refresh-1"
    assert account.trust.read_text() == far.pki.trust.read_text()
    loose = [path for path in state.root.rglob("*") if path.stat().st_mode & 0o077]
    assert loose == []


async def test_a_no_and_a_ctrl_c_leave_nothing(far: Far, state: StateDir, persons: list[Person]) -> None:
    person = Person(state, f"login {far.base}")
    persons.append(person)
    await person.sees(r"\[y/N\]: ")
    person.types(b"\n")
    await person.sees(r"\(AuthorityNotConfirmed\)")
    assert await person.ends() == 4

    far.device_answers.append(device_code())
    person = Person(state, f"login {far.base} --fingerprint {far.pki.fingerprint}")
    persons.append(person)
    await person.sees("waiting until you have signed in there")
    person.types(b"\x03")
    await person.sees(r"\(OperationCanceled\)")
    assert await person.ends() == 130
    assert Account(state).profile is None
    assert [verb for verb, _ in far.forms] == ["devicecode"]


async def test_without_anybody_to_ask(far: Far, state: StateDir) -> None:
    _, err = await oob(state, f"login {far.base} -o json", 4)
    error = json.loads(err)["error"]
    assert error["code"] == "AuthorityNotConfirmed"
    assert spelled(far.pki.fingerprint) in error["message"]
    assert f"oob login {far.base} --fingerprint" in error["remedy"][0]


async def test_a_fingerprint_or_a_file_answers(far: Far, state: StateDir, tmp_path: Path) -> None:
    expect_sign_in(far)
    line = f"login {far.base} --fingerprint {spelled(far.pki.fingerprint)} -o json"
    out, err = await oob(state, line)
    assert json.loads(out) == {
        "signedIn": NAME,
        "arm": far.base,
        "gateway": far.gateway,
        "tenantId": "t",
        "subscriptionId": "s",
        "resourceGroup": "g",
    }
    assert "BCDF-GHJK" in err, "without it nobody could sign in"
    expect_sign_in(far)
    await oob(StateDir(tmp_path / "third"), f"login {far.base} --ca {far.pki.trust} -q")
    said = json.loads((await oob(state, f"login {far.base} --fingerprint {'ab' * 32} -o json", 4))[1])
    assert said["error"]["code"] == "FingerprintWrong"


async def test_again_at_the_same_address_needs_no_question(far: Far, state: StateDir) -> None:
    signed_in(far, state.root)
    expect_sign_in(far)
    out, _ = await oob(state, "login")
    assert out == f"Signed in as {NAME} at {far.base}.\n"
    assert ("revoke", "refresh-0") in [(verb, form.get("token")) for verb, form in far.forms]


async def test_on_the_control_planes_own_host(far: Far, tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    expect_sign_in(far)
    out, _ = await oob(state, "login -o json")
    assert json.loads(out)["signedIn"] == NAME
    far.answers += [JSONResponse({"value": []})] * 2
    status = json.loads((await oob(state, "status -o json", 6))[0])
    assert status["signedIn"] == {"kind": "person", "name": NAME}
    assert status["clientSecretFile"] is None
    assert (await oob(state, "logout"))[0] == f"{NAME} is signed out.\n"
    far.answers += [JSONResponse({"value": []})] * 2
    status = json.loads((await oob(state, "status -o json", 6))[0])
    assert status["signedIn"] == {"kind": "client", "name": "client c"}
    assert status["clientSecretFile"]


async def test_a_failed_sign_in_keeps_the_one_before(far: Far, state: StateDir) -> None:
    signed_in(far, state.root)
    far.device_answers.append(device_code(interval=1))
    far.token_answers.append(refused("authorization_declined"))
    _, err = await oob(state, "login", 4)
    assert "error (SignInDeclined)" in err
    assert Account(state).profile is not None


async def test_who_has_no_role_yet_is_told(far: Far, state: StateDir) -> None:
    far.device_answers.append(device_code(interval=1))
    far.token_answers.append(granted(1))
    far.answers += [JSONResponse({"value": []})] * 2
    out, err = await oob(state, f"login {far.base} --ca {far.pki.trust}")
    assert "Signed in as" in out
    assert "You have no role there yet" in err
    _, err = await oob(state, "vm list", 4)
    assert "error (NothingGranted)" in err


async def test_errors_say_who_is_signed_in(far: Far, state: StateDir) -> None:
    signed_in(far, state.root, access="good")
    far.answers += [refusal(Fault("ResourceNotFound", resource="x", group="g"))] * 2
    _, err = await oob(state, "vm show x", 3)
    assert err.splitlines()[-1] == f"you:    {NAME} at {far.base}"
    _, err = await oob(state, "vm show x -o json", 3)
    assert json.loads(err)["error"]["signedIn"] == f"{NAME} at {far.base}"


async def test_signing_out_where_nobody_answers(far: Far, state: StateDir) -> None:
    signed_in(far, state.root)
    far.revoke_answers.append(refusal(Fault("StoreBusy")))
    out, err = await oob(state, "logout -o json")
    assert json.loads(out) == {"signedOut": NAME}
    assert f"{far.base} could not be told" in err
    assert not state.account.exists()
    _, err = await oob(state, "logout", 5)
    assert "error (NotSignedIn)" in err


async def test_a_sign_in_that_cannot_be_read_is_in_nobodys_way(far: Far, state: StateDir) -> None:
    signed_in(far, state.root)
    (state.account / "profile.json").write_text("{")
    _, err = await oob(state, "vm list", 8)
    assert "error (AccountInvalid)" in err
    assert "`oob logout`" in err
    assert (await oob(state, "logout"))[0] == "whoever it was is signed out.\n"
    assert not state.account.exists()


@pytest.mark.parametrize("more", ["", " --no-browser"])
async def test_a_desktop_opens_the_page(
    far: Far, state: StateDir, persons: list[Person], tmp_path: Path, more: str
) -> None:
    opener = tmp_path / "bin" / "xdg-open"
    opener.parent.mkdir()
    opener.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    opener.chmod(0o755)
    expect_sign_in(far)
    path = f"{opener.parent}{os.pathsep}{os.environ['PATH']}"
    person = Person(state, f"login {far.base} --ca {far.pki.trust}{more}", DISPLAY=":7", PATH=path)
    persons.append(person)
    await person.sees("Signed in as")
    assert await person.ends() == 0
    assert (tmp_path / "opened").exists() == (more == "")


async def test_hostile_words_of_a_server_reach_no_terminal(far: Far, state: StateDir) -> None:
    far.device_answers.append(device_code(interval=1, user_code="A\x1b[2J", verification_uri="file:///x\x07"))
    far.token_answers.append(granted(1, preferred_username="eve\x1b]0;x\x07"))
    far.answers += [JSONResponse({"value": []})]
    out, err = await oob(state, f"login {far.base} --ca {far.pki.trust}")
    assert "\x1b" not in out + err
    assert "\x07" not in out + err
