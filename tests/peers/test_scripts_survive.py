"""kill -9 of the control plane at every commit of a script's operation: it runs once, its secret is gone."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.peers.test_operations_survive import MOST_COMMITS, postgres, url
from tests.support.cloud import vm_id
from tests.support.mortal import Keeper

__all__ = ["postgres", "url"]

pytestmark = pytest.mark.anyio
SECRET = "kelp-otter-42"
REPORT = {"running": False, "started": "s", "ended": "e", "ending": "exited", "status": 0, "out": "once\n"}
SCRIPT = {
    "properties": {
        "source": {"script": "echo once"},
        "protectedParameters": [{"name": "password", "value": SECRET}],
    }
}
ACCESS = {
    "properties": {
        "publisher": "Microsoft.OSTCExtensions",
        "type": "VMAccessForLinux",
        "typeHandlerVersion": "1.5",
        "protectedSettings": {"username": "bob", "password": SECRET},
    }
}


async def ended(keeper: Keeper, path: str) -> dict[str, Any] | None:
    """What is shown of it once it has ended; None when it is not there."""
    for _ in range(2000):
        answer = await keeper.owner.get(path, **{"$expand": "instanceView"})
        if answer.status_code == 404:
            return None
        found: dict[str, Any] = answer.json()["properties"]
        if found["provisioningState"] in ("Succeeded", "Failed"):
            return found
        await asyncio.sleep(0.02)
    raise AssertionError(answer.text)


@pytest.mark.parametrize(
    ("kind", "body", "url", "when"),
    [
        ("runCommands", SCRIPT, "sqlite", "before"),
        ("runCommands", SCRIPT, "sqlite", "after"),
        ("runCommands", SCRIPT, "postgresql", "before"),
        ("extensions", ACCESS, "sqlite", "after"),
    ],
    indirect=["url"],
)
async def test_a_script_runs_once(
    tmp_path: Path, kind: str, body: dict[str, Any], when: str, url: str | None
) -> None:
    async with Keeper(tmp_path, url) as keeper:
        host = await keeper.host()
        host.data["vm.run"] = REPORT
        await keeper.owner.create_vm("demo")
        host.performed.clear()
        for commit in range(1, MOST_COMMITS):
            path = f"{vm_id('demo')}/{kind}/s{commit}"
            keeper.arm(commit, when)
            died = False
            try:
                answer = await keeper.owner.ask("PUT", path, body)
                assert answer.is_success, answer.text
                found = await ended(keeper, path)
                # It may still die of something it does beside, until it is disarmed.
                keeper.disarm()
                found = await ended(keeper, path)
            except httpx.TransportError:
                died = True
                await keeper.revive()
                await host.peer.connect()
                await host.report()
                found = await ended(keeper, path)
                if found is None:
                    # Nothing was begun: the client asks again.
                    assert (await keeper.owner.ask("PUT", path, body)).is_success
                    found = await ended(keeper, path)
            assert found is not None
            assert found["provisioningState"] == "Succeeded", found
            assert "once" in str(found["instanceView"])
            assert host.performed.count("vm.run") == commit, "one for each, whatever died"
            sent = next(each for each in reversed(host.peer.commands) if each.verb == "vm.run")
            assert SECRET in str(sent.args["protected"])
            assert SECRET not in str(found)
            if not died:
                break
        assert commit > 5, "the operation has more commits than that"
        await host.peer.kill()
