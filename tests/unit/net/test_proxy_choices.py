"""Who decided which proxy a connection goes through."""

from __future__ import annotations

import pytest

from outofband.net.proxies import BYPASS, LOOPBACK, NONE, SETTING, Choice, choose

URL = "https://control.example:8443/"


@pytest.fixture(autouse=True)
def clean(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


def test_nobody() -> None:
    assert choose(URL) == Choice(None, NONE)
    assert choose("https://127.0.0.1:1/", "http://p.example:3128") == Choice(None, LOOPBACK)


@pytest.mark.parametrize("name", ["https_proxy", "HTTPS_PROXY", "ALL_PROXY"])
def test_a_variable_by_its_name(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, "p.example:3128")
    assert choose(URL) == Choice("http://p.example:3128", name)


def test_the_setting_goes_before_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://other.example:1")
    monkeypatch.setenv("NO_PROXY", "control.example")
    assert choose(URL, "http://p.example:3128").source == SETTING
    assert choose(URL) == Choice(None, "NO_PROXY")


def test_what_is_gone_past_the_setting() -> None:
    proxy = "http://p.example:3128"
    assert choose(URL, proxy, ["control.example"]) == Choice(None, BYPASS)
    assert choose(URL, proxy, ["*.example"]) == Choice(None, BYPASS)
    assert choose(URL, proxy, ["ntrol.example"]).url == proxy
    assert choose(f"{URL}common/oauth2/v2.0/token", proxy, ["AAD"]) == Choice(None, BYPASS)
    assert choose(URL, proxy, ["AAD"]).url == proxy


def test_a_password_is_not_shown() -> None:
    choice = choose(URL, "http://ann:geheim42@p.example:3128")
    assert choice.shown == "http://p.example:3128"
    assert "geheim42" not in repr(choice)
    assert choice.url is not None and "geheim42" in choice.url
