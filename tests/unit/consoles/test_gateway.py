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


@pytest.mark.parametrize(
    "name", ["oob.example", "windows1", "ws.wss.example", "client.example", "client1", "wsclient", "CLIENT"]
)
def test_azures_extension_finds_the_way_to_admin_commands(name: str) -> None:
    """It replaces `wss`, `ws` and `/client` wherever they stand; host names know no case."""
    gateway = Gateway(url="wss://x", arm=f"https://{name}:8443", arm_names=frozenset({name.lower()}))
    url = gateway.text_from(f"https://{name}:8443") + "/serial/v1/0123abc/client"
    made = url.replace("wss", "https").replace("ws", "http").replace("/client", "/adminCommand/nmi")
    assert made.lower() == f"https://{name.lower()}:8443/serial/v1/0123abc/admincommand/nmi"
