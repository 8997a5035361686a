"""The end of `azcmagent connect`: the wait for a link, with an agent that is restarted in the middle."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from outofband.agent.admin import AdminSocket
from outofband.agent.local import AgentStatus, Question
from outofband.cli.azcmagent import connect
from outofband.cli.azcmagent.running import Run
from outofband.core.paths import StateDir

pytestmark = pytest.mark.anyio


async def test_himds_may_be_restarted_while_the_link_is_waited_for(tmp_path: Path) -> None:
    state = StateDir(tmp_path)
    state.agent.mkdir()
    asked = asyncio.Event()

    async def opening(_: Question) -> AgentStatus:
        asked.set()
        return AgentStatus(running=True, link="connecting")

    async def linked(_: Question) -> AgentStatus:
        return AgentStatus(running=True, link=connect.LINKED)

    run = Run("connect", state=state, as_json=True, verbose=False, to_stderr=False)
    former = AdminSocket(state, opening)
    await former.open()
    waiting = asyncio.create_task(asyncio.to_thread(connect._link, run))
    await asyncio.wait_for(asked.wait(), 10)
    await former.close()
    # Until it has found that nobody is there.
    await asyncio.wait({waiting}, timeout=3 * connect._POLL_SECONDS)
    assert not waiting.done()
    later = AdminSocket(state, linked)
    await later.open()
    try:
        assert (await asyncio.wait_for(waiting, 10)).link == connect.LINKED
    finally:
        await later.close()
