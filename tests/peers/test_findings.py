"""A guest panics: seen whoever is killed meanwhile, told in the API, to people, Prometheus and a webhook."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from guests.build import Guest
from outofband.core import clock
from outofband.identity.pki import Pki
from outofband.net.tls import client_context
from outofband.wire import webhook
from tests.peers.house import House, until
from tests.support.receiver import Receiver
from tests.support.wait import promised

pytestmark = pytest.mark.peers


@pytest.fixture(scope="module")
def house(demo_guest: Guest) -> Iterator[House]:
    made = House(demo_guest)
    made.env["OOB_WEBHOOK_NETWORKS"] = "127.0.0.0/8,::1/128"
    try:
        made.up()
        yield made
    finally:
        made.close()


@contextmanager
def listening(receiver: Receiver) -> Iterator[None]:
    """The receiver, in a thread of its own."""
    ready, over = threading.Event(), asyncio.Event()
    loops: list[asyncio.AbstractEventLoop] = []

    async def serve() -> None:
        loops.append(asyncio.get_running_loop())
        async with receiver.listen():
            ready.set()
            await over.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="receiver")
    thread.start()
    assert ready.wait(60)
    try:
        yield
    finally:
        loops[0].call_soon_threadsafe(over.set)
        thread.join(10)


def crash(house: House) -> None:
    """BREAK and `c` on the guest's serial port, by QEMU's own monitor and its FIFO: its agent is dead."""
    (path,) = (house.root / "agent" / "machines").glob("*/qmp.sock")
    with socket.socket(socket.AF_UNIX) as monitor:
        monitor.settimeout(30)
        monitor.connect(str(path))
        said = monitor.makefile("rwb")
        a_break = {"execute": "chardev-send-break", "arguments": {"id": "ser0"}}
        for order in ({"execute": "qmp_capabilities"}, a_break):
            said.write(json.dumps(order).encode() + b"\n")
            said.flush()
            while "return" not in json.loads(said.readline()):
                pass
    (path.parent / "serial0.in").write_bytes(b"c")


def printed(house: House) -> bytes:
    (spool,) = (house.root / "agent" / "machines").glob("*/serial0.log")
    return spool.read_bytes()


def findings(house: House) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = house.json("vm", "show", "demo")["findings"]
    return found


def errors(house: House) -> list[dict[str, Any]]:
    return [each for each in findings(house) if each["severity"] == "error"]


def metrics(house: House) -> str:
    profile = house.profile()
    form = {
        "grant_type": "client_credentials",
        "client_id": profile["clientId"],
        "client_secret": (house.root / "client" / "secret").read_text().strip(),
        "scope": f"{profile['arm']}/.default",
    }
    trust = client_context(Path(profile["caFile"]))
    with httpx.Client(base_url=profile["arm"], verify=trust, timeout=60) as client:
        token = client.post(f"/{profile['tenantId']}/oauth2/v2.0/token", data=form).json()["access_token"]
        return client.get("/metrics", headers={"Authorization": f"Bearer {token}"}).text


def test_a_panic_is_found_and_told_whoever_is_killed(house: House, tmp_path: Path) -> None:
    receiver = Receiver(Pki.open(tmp_path, [], clock.now()))
    with listening(receiver):
        authorities = tmp_path / "theirs.pem"
        authorities.write_text(receiver.authorities)
        made = house.json("webhook", "set", "pager", "--url", receiver.url, "--ca-file", str(authorities))
        receiver.key = webhook.key_of(made["properties"]["secret"])
        assert house.json("webhook", "test", "pager")["delivered"]
        until("the login prompt", lambda: b"demo login:" in printed(house), 240.0)
        # A slow boot may have been told of.
        until("nothing is wrong", lambda: findings(house) == [])

        # The guest panics while its agent is dead, and the receiver of webhooks is out of order.
        house.kill("agent")
        receiver.status = 503
        crash(house)
        until("the panic", lambda: b"Kernel panic - not syncing: sysrq" in printed(house))
        house.up()
        (panic,) = until("the finding", lambda: errors(house))
        assert panic["code"] == "KernelPanic" and panic["cause"] and panic["remedy"]
        place = panic["evidence"][0]["offset"]
        assert b"Kernel panic" in printed(house)[place : place + 400]
        shown = house.oob("vm", "show", "demo").stdout
        assert "(KernelPanic)" in shown and "Kernel panic - not syncing: sysrq triggered crash" in shown
        assert panic["title"] in house.oob("vm", "list").stdout
        assert 'oob_findings_open{code="KernelPanic"} 1' in metrics(house)

        # The control plane dies with the event still in its outbox.
        until("an attempt", lambda: receiver.refused)
        house.kill("control")
        receiver.status = 200
        house.up()
        until("the webhook", lambda: [each for each in receiver.events if "test" not in each["type"]])
        (told,) = [each for each in receiver.events if "test" not in each["type"]]
        assert told["type"] == "outofband.finding.opened" and told["data"]["finding"]["code"] == "KernelPanic"
        assert receiver.forged == 0
        assert len([each for each in findings(house) if each["code"] == "KernelPanic"]) == 1, "told once"

        # It is reset: over, and told so.
        began = time.monotonic()
        house.oob("vm", "stop", "demo", "--force")
        until("its end", lambda: findings(house) == [])
        until("the end, told", lambda: receiver.events[-1]["type"] == "outofband.finding.ended")
        assert time.monotonic() - began < promised(60)
