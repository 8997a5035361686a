"""The files of who signed in: private, whole, and gone when they should be."""

from __future__ import annotations

import multiprocessing
import os
import time
from pathlib import Path

import msgspec
import pytest

from outofband.client import account as accounts
from outofband.client.account import Account
from outofband.client.profile import PersonProfile, load_profile
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private

PROFILE = PersonProfile(
    arm="https://oob.example:8443",
    gateway="wss://oob.example:8444",
    ca_file=Path("/nowhere/trust.pem"),
    tenant_id="t",
    subscription_id="s",
    resource_group="g",
    client_id="c",
    resource="https://oob.example:8443",
    object_id="o",
    name="ada@outofband.local",
    display_name="Ada",
)
OTHER = msgspec.structs.replace(PROFILE, object_id="p", name="bob@outofband.local")


@pytest.fixture
def account(tmp_path: Path) -> Account:
    made = Account(StateDir(tmp_path / "state"))
    with made.locked():
        made.keep(PROFILE, "pem", "refresh-0")
    return made


def test_everything_is_private_and_nothing_is_left(account: Account, tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    account.access_token(PROFILE).put("access", 1e10)
    made = [state.root, *state.root.rglob("*")]
    assert [path for path in made if path.stat().st_mode & 0o077] == []
    assert load_profile(state) == PROFILE
    with account.locked():
        account.remove()
        account.remove()
    assert not state.account.exists()
    assert account.profile is None


def test_a_person_goes_before_the_hosts_own_client(account: Account, tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    local = {
        "arm": "https://127.0.0.1:1",
        "gateway": "wss://127.0.0.1:2",
        "caFile": "/nowhere/trust.pem",
        "tenantId": "t",
        "subscriptionId": "s",
        "resourceGroup": "g",
        "clientId": "local",
        "clientSecretFile": "/nowhere/secret",
    }
    write_private(state.profile, msgspec.json.encode(local))
    found = load_profile(state)
    assert (found.who, found.signed_in) == (
        "ada@outofband.local",
        "ada@outofband.local at https://oob.example:8443",
    )
    with account.locked():
        account.remove()
    found = load_profile(state)
    assert (found.who, found.signed_in) == ("client local", "")


def test_a_refresh_token_is_given_to_its_owner_only(account: Account) -> None:
    assert account.refresh_token(PROFILE) == "refresh-0"
    assert account.refresh_token(OTHER) is None
    elsewhere = msgspec.structs.replace(PROFILE, arm="https://evil.example:8443")
    assert account.refresh_token(elsewhere) is None
    with account.locked():
        account.keep(OTHER, "pem", "refresh-9")
    assert account.refresh_token(PROFILE) is None
    assert account.refresh_token(OTHER) == "refresh-9"


def test_a_torn_write_signs_nobody_in(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed after the new tokens and before the new profile: the old profile must not send them anywhere."""

    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Account, "_write_profile", killed)
    with account.locked(), pytest.raises(KeyboardInterrupt):
        account.keep(OTHER, "pem", "refresh-9")
    assert Account(StateDir(tmp_path / "state")).profile is None


def _killed_while_it_writes(root: Path) -> None:
    Path.replace = lambda *_: os._exit(0)  # type: ignore[assignment, method-assign, return-value]
    account = Account(StateDir(root))
    with account.locked():
        account.replace_refresh_token(PROFILE, "refresh-1")


def test_what_a_killed_writer_left_is_in_nobodys_way(account: Account, tmp_path: Path) -> None:
    state = StateDir(tmp_path / "state")
    writer = multiprocessing.get_context("spawn").Process(target=_killed_while_it_writes, args=(state.root,))
    writer.start()
    writer.join()
    assert len(list(state.account.glob(".refresh-token.*"))) == 1
    with account.locked():
        account.keep(OTHER, "pem", "refresh-9")
        assert account.refresh_token(OTHER) == "refresh-9"
        account.remove()
    assert not state.account.exists()


@pytest.mark.parametrize("name", ["profile.json", "refresh-token"])
def test_what_others_can_read_is_not_used(account: Account, tmp_path: Path, name: str) -> None:
    (tmp_path / "state" / "client" / "account" / name).chmod(0o644)
    if name == "profile.json":
        with pytest.raises(Fault, match="StateUnsafe"):
            _ = account.profile
    else:
        assert account.refresh_token(PROFILE) is None


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file where the folder should be")
    with pytest.raises(Fault) as raised, Account(StateDir(tmp_path / "state")).locked():
        pass
    assert raised.value.code == "StateNotWritable"


def _hold(root: Path, until: float) -> None:
    with Account(StateDir(root)).locked():
        time.sleep(until)


def test_one_at_a_time_and_not_for_ever(
    account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("spawn")
    holder = context.Process(target=_hold, args=(tmp_path / "state", 60.0))
    holder.start()
    lock = tmp_path / "state" / "client" / "account.lock"
    try:
        deadline = time.monotonic() + 30
        while not _is_held(lock):
            assert time.monotonic() < deadline
            time.sleep(0.01)
        monkeypatch.setattr(accounts, "LOCK_SECONDS", 0.1)
        with pytest.raises(Fault) as raised, account.locked():
            pass
        assert raised.value.code == "AnotherSignsIn"
    finally:
        holder.kill()
        holder.join()
    # The kernel drops the lock with its process.
    with account.locked():
        pass


def _is_held(lock: Path) -> bool:
    import fcntl

    with lock.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        return False
