"""The log of a VM whose host is away, read by people: what was uploaded, with its boots, times and gaps."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from outofband.providers.serial_console.log_kept import _range
from outofband.wire.arm import errors
from outofband.wire.log import LogArgs
from outofband.wire.segments import Extent, Gap
from tests.support.cloud import Cloud, Host, vm_id
from tests.support.uploading import Printing
from tests.support.wait import until

pytestmark = pytest.mark.anyio
PORT = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"
HOLES = Extent(start=10, end=100, gaps=(Gap(20, 30, 10), Gap(40, 40, 5), Gap(60, 90, 30)))


@pytest.fixture
async def cloud(tmp_path: Path) -> AsyncIterator[Cloud]:
    async with Cloud(tmp_path) as running:
        yield running


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


async def ask(cloud: Cloud, **wish: Any) -> dict[str, Any]:
    answer = await cloud.owner.ask("POST", f"{PORT}/log", wish, version="2018-05-01")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_a_log_outlives_its_host(cloud: Cloud, host: Host, tmp_path: Path) -> None:
    vm = await cloud.owner.create_vm()
    printed = b"boot one\r\nlogin: ", b"boot two\r\nKernel panic - not syncing\r\n"
    async with Printing(cloud, host.peer.identity.agent, vm["properties"]["vmId"], tmp_path / "vm") as guest:
        for boot, text in enumerate(printed, 1):
            guest.spool.reset(boot)
            guest.print(text)
            await guest.settled()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))

    page = await ask(cloud)
    assert [line["text"] for line in page["lines"]] == [
        "boot one",
        "login:",
        "boot two",
        "Kernel panic - not syncing",
    ]
    assert (page["live"], page["more"], page["end"]) == (False, False, len(b"".join(printed)))
    assert [(boot["boot"], boot["number"], boot["from"]) for boot in page["boots"]] == [
        (-1, 1, 0),
        (0, 2, 17),
    ]
    assert all(line["at"].startswith("20") for line in page["lines"])
    before = await ask(cloud, boot=-1)
    assert [line["text"] for line in before["lines"]] == ["boot one", "login:"]
    (hit,) = (await ask(cloud, grep="panic"))["lines"]
    assert (hit["offset"], hit["matches"]) == (27, [[7, 12]])
    # Whoever followed the host itself has seen more than was uploaded, and is not sent back.
    ahead = await ask(cloud, **{"from": 1000, "after": 1000, "wait": 1})
    assert (ahead["lines"], ahead["from"], ahead["next"], ahead["more"]) == ([], 1000, 1000, False)
    raw = await ask(cloud, **{"from": 0, "raw": True})
    assert base64.b64decode(raw["data"]) == b"".join(printed)


async def test_nothing_is_kept_of_a_vm_that_said_nothing(cloud: Cloud, host: Host) -> None:
    await cloud.owner.create_vm()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    answer = await cloud.owner.ask("POST", f"{PORT}/log", {}, version="2018-05-01")
    said = errors.read(answer.content)
    assert said is not None and said.code == "AgentOffline"


@pytest.mark.parametrize(
    ("wish", "found"),
    [
        ({"begin": 0}, (10, 20)),
        ({"begin": 15, "bytes": 2}, (15, 17)),
        ({"begin": 20}, (30, 60)),
        ({"begin": 25}, (30, 60)),
        ({"begin": 70}, (90, 100)),
        ({"begin": 70, "to": 80}, (80, 80)),
        ({"begin": 200}, (100, 100)),
        ({}, (90, 100)),
        ({"to": 95, "bytes": 3}, (92, 95)),
        ({"to": 70}, (30, 60)),
        ({"to": 60, "bytes": 5}, (55, 60)),
        ({"to": 25}, (10, 20)),
        ({"to": 5}, (10, 10)),
    ],
)
def test_a_part_has_no_hole(wish: dict[str, int], found: tuple[int, int]) -> None:
    assert _range(HOLES, LogArgs(**wish)) == found
