"""The environment's proxies, read as every other program reads them."""

from __future__ import annotations

import pytest

from outofband.net.proxies import proxy_for, redacted

VARIABLES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy", "wss_proxy", "ws_proxy")


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_no_proxy_without_variables() -> None:
    assert proxy_for("wss://control.example:8443/fleet/link") is None


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"])
@pytest.mark.parametrize("url", ["wss://control.example:8443/fleet/link", "https://control.example/"])
def test_a_secure_address_goes_through_the_secure_proxy(
    monkeypatch: pytest.MonkeyPatch, name: str, url: str
) -> None:
    monkeypatch.setenv(name, "http://proxy.example:3128")
    assert proxy_for(url) == "http://proxy.example:3128"


def test_a_proxy_without_scheme_is_an_http_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "proxy.example:3128")
    assert proxy_for("https://control.example/") == "http://proxy.example:3128"


def test_the_most_special_variable_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("all_proxy", "http://all.example:1")
    monkeypatch.setenv("https_proxy", "http://secure.example:2")
    monkeypatch.setenv("http_proxy", "http://plain.example:3")
    assert proxy_for("wss://control.example/") == "http://secure.example:2"
    assert proxy_for("http://control.example/") == "http://plain.example:3"


def test_exceptions_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", ".internal,exact.example")
    assert proxy_for("wss://control.internal:8443/") is None
    assert proxy_for("https://exact.example/") is None
    assert proxy_for("https://other.example/") is not None


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "localhost", "a.localhost", "[::1]"])
def test_this_host_is_never_behind_a_proxy(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    assert proxy_for(f"wss://{host}:8444/stream/v1/x") is None


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:hush-hush@proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:hush@hush@proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:hush#hush@proxy.example:3128", "http://proxy.example:3128"),
        ("http://me:12/hush?hush@proxy.example:3128", "http://proxy.example:3128"),
        ("me:hush-hush@proxy.example:3128", "proxy.example:3128"),
        ("me:hush://hush@proxy.example:3128", "proxy.example:3128"),
    ],
)
def test_an_address_is_shown_without_its_password_whatever_is_in_it(typed: str, shown: str) -> None:
    assert redacted(typed) == shown
