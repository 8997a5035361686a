"""Settings of one server: what they take, what they keep, and what they mean for a running agent."""

from __future__ import annotations

import asyncio
import os
import stat
import threading
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from outofband.agent import local, settings
from outofband.agent.config import HostConfig
from outofband.agent.settings import SETTINGS, Settings
from outofband.core.errors import Fault
from outofband.core.paths import StateDir
from outofband.net import proxies
from outofband.wire import link, stream
from outofband.wire.machine import Verb
from tests.unit.agent.test_himds import VM, Bench

CONTROL = "https://control.example:8443"


@pytest.fixture
def where(tmp_path: Path) -> StateDir:
    return StateDir(tmp_path)


@pytest.fixture(autouse=True)
def no_proxy() -> Iterator[None]:
    yield
    proxies.configure("")


def test_the_documented_defaults(where: StateDir) -> None:
    assert settings.load(where).shown() == {
        "incomingconnections.enabled": True,
        "incomingconnections.ports": [],
        "connection.type": "default",
        "proxy.url": "",
        "proxy.bypass": [],
        "extensions.allowlist": [],
        "extensions.blocklist": [],
        "guestconfiguration.enabled": True,
        "extensions.enabled": True,
        "config.mode": "full",
        "guestconfiguration.agent.cpulimit": 5,
        "extensions.agent.cpulimit": 5,
    }
    without = {name for name, each in SETTINGS.items() if not each.effect}
    assert without == {
        "connection.type", "extensions.allowlist", "extensions.blocklist", "extensions.enabled",
        "guestconfiguration.enabled", "guestconfiguration.agent.cpulimit", "extensions.agent.cpulimit",
    }  # fmt: skip
    assert {name for name, each in SETTINGS.items() if each.preview} == {
        "incomingconnections.enabled", "incomingconnections.ports", "connection.type",
    }  # fmt: skip


def test_what_is_set_is_kept(where: StateDir) -> None:
    mine = settings.load(where)
    assert mine.set("Config.Mode", "MONITOR") == "monitor"
    assert mine.set("proxy.bypass", "arc, aad,Arc") == ["Arc", "AAD"]
    assert mine.add("proxy.bypass", "control.example") == ["Arc", "AAD", "control.example"]
    assert mine.remove("proxy.bypass", "AAD, nothing") == ["Arc", "control.example"]
    assert mine.set("extensions.agent.cpulimit", "30") == 30
    assert mine.set("incomingconnections.enabled", "False") is False
    settings.save(where, mine)
    assert stat.S_IMODE(settings.path(where).stat().st_mode) == 0o600
    again = settings.load(where)
    assert again == mine and again.monitor and not again.consoles
    again.clear("config.mode")
    assert (again.get("config.mode"), again.monitor) == ("full", False)


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to be another user than the agent's")
def test_what_root_writes_the_agent_can_read(where: StateDir) -> None:
    where.agent.mkdir()
    os.chown(where.agent, 65534, 65534)
    settings.save(where, Settings({"config.mode": "monitor"}))
    found = settings.path(where).stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (65534, 65534, 0o600)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("config.mode", "watch"),
        ("incomingconnections.enabled", "yes"),
        ("incomingconnections.ports", "22,a b"),
        ("guestconfiguration.agent.cpulimit", "0"),
        ("guestconfiguration.agent.cpulimit", "101"),
        ("guestconfiguration.agent.cpulimit", "5%"),
        ("proxy.url", "proxy:3128"),
        ("proxy.url", "https://proxy.example"),
        ("proxy.url", "http://ann:pass word@proxy.example"),
        ("proxy.url", "http://proxy.example:99999"),
        ("proxy.bypass", "everything"),
        ("connection.type", "tunnel"),
    ],
)
def test_what_a_setting_does_not_take(name: str, text: str) -> None:
    mine = Settings()
    with pytest.raises(Fault, match="AgentSettingInvalid") as caught:
        mine.set(name, text)
    assert caught.value.fields["name"] == name and mine.changed == {}
    assert "ann" not in str(caught.value) and "pass" not in str(caught.value).replace("bypass", "")


def test_names_and_lists() -> None:
    with pytest.raises(Fault, match="AgentSettingUnknown"):
        Settings().set("proxy.uri", "x")
    with pytest.raises(Fault, match="AgentSettingInvalid"):
        Settings().add("config.mode", "full")


@pytest.mark.parametrize(
    "text", ["", "{", "[]", '{"a":1}', '{"config.mode":"watch"}', '{"proxy.bypass":"Arc"}']
)
def test_a_file_that_cannot_be_read(where: StateDir, text: str) -> None:
    where.agent.mkdir()
    settings.path(where).write_text(text)
    with pytest.raises(Fault, match="AgentSettingsInvalid") as caught:
        settings.load(where)
    assert caught.value.fields["path"] == str(settings.path(where))


def test_a_setting_never_allows_what_the_file_forbids() -> None:
    strict = HostConfig(policy=HostConfig().policy.__class__(monitor=True))
    assert Settings().applied(strict).policy.monitor
    assert Settings({"config.mode": "monitor"}).applied(HostConfig()).policy.monitor
    assert not Settings({"config.mode": "monitor"}).applied(HostConfig()).allows(Verb.NMI)
    assert Settings().applied(HostConfig()).allows(Verb.NMI)


