"""kill -9 of himds, and of the control plane, at every step of connect and of disconnect.

Whatever was killed: `azcmagent show` says that the server is half-connected wherever one side has the
connection and the other has not, with the agent dead and with it alive, and the same command again brings it
to its end.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest

from outofband.agent import clouds, halfway, local
from outofband.agent.clouds import Cloud as InstalledFor
from outofband.agent.state import identity_path
from outofband.core.paths import StateDir
from outofband.core.secrets import write_private
from tests.support.cloud import GROUP, SUBSCRIPTION
from tests.support.forked import Forked
from tests.support.mortal import Keeper
from tests.support.mortal_agent import MortalAgent
from tests.support.wait import until

pytestmark = [pytest.mark.anyio, pytest.mark.exact]

MACHINE = (
    f"/subscriptions/{SUBSCRIPTION}/resourceGroups/{GROUP}/providers/Microsoft.HybridCompute/machines/web1"
)
VERSION = "2024-07-10"
MOST_STEPS = 40
CONNECTED = 67
"""Exit code of a connect where there is nothing left to do."""
LEAST = {"himds": {"connect": 4, "disconnect": 5}, "control": {"connect": 3, "disconnect": 1}}
"""Steps that there are at least: fewer would mean that nobody was killed where it matters."""


class Lab:
    """A control plane and an agent, each of which can be told where to die."""

    def __init__(self, folder: Path, keeper: Keeper, agent: MortalAgent, azcmagent: Forked) -> None:
        self.keeper, self.agent, self.state = keeper, agent, agent.state
        self._azcmagent = azcmagent
        secret = folder / "secret"
        write_private(secret, keeper.owner.secret)
        owner = keeper.owner
        self._sign_in = (
            "-i",
            owner.app_id,
            "-t",
            owner.tenant,
            "--service-principal-secret-file",
            str(secret),
        )
        trust = (folder / "pki" / "trust.pem").read_text()
        clouds.save(self.state, InstalledFor(name="Lab", arm=keeper.base, login=keeper.base, trust=trust))

    async def connect(self) -> tuple[int, str]:
        place = ("-g", GROUP, "-l", "local", "-s", SUBSCRIPTION, "-n", "web1")
        return await self._while_it_is_kept_alive("connect", *place, *self._sign_in)

    async def disconnect(self) -> tuple[int, str]:
        return await self._while_it_is_kept_alive("disconnect", *self._sign_in)

    async def _while_it_is_kept_alive(self, *words: str) -> tuple[int, str]:
        """A command; a control plane that dies meanwhile is started again at once, as by systemd."""
        command = asyncio.ensure_future(self._azcmagent.run(*words))
        while not command.done():
            if self.keeper.died:
                await self.keeper.revive()
            await asyncio.wait([command], timeout=0.02)
        if self.keeper.died:
            await self.keeper.revive()
        return command.result()

    async def show(self) -> dict[str, Any]:
        code, said = await self._azcmagent.run("show", "-j")
        assert code == 0, said
        found: dict[str, Any] = json.loads(said)
        return found

    async def resource(self) -> dict[str, Any] | None:
        answer = await self.keeper.owner.get(MACHINE, version=VERSION)
        assert answer.status_code in (200, 404), answer.text
        found: dict[str, Any] | None = answer.json() if answer.status_code == 200 else None
        return found

    async def is_honest(self) -> None:
        """Where one side has it and the other has not, that is said; and what is said is so."""
        shown, there = await self.show(), await self.resource() is not None
        here, begun = identity_path(self.state).exists(), halfway.load(self.state)
        half = str(shown["status"]).startswith("Half-")
        told = (shown, there, here, begun)
        assert half == bool(shown["halfway"]) == (begun is not None), told
        if here != there:
            assert half, told
            assert MACHINE in shown["halfway"] and "again goes on" in shown["halfway"], told
        elif not here and not half:
            assert (shown["status"], shown["resourceId"]) == ("Disconnected", ""), told
        else:
            assert shown["resourceId"] == MACHINE, told

    async def is_connected(self) -> None:
        """Both sides have it, and the link is up."""
        await until(lambda: local.status(self.state).link == "linked")

        async def both() -> bool:
            found = await self.resource()
            return found is not None and found["properties"]["status"] == "Connected"

        await until(both)
        shown = await self.show()
        assert (shown["status"], shown["halfway"], shown["resourceId"]) == ("Connected", "", MACHINE)

    async def is_disconnected(self) -> None:
        assert await self.resource() is None
        shown = await self.show()
        assert (shown["status"], shown["halfway"], shown["resourceId"]) == ("Disconnected", "", "")
        assert not identity_path(self.state).exists()


@pytest.fixture
async def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Lab]:
    folder, state = tmp_path / "control", StateDir(tmp_path / "state")
    folder.mkdir(mode=0o700)
    state.root.mkdir(mode=0o700)
    monkeypatch.setenv("OOB_STATE", str(state.root))
    monkeypatch.setenv("LC_ALL", "C")
    async with Keeper(folder) as keeper, MortalAgent(state) as agent, Forked(tmp_path) as azcmagent:
        yield Lab(folder, keeper, agent, azcmagent)


async def _himds_dies(lab: Lab, step: int, when: str, command: Callable[[], Any]) -> bool:
    """The command with a death of himds at this step; False when there was no such step."""
    lab.agent.arm(step, when)
    code, said = await command()
    if not lab.agent.died:
        lab.agent.disarm()
        if not lab.agent.died:
            assert code == 0, said
            return False
    await lab.is_honest()
    await lab.agent.revive()
    await lab.is_honest()
    return True


async def _control_dies(lab: Lab, step: int, when: str, command: Callable[[], Any]) -> bool:
    """The same for the control plane, at a commit of its own."""
    died_before = lab.keeper.deaths
    lab.keeper.arm(step, when)
    code, said = await command()
    lab.keeper.disarm()
    if lab.keeper.died:
        await lab.keeper.revive()
    if lab.keeper.deaths == died_before:
        assert code == 0, said
        return False
    await lab.is_honest()
    return True


async def _again(lab: Lab, command: Callable[[], Any], done: Callable[[], Any], *more: int) -> None:
    """The same command again succeeds."""
    code, said = await command()
    assert code in (0, *more), said
    await done()


async def _every_step(lab: Lab, victim: str, when: str) -> dict[str, int]:
    """Connect and disconnect until both went through without a death; how many there were in each."""
    dies = _himds_dies if victim == "himds" else _control_dies
    deaths = {"connect": 0, "disconnect": 0}
    going = {"connect": True, "disconnect": True}
    for step in range(1, MOST_STEPS):
        for name, command, done, fine in (
            ("connect", lab.connect, lab.is_connected, (CONNECTED,)),
            ("disconnect", lab.disconnect, lab.is_disconnected, ()),
        ):
            if going[name] and await dies(lab, step, when, command):
                deaths[name] += 1
                await _again(lab, command, done, *fine)
                continue
            if not going[name]:
                await _again(lab, command, done)
            else:
                await done()
            going[name] = False
        if not any(going.values()):
            return deaths
    raise AssertionError(f"more than {MOST_STEPS} steps")


@pytest.mark.parametrize("victim", ["himds", "control"])
@pytest.mark.parametrize("when", ["before", pytest.param("after", marks=pytest.mark.soak)])
async def test_killed_at_every_step(lab: Lab, victim: str, when: str) -> None:
    deaths = await _every_step(lab, victim, when)
    print(f"\n{victim} killed {when} a step: {deaths}")
    for command, least in LEAST[victim].items():
        assert deaths[command] >= least, deaths
