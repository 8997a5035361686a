"""The client's own files: profile, secret, token; private or not used."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from outofband.client.profile import load_profile
from outofband.client.tokens import TokenCache
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private

PROFILE = {
    "arm": "https://127.0.0.1:1",
    "gateway": "wss://127.0.0.1:2",
    "caFile": "/nowhere/trust.pem",
    "tenantId": "t",
    "subscriptionId": "s",
    "resourceGroup": "g",
    "clientId": "c",
}


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    made = StateDir(tmp_path)
    secret = {"clientSecretFile": str(made.client / "secret")}
    write_private(made.profile, msgspec.json.encode(PROFILE | secret))
    write_private(made.client / "secret", "hush\n")
    return made


def code(raised: pytest.ExceptionInfo[Fault]) -> str:
    return raised.value.code


def test_a_profile_says_where_and_who(state: StateDir) -> None:
    profile = load_profile(state)
    assert (profile.arm, profile.ca_file, profile.client_id) == (
        "https://127.0.0.1:1",
        Path("/nowhere/trust.pem"),
        "c",
    )
    assert profile.secret() == "hush"


def test_before_the_first_start_the_directory_is_named(tmp_path: Path) -> None:
    with pytest.raises(Fault) as raised:
        load_profile(StateDir(tmp_path))
    assert (code(raised), raised.value.fields["path"]) == ("StateNotFound", str(tmp_path))


@pytest.mark.parametrize("name", ["profile.json", "secret"])
def test_what_others_can_read_is_not_used(state: StateDir, name: str) -> None:
    (state.client / name).chmod(0o640)
    with pytest.raises(Fault) as raised:
        load_profile(state).secret()
    assert code(raised) == "StateUnsafe"
    assert raised.value.fields == {"path": str(state.client / name), "mode": "0o640"}


@pytest.mark.parametrize("text", ["", "{}", "[]", "\x00", '{"arm": 1}'])
def test_a_broken_profile_is_named(state: StateDir, text: str) -> None:
    write_private(state.profile, text)
    with pytest.raises(Fault) as raised:
        load_profile(state)
    assert code(raised) == "ProfileInvalid"


def test_a_profile_that_is_a_folder_and_a_secret_that_is_gone(state: StateDir) -> None:
    (state.client / "secret").unlink()
    with pytest.raises(Fault) as raised:
        load_profile(state).secret()
    assert code(raised) == "StateNotFound"
    state.profile.unlink()
    state.profile.mkdir(mode=0o700)
    with pytest.raises(Fault) as raised:
        load_profile(state)
    assert code(raised) == "ProfileInvalid"


def test_a_token_is_for_its_owner_and_its_time(tmp_path: Path) -> None:
    file = tmp_path / "client" / "token.json"
    TokenCache(file, "me@here").put("abc", 1000.0)
    assert file.stat().st_mode & 0o777 == 0o600
    assert TokenCache(file, "me@here").get(999.0) == "abc"
    assert TokenCache(file, "me@here").get(1000.0) is None
    assert TokenCache(file, "me@there").get(999.0) is None
    file.write_text("{}")
    assert TokenCache(file, "me@here").get(0.0) is None


def test_a_token_that_cannot_be_kept_still_works(tmp_path: Path) -> None:
    (tmp_path / "client").write_text("a file where the folder should be")
    cache = TokenCache(tmp_path / "client" / "token.json", "me")
    cache.put("abc", 1000.0)
    assert cache.get(0.0) == "abc"
