"""Every key changes while people work: requests, a console and an agent's link, and none of them notices."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from outofband.net import tls
from outofband.net.trust import fingerprints
from tests.peers.house import OOB, House, until
from tests.peers.test_nothing_is_lost import Watcher, attached, run_in_guest, whole

pytestmark = pytest.mark.exact
LINES = 2500
"""Numbered lines of the guest, which prints some 30 a second: longer than what is changed here takes."""
TWO_DAYS = 2 * 24 * 3600 * 1_000_000


class Load:
    """Somebody who works all the time: a new token now and then, on kept and on fresh connections, with the
    authorities pinned at the start and never again.
    """

    def __init__(self, house: House) -> None:
        self._profile = house.profile()
        self._secret = Path(self._profile["clientSecretFile"]).read_text().strip()
        self._context = tls.client_context(Path(self._profile["caFile"]))
        self._over = threading.Event()
        self.done = 0
        self.failed: list[str] = []
        self.kids: set[str] = set()
        self.tokens: list[str] = []
        self._threads = [threading.Thread(target=self._work, args=(kept,)) for kept in (True, False)]
        for each in self._threads:
            each.start()

    def _work(self, kept: bool) -> None:
        client = self._client()
        token = ""
        turn = 0
        while not self._over.wait(0.02):
            turn += 1
            try:
                if turn % 10 == 1:
                    token = self._token(client)
                answer = self.ask(token, client)
                if answer.status_code != 200:
                    self.failed.append(f"{answer.status_code} {answer.text[:300]}")
                self.done += 1
            except httpx.HTTPError as error:
                self.failed.append(f"{type(error).__name__}: {error}")
            if not kept:
                client.close()
                client = self._client()
        client.close()

    def ask(self, token: str, client: httpx.Client | None = None) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        if client is not None:
            return client.get("/subscriptions?api-version=2022-12-01", headers=headers)
        with self._client() as fresh:
            return self.ask(token, fresh)

    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self._profile["arm"], verify=self._context, trust_env=False, timeout=60)

    def _token(self, client: httpx.Client) -> str:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._profile["clientId"],
            "client_secret": self._secret,
            "scope": f"{self._profile['arm']}/.default",
        }
        answer = client.post(f"/{self._profile['tenantId']}/oauth2/v2.0/token", data=form)
        token = str(answer.json()["access_token"])
        self.kids.add(str(_head(token)["kid"]))
        self.tokens.append(token)
        return token

    def close(self) -> None:
        self._over.set()
        for each in self._threads:
            each.join(30)


def _head(token: str) -> dict[str, Any]:
    import base64

    part = token.partition(".")[0]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


@pytest.fixture
def load(house: House) -> Iterator[Load]:
    made = Load(house)
    yield made
    made.close()


def served(house: House) -> str:
    """The certificate that a new handshake with the API gets, PEM."""
    import ssl

    return ssl.get_server_certificate(("127.0.0.1", house.arm_port))


def log_of(house: House, name: str) -> str:
    return (house.root / "log" / f"{name}.log").read_text(errors="replace")


def age_keys(house: House) -> None:
    """As if the next keys had been published two days ago."""
    with sqlite3.connect(house.root / "control" / "control.db", timeout=10) as database:
        database.execute("UPDATE signing_keys SET created = created - ?", (TWO_DAYS,))
    database.close()


def secrets_of(house: House) -> list[Any]:
    with sqlite3.connect(house.root / "control" / "control.db", timeout=10) as database:
        rows = database.execute(
            "SELECT kid, private, wrap, expires FROM signing_keys ORDER BY kid"
        ).fetchall()
    database.close()
    return rows


def pinned(house: House) -> set[str]:
    """Whom the agent trusts."""
    identity = json.loads((house.root / "agent" / "identity.json").read_bytes())
    return set(fingerprints(identity["trust"]))


def flows(watcher: Watcher) -> None:
    """The console goes on."""
    seen = len(watcher.numbers())
    until("lines flow", lambda: len(watcher.numbers()) > seen, 60)


@pytest.mark.soak
def test_every_key_changes_under_load(house: House, load: Load) -> None:
    watcher = Watcher(house)
    try:
        until("the watcher is attached", lambda: attached(house))
        down = log_of(house, "agent").count("link.down")
        run_in_guest(house, b"numbers %d 0.01" % LINES)

        # Signing keys: the next one signs at once, tokens of the one before stay good.
        age_keys(house)
        before = set(load.kids)
        told = house.json("keys", "rotate-signing")
        coming = next(each["kid"] for each in told if each["use"] == "token")
        until("the next key signs", lambda: coming in load.kids, 30)
        old = next(token for token in load.tokens if _head(token)["kid"] in before)
        assert load.ask(old).status_code == 200

        # The authority: what was next signs, another next one is made and told to the agent.
        first = served(house)
        known = set(fingerprints((house.root / "control" / "pki" / "trust.pem").read_text()))
        done = house.json("ca", "rotate", "--yes")
        assert done["current"]["fingerprint"] in known
        assert done["next"]["fingerprint"] not in known
        until("the new certificate is served", lambda: served(house) != first, 30)
        until("the agent pins the new pair", lambda: done["next"]["fingerprint"] in pinned(house), 30)

        flows(watcher)

        # The certificate alone.
        second = served(house)
        (house.root / "control" / "pki" / "server.pem").unlink()
        until("another certificate is served", lambda: served(house) != second, 30)

        flows(watcher)

        # The master key.
        held = house.json("keys", "status")
        moved = house.json("keys", "rotate-master")
        assert moved["current"] != held["master"][0]["id"]
        after = house.json("keys", "status")
        assert [(each["id"], each["state"]) for each in after["master"]] == [
            (moved["current"], "current"),
            (held["master"][0]["id"], "older"),
        ]
        assert (after["master"][1]["secrets"], after["clear"]) == (0, 0)
        assert house.json("keys", "rotate-master", "--drop-old")["dropped"] == [held["master"][0]["id"]]

        # A console that is opened now goes through new keys for its ticket and its grant.
        late = Watcher(house, replay=1000)
        until("a late watcher sees lines", lambda: late.numbers(), 60)
        late.close()

        flows(watcher)
        until("all lines came", lambda: LINES in watcher.numbers()[-3:], 300)
        whole(watcher, LINES)
        assert watcher.process.poll() is None
        assert load.done > 200
        assert load.failed == []
        assert log_of(house, "agent").count("link.down") == down
    finally:
        watcher.close()


def test_a_revoked_key_is_refused_at_once_and_clients_go_on(house: House, load: Load) -> None:
    until("there are tokens", lambda: load.tokens, 30)
    load.close()
    token = load.tokens[-1]
    assert load.ask(token).status_code == 200
    kid = str(_head(token)["kid"])
    told = house.json("keys", "revoke", kid, "--yes")
    assert told["revoked"] == kid
    until("it is refused", lambda: load.ask(token).status_code == 401, 30)
    published = httpx.get(
        f"{house.profile()['arm']}/{house.profile()['tenantId']}/discovery/v2.0/keys",
        verify=tls.client_context(Path(house.profile()["caFile"])),
        trust_env=False,
        timeout=60,
    ).json()
    assert kid not in {each["kid"] for each in published["keys"]}
    # `oob` has a token by that key, and fetches another by itself.
    assert house.json("vm", "list")
    assert house.error("keys", "revoke", kid, "--yes", expect=3)["code"] == "KeyUnknown"


def test_a_rotation_that_is_killed_is_gone_on_with(house: House) -> None:
    """kill -9 of `oob keys rotate-master` at many moments, beside a control plane; then to its end."""
    for delay in (0.4, 0.7, 1.0, 1.3, 1.8):
        running = subprocess.Popen(
            [*OOB, "keys", "rotate-master"],
            env=house.env,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(delay)  # not a wait for anything: the moment of the kill
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
        house.json("vm", "list")
    moved = house.json("keys", "rotate-master")
    after = house.json("keys", "status")
    assert {each["id"] for each in after["master"] if each["secrets"]} == {moved["current"]}
    house.kill("control")
    house.up("--no-demo")
    assert house.json("vm", "list")


def test_a_lost_master_key_is_told_and_nothing_is_overwritten(house: House) -> None:
    key = house.root / "control" / "vault.key"
    kept = key.read_bytes()
    house.kill("control")
    before = secrets_of(house)
    key.unlink()
    error = house.error("up", "--no-demo", expect=8)
    assert error["code"] == "VaultKeyMissing"
    assert str(key) in error["message"] and error["remedy"]
    assert not key.exists()
    key.write_text("ab" * 32)
    assert house.error("up", "--no-demo", expect=8)["code"] == "VaultKeyWrong"
    status = house.json("keys", "status")
    assert {each["state"] for each in status["master"]} == {"current", "missing"}
    assert secrets_of(house) == before
    key.write_bytes(kept)
    house.up("--no-demo")
    assert house.json("vm", "list")
