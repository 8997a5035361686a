"""Settings: file, environment, arguments, and what is worked out from them."""

from __future__ import annotations

from pathlib import Path

import pytest

from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.server import settings
from outofband.server.settings import Settings


@pytest.fixture
def state(tmp_path: Path) -> StateDir:
    (tmp_path / "control").mkdir()
    return StateDir(tmp_path)


def write(state: StateDir, text: str) -> None:
    settings.settings_file(state).write_text(text)


def test_without_a_file_everything_has_a_default(state: StateDir) -> None:
    found = settings.load(state, {})
    assert (found.arm, found.gateway) == ("https://127.0.0.1:8443", "wss://127.0.0.1:8444")
    assert found.store(state) == f"sqlite:///{state.control}/control.db"
    assert found.certificate_names == ("127.0.0.1",)


def test_arguments_go_before_the_environment_before_the_file(state: StateDir) -> None:
    write(state, 'port = 1001\nconsole_port = 1002\nnode = "file"\n')
    found = settings.load(state, {"OOB_CONSOLE_PORT": "2002", "OOB_NODE": "env"}, port=None, node="argument")
    assert (found.port, found.console_port, found.node_name) == (1001, 2002, "argument")


def test_lists_come_from_the_environment_too(state: StateDir) -> None:
    found = settings.load(
        state, {"OOB_NAMES": "oob.example, 192.0.2.5", "OOB_ARM_URL": "https://oob.example:9"}
    )
    assert found.names == ("oob.example", "192.0.2.5")
    assert found.certificate_names == ("oob.example", "127.0.0.1", "192.0.2.5")
    assert "https://oob.example:8443" in found.audiences


def test_ipv6_addresses_are_bracketed(state: StateDir) -> None:
    found = settings.load(state, {"OOB_ADDRESS": "::1"})
    assert (found.arm, found.gateway) == ("https://[::1]:8443", "wss://[::1]:8444")


def test_listening_everywhere_advertises_the_host_name(state: StateDir) -> None:
    found = settings.load(state, {"OOB_ADDRESS": "0.0.0.0"})
    assert "0.0.0.0" not in found.arm
    assert "0.0.0.0" not in found.certificate_names


def test_a_secret_url_comes_from_a_file(state: StateDir, tmp_path: Path) -> None:
    secret = tmp_path / "store"
    secret.write_text("postgresql://u:p@h/d\n")
    found = settings.load(state, {"OOB_STORE_URL_FILE": str(secret)})
    assert found.store(state) == "postgresql://u:p@h/d"
    missing = settings.load(state, {"OOB_STORE_URL_FILE": str(tmp_path / "none")})
    with pytest.raises(Fault, match="SettingsInvalid"):
        missing.store(state)


@pytest.mark.parametrize(
    ("text", "environment"),
    [
        ("prot = 1", {}),
        ("port = 'x'", {}),
        ("port = 70000", {}),
        ("port = ", {}),
        ("[listen]\nport = 1", {}),
        ("", {"OOB_PORT": "many"}),
        ("arm_url = 'http://x'", {}),
        ("gateway_url = 'https://x'", {}),
        ("gateway_url = 'wss://'", {}),
    ],
)
def test_what_is_wrong_is_told(state: StateDir, text: str, environment: dict[str, str]) -> None:
    write(state, text)
    with pytest.raises(Fault, match="SettingsInvalid"):
        settings.load(state, environment)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "port = 9\nconsole_port = 10\n"),
        ("# mine\nport = 8443   # kept\n", "# mine\nport = 9   # kept\nconsole_port = 10\n"),
        ("console_port=1\nnode = 'a'", "console_port=10\nnode = 'a'\nport = 9\n"),
    ],
)
def test_ports_are_remembered_and_the_rest_stays(state: StateDir, before: str, after: str) -> None:
    write(state, before)
    settings.remember(state, port=9, console_port=10)
    assert settings.settings_file(state).read_text() == after
    found = settings.load(state, {})
    assert (found.port, found.console_port) == (9, 10)


def test_nothing_to_remember_makes_no_file(state: StateDir) -> None:
    settings.remember(state)
    assert not settings.settings_file(state).exists()


def test_the_node_has_a_name_of_its_own() -> None:
    assert Settings(port=1).node_name != Settings(port=2).node_name


def test_own_names_for_the_console_count_while_no_address_was_set(state: StateDir) -> None:
    found = settings.load(state, {"OOB_NAMES": "OOB.example"})
    assert found.gateway_names == {"localhost", "127.0.0.1", "::1", "oob.example"}
    set_on_purpose = settings.load(state, {"OOB_NAMES": "a", "OOB_GATEWAY_URL": "wss://c.example"})
    assert set_on_purpose.gateway_names == frozenset()


def test_public_addresses_are_blocks(state: StateDir) -> None:
    found = settings.load(state, {"OOB_PUBLIC_ADDRESSES": "203.0.113.0/30, 2001:db8::1"})
    assert [str(each) for each in found.public_pool] == ["203.0.113.0/30", "2001:db8::1/128"]
    write(state, 'public_addresses = ["203.0.113.1/30"]\n')
    with pytest.raises(Fault, match="SettingsInvalid"):
        settings.load(state, {})
