"""A host's port that another program holds: it is told, and taken as soon as it is free."""

from __future__ import annotations

import asyncio
import random
import socket
from pathlib import Path

import pytest

from outofband.agent.network import attached
from outofband.agent.network.attached import Attached
from outofband.agent.network.forwards import Place, Ways
from outofband.wire.network.plan import Plan
from tests.support.wait import until

pytestmark = pytest.mark.anyio


async def test_a_port_is_taken_when_it_is_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "AGAIN_SECONDS", 0.02)
    address = f"127.{random.randrange(20, 250)}.{random.randrange(256)}.9"
    with socket.create_server((address, 0)) as other:
        port = int(other.getsockname()[1])
        place = f"{address}:{port}"
        one = Attached("web1", tmp_path, (f"{address}/32",), Ways(_forwarded, _none, _gone))
        await one.started()
        await one.change(Plan(public=(address,), ports=(port,)))
        assert one.forwarder.listening == []
        assert "another program" in one.forwarder.problems[place]
        await asyncio.sleep(0.1)
        assert one.forwarder.listening == []
    await until(lambda: one.forwarder.listening == [place])
    assert one.forwarder.problems == {}
    await one.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection(address, port)


async def test_a_vm_that_stopped_wants_no_port(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attached, "AGAIN_SECONDS", 0.02)
    address = f"127.{random.randrange(20, 250)}.{random.randrange(256)}.9"
    with socket.create_server((address, 0)) as other:
        port = int(other.getsockname()[1])
        one = Attached("web1", tmp_path, (f"{address}/32",), Ways(_forwarded, _none, _gone))
        await one.started()
        await one.change(Plan(public=(address,), ports=(port,)))
        await one.stopped()
        assert one.forwarder.problems == {}
    await one.again()
    await asyncio.sleep(0.1)
    assert one.forwarder.listening == []
    await one.close()


async def _forwarded(place: Place, port: int) -> bool:
    return True


async def _none() -> dict[int, Place]:
    return {}


async def _gone(place: Place) -> None:
    pass
