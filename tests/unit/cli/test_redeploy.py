"""`oob vm redeploy`: what it asks, what it says."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from outofband.cli import output as show
from tests.support.cloud import Cloud, Host
from tests.unit.cli.verbs import Oob

pytestmark = pytest.mark.anyio


@pytest.fixture
async def host(cloud: Cloud) -> AsyncIterator[Host]:
    async with cloud.host() as linked:
        yield linked


@pytest.fixture
def oob(cloud: Cloud, tmp_path: Path) -> Oob:
    return Oob(cloud.owner, tmp_path / "state")


async def test_it_is_done_and_told(cloud: Cloud, host: Host, oob: Oob) -> None:
    await cloud.owner.create_vm("web1")
    out, _ = await oob("vm redeploy web1 --yes")
    assert "vm.start was seen" in out
    assert "It stays on its host" in out
    out, _ = await oob("vm redeploy web1 --yes -o json")
    told = json.loads(out)
    assert (told["vm"], told["action"]) == ("web1", "redeploy")


async def test_what_it_costs_is_said_before(
    cloud: Cloud, host: Host, oob: Oob, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cloud.owner.create_vm("web1")
    host.performed.clear()
    asked: list[str] = []

    def confirm(question: str, **_: object) -> bool:
        asked.append(question)
        return False

    monkeypatch.setattr(show, "interactive", lambda: True)
    monkeypatch.setattr("click.confirm", confirm)
    await oob("vm redeploy web1", code=130)
    assert "temporary disk is lost" in asked[0]
    assert "dynamic public addresses change" in asked[0]
    assert host.performed == []


async def test_a_host_that_is_there_is_not_dead(cloud: Cloud, host: Host, oob: Oob) -> None:
    await cloud.owner.create_vm("web1")
    _, err = await oob("vm redeploy web1 --yes --confirm-host-is-dead", code=2)
    assert "--reason" in err
    _, err = await oob("vm redeploy web1 --yes --confirm-host-is-dead --reason gone", code=5)
    assert "HostIsAlive" in err
