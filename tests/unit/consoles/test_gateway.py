"""The listener's address as it is told: by the name the caller used when that is ours, else the set one."""

import pytest

from outofband.consoles.gateway import Gateway

GATEWAY = Gateway(
    url="wss://oob.example:8444", names=frozenset({"oob.example", "localhost", "127.0.0.1", "::1"})
)


@pytest.mark.parametrize(
    ("base", "wanted"),
    [
        ("https://oob.example:8443", "wss://oob.example:8444"),
        ("https://OOB.example", "wss://oob.example:8444"),
        ("https://localhost:9443", "wss://localhost:8444"),
        ("https://127.0.0.1:8443", "wss://127.0.0.1:8444"),
        ("https://[::1]:8443", "wss://[::1]:8444"),
        ("https://evil.example:8443", "wss://oob.example:8444"),
        ("https://localhost.evil.example", "wss://oob.example:8444"),
        ("https://user@localhost:1@evil.example", "wss://oob.example:8444"),
        ("https://[", "wss://oob.example:8444"),
        ("", "wss://oob.example:8444"),
    ],
)
def test_only_own_names_are_repeated(base: str, wanted: str) -> None:
    assert GATEWAY.seen_from(base) == wanted


def test_an_address_that_was_set_is_the_only_one() -> None:
    behind_a_proxy = Gateway(url="wss://console.example")
    assert behind_a_proxy.seen_from("https://localhost:8443") == "wss://console.example"
