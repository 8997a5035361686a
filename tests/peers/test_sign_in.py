"""A person signs in from another host: device code, page, and then every verb in that person's name."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.core.paths import StateDir
from outofband.net import tls
from tests.peers.forms import Forms
from tests.peers.house import COMMAND_SECONDS, OOB, House
from tests.support.terminal import Terminal

ADMIN = "admin@outofband.local"
PASSWORD = "slow-heron-ladder-7"
CODE = re.compile(rb"\n  ([A-Z]{4}-[A-Z]{4})\r")
PAGE = re.compile(r"https://\S+/device")


class Elsewhere:
    """A state directory of somebody on another host, who knows the address and the fingerprint."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.state = StateDir(Path(tempfile.mkdtemp(prefix="oob-elsewhere-")) / "state")
        self.address = f"https://127.0.0.1:{house.arm_port}"
        self.env = {**os.environ, "OOB_STATE": str(self.state.root), "NO_COLOR": "1"}

    def oob(self, *words: str, expect: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [*OOB, *words], env=self.env, capture_output=True, text=True, timeout=COMMAND_SECONDS, check=False
        )
        assert done.returncode == expect, (words, done.returncode, done.stdout, done.stderr)
        return done

    def json(self, *words: str) -> Any:
        return json.loads(self.oob(*words, "-o", "json").stdout)

    def error(self, *words: str, expect: int) -> Any:
        return json.loads(self.oob(*words, "-o", "json", expect=expect).stderr.splitlines()[-1])["error"]

    def login(self, name: str, password: str, change: str | None = None) -> None:
        """`oob login` in a terminal, and the device page in a browser beside it."""
        fingerprint = self.house.json("trust")["fingerprint"]
        words = ("login", self.address, "--fingerprint", fingerprint, "--no-browser")
        with Terminal([*OOB, *words], self.env) as seat:
            self.follow(seat, name, password, change)
            seat.expect(rb"Signed in as " + name.encode())
            assert seat.wait() == 0

    def follow(self, seat: Terminal, name: str, password: str, change: str | None) -> None:
        """Do what `oob login` says, in a browser; with `change` the password has to be changed on the way."""
        page = PAGE.search(seat.expect(rb"and type this code.*\n").decode())
        code = CODE.search(seat.expect(CODE.pattern))
        assert page is not None
        assert code is not None
        with Forms(self.address, tls.client_context(StateDir(self.house.root).trust)) as browser:
            browser.open(page[0])
            browser.press("Continue", code=code[1].decode().lower())
            browser.press("Sign in", name=name, password=password)
            if change is not None:
                browser.press("Change password", current=password, new=change, again=change)
            assert "oob command line" in browser.page
            browser.press("Allow")

    def close(self) -> None:
        shutil.rmtree(self.state.root.parent, ignore_errors=True)


@pytest.fixture(scope="module")
def admin(house: House) -> Iterator[Elsewhere]:
    """The administrator, who got a password on the host itself and signed in from elsewhere."""
    made = Elsewhere(house)
    try:
        made.login("admin", house.json("identity", "recover")["password"], PASSWORD)
        yield made
    finally:
        made.close()


def test_every_verb_works_in_the_persons_name(house: House, admin: Elsewhere) -> None:
    status = admin.json("status")
    assert status["signedIn"] == {"kind": "person", "name": ADMIN}
    assert status["ready"] is True
    assert status["gateway"] == house.profile()["gateway"]
    assert [vm["name"] for vm in admin.json("vm", "list")] == ["demo"]
    assert "NMI" in admin.json("serial", "send", "demo", "nmi")["observed"]
    with Terminal([*OOB, "console", "demo", "--replay", "0"], admin.env) as seat:
        seat.expect(rb"you have the keyboard")
        with Terminal([*OOB, "console", "demo", "--observe"], house.env) as watcher:
            watcher.expect(rb"watching demo; " + ADMIN.encode() + rb" types")
            seat.send(b"\x1dq")
            assert seat.wait() == 0
    assert admin.error("vm", "show", "nope", expect=3)["signedIn"] == f"{ADMIN} at {admin.address}"
    loose = [path for path in admin.state.root.rglob("*") if path.stat().st_mode & 0o077]
    assert loose == []