def test_the_proxy_beats_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("https_proxy", "http://environment.example:3128")
    assert proxies.proxy_for(CONTROL) == "http://environment.example:3128"
    mine = Settings({"proxy.url": "http://ann:secret@set.example:8080"})
    mine.use_proxy()
    for path in ("", "/fleet/link", "/t/oauth2/v2.0/token"):
        assert proxies.proxy_for(CONTROL + path) == "http://ann:secret@set.example:8080"
    assert mine.shown()["proxy.url"] == "http://set.example:8080"
    assert proxies.proxy_for("https://127.0.0.1:1") is None
    mine.set("proxy.bypass", "Arc,AAD")
    mine.use_proxy()
    assert proxies.proxy_for("wss://control.example:8444/stream") is None
    assert proxies.proxy_for(f"{CONTROL}/fleet/connect") is None
    assert proxies.proxy_for(f"{CONTROL}/t/oauth2/v2.0/token") is None
    assert proxies.proxy_for(f"{CONTROL}/subscriptions") == "http://ann:secret@set.example:8080"
    mine.set("proxy.bypass", "control.example")
    mine.use_proxy()
    assert proxies.proxy_for(f"{CONTROL}/subscriptions") is None
    Settings().use_proxy()
    assert proxies.proxy_for(CONTROL) == "http://environment.example:3128"


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    async with Bench(tmp_path).open() as made:
        yield made


async def change(bench: Bench, name: str, text: str) -> None:
    mine = settings.load(bench.state)
    mine.set(name, text)
    settings.save(bench.state, mine)
    await asyncio.to_thread(local.reload, bench.state)


async def refused(bench: Bench, session: str) -> link.StreamFailed:
    number = sum(isinstance(each, link.StreamFailed) for each in bench.plane.heard) + 1
    try:
        async with asyncio.timeout(0.0):
            await bench.console(session, 99)
    except TimeoutError:
        pass
    return await bench.plane.message(link.StreamFailed, number)


@pytest.mark.anyio
async def test_no_consoles_through_this_agent(bench: Bench) -> None:
    await bench.make("cat")
    incoming = await bench.console("s1", 1)
    await change(bench, "incomingconnections.enabled", "false")
    await bench.gateway.until(lambda: incoming.of(stream.Close))
    assert incoming.of(stream.Close)[0].code == "HostPolicyRefused"
    failed = await refused(bench, "s2")
    assert (failed.session, failed.code) == ("s2", "HostPolicyRefused")
    await change(bench, "incomingconnections.enabled", "true")
    await change(bench, "incomingconnections.ports", "1")
    assert (await refused(bench, "s3")).code == "HostPolicyRefused"
    await change(bench, "incomingconnections.ports", "0,1")
    await bench.console("s4", 2)
    status = await bench.status()
    assert status.configuration["incomingconnections.ports"] == ["0", "1"]


@pytest.mark.anyio
async def test_a_mode_in_which_nobody_types(bench: Bench) -> None:
    await bench.make("cat")
    incoming = await bench.console("s1", 1)
    incoming.send(stream.Input(0, b"before\r"))
    await bench.gateway.until(lambda: b"before\r\nbefore" in incoming.output)
    assert (await bench.status()).machines[0].ports[0].writer == "ann"
    await change(bench, "config.mode", "monitor")
    status = await bench.status()
    assert status.monitor and status.machines[0].ports[0].writer is None
    incoming.send(stream.Input(7, b"after\r"))
    result = await bench.do("vm.nmi")
    assert result.code == "HostPolicyRefused"
    assert not incoming.gone and b"after" not in incoming.output
    inventory = await bench.plane.until(lambda: bench.plane.inventory and bench.plane.inventory.host.monitor)
    assert inventory
    await change(bench, "config.mode", "full")
    assert (await bench.do("vm.nmi")).code == "ActionNotSupported"


@pytest.mark.anyio
async def test_settings_that_cannot_be_read_let_nobody_in(bench: Bench) -> None:
    await bench.make("cat")
    await bench.kill()
    settings.path(bench.state).write_text("{")
    await bench.start()
    assert (await refused(bench, "s1")).code == "HostPolicyRefused"
    status = await bench.status()
    assert status.monitor and [each.code for each in status.errors] == ["AgentSettingsInvalid"]
    with pytest.raises(Fault, match="AgentSettingsInvalid"):
        await asyncio.to_thread(local.reload, bench.state)
    settings.path(bench.state).unlink()
    await asyncio.to_thread(local.reload, bench.state)
    assert (await bench.status()).errors == []
    await bench.console("s2", 1)
    assert VM


def test_changes_at_the_same_time_are_all_kept(tmp_path: Path) -> None:
    where = StateDir(tmp_path / "new")
    hosts = [f"host{number}.example" for number in range(8)]
    together = threading.Barrier(len(hosts))

    def add(host: str) -> None:
        together.wait(10)
        with settings.changing(where):
            mine = settings.load(where)
            mine.add("proxy.bypass", host)
            settings.save(where, mine)

    with ThreadPoolExecutor(len(hosts)) as threads:
        list(threads.map(add, hosts))
    kept = settings.load(where).get("proxy.bypass")
    assert isinstance(kept, list) and sorted(kept) == hosts