def test_many_at_once_renew_without_losing_the_sign_in(admin: Elsewhere) -> None:
    refresh = admin.state.account / "refresh-token"
    before = refresh.read_bytes()
    (admin.state.account / "token.json").unlink()
    several = [subprocess.Popen([*OOB, "vm", "list"], env=admin.env, stdout=-1, stderr=-1) for _ in range(5)]
    for each in several:
        out, err = each.communicate(timeout=COMMAND_SECONDS)
        assert each.returncode == 0, (out, err)
    assert refresh.read_bytes() != before


def test_a_killed_command_leaves_a_sign_in_that_works_or_says_why(admin: Elsewhere) -> None:
    """SIGKILL at any moment of a renewal: at worst the person has to sign in again, and is told so."""
    for milliseconds in range(300, 800, 100):
        (admin.state.account / "token.json").unlink(missing_ok=True)
        child = subprocess.Popen([*OOB, "vm", "list"], env=admin.env, stdout=-1, stderr=-1)
        try:
            child.communicate(timeout=milliseconds / 1000)
        except subprocess.TimeoutExpired:
            child.send_signal(signal.SIGKILL)
            child.communicate()
        done = subprocess.run(
            [*OOB, "vm", "list", "-o", "json"], env=admin.env, capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            assert json.loads(done.stderr)["error"]["code"] == "SignInEnded"
            admin.login("admin", PASSWORD)


def test_who_is_disabled_is_out_at_once(house: House, admin: Elsewhere) -> None:
    made = admin.json("identity", "user", "add", "ada", "--role", "Reader")
    ada = Elsewhere(house)
    try:
        ada.login("ada", made["passwordProfile"]["password"], "quiet-barge-thimble-3")
        assert ada.json("vm", "list")[0]["name"] == "demo"
        assert ada.error("vm", "stop", "demo", expect=4)["code"] == "AuthorizationFailed"
        admin.oob("identity", "user", "disable", "ada")
        assert ada.error("vm", "list", expect=4)["code"] == "SignInEnded"
    finally:
        ada.close()


def test_a_new_password_ends_what_was_before(house: House, admin: Elsewhere) -> None:
    assert house.json("identity", "recover", "--user", "admin")["sessions"] >= 1
    said = admin.error("vm", "list", expect=4)
    assert (said["code"], said["signedIn"]) == ("SignInEnded", f"{ADMIN} at {admin.address}")


def test_on_the_host_itself_login_and_logout_switch(house: House, admin: Elsewhere) -> None:
    made = house.json("identity", "recover")
    with Terminal([*OOB, "login", "--no-browser"], {**house.env, "NO_COLOR": "1"}) as seat:
        admin.follow(seat, "admin", made["password"], PASSWORD)
        seat.expect(rb"This host has a client of its own")
        assert seat.wait() == 0
    assert house.json("status")["signedIn"]["kind"] == "person"
    assert "Everything ran already" in house.up().stdout, "as the local client all the same"
    kept = json.loads((StateDir(house.root).account / "token.json").read_bytes())["token"]
    assert _asked_with(house, kept) == 200
    house.oob("logout")
    assert house.json("status")["signedIn"]["kind"] == "client"
    assert _asked_with(house, kept) == 401, "it is not only forgotten here"
    assert house.error("logout", expect=5)["code"] == "NotSignedIn"


def _asked_with(house: House, token: str) -> int:
    """What Resource Manager answers to an access token."""
    context = tls.client_context(StateDir(house.root).trust)
    address = f"https://127.0.0.1:{house.arm_port}/subscriptions?api-version=2024-11-01"
    with httpx.Client(verify=context, trust_env=False, timeout=60) as client:
        return client.get(address, headers={"Authorization": f"Bearer {token}"}).status_code
