"""`oob paste`: what it refuses to type unasked, and what it does when the line drops."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from outofband.cli import paste_seat
from outofband.cli.paste_seat import PasteSeat
from outofband.client import console as driver
from outofband.core.errors import Fault
from outofband.wire import stream
from tests.unit.cli.verbs import within
from tests.unit.client.far import VM, Far, Visit, refusal

pytestmark = pytest.mark.anyio
KEYS = b"one\rtwo\rthree\r"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(driver, "RETRY_FIRST_SECONDS", 0.02)
    with capture_logs() as logged:
        yield
    assert logged == [], "a fault is told once, and not as a task that died"


async def attached(visit: Visit, **more: Any) -> None:
    fields = {"session": "one", "vm": "demo", "port": "0", "mode": "write", "writer": "me", "input": 0}
    offset = visit.first.resume or 0
    told = fields | {"offset": offset, "live": offset, "paste": True} | more
    await visit.send(stream.Notice("attached", told))


async def begun(visit: Visit) -> str:
    """The paste's id, once it has begun and come."""
    begin, piece = await visit.next(), await visit.next()
    assert isinstance(begin, stream.Control) and piece == stream.Paste(0, KEYS)
    return str(begin.fields["id"])


async def tell(visit: Visit, id: str, **more: Any) -> None:
    await visit.send(stream.Notice("paste", progress(id, **more)))


def progress(id: str, **more: Any) -> dict[str, Any]:
    return {"id": id, "size": len(KEYS), "received": 0, "typed": 0} | more


async def paste(far: Far) -> dict[str, Any]:
    with far.client() as client:
        return await PasteSeat(client, VM, name="demo", port="0").run(KEYS, None)


async def test_after_a_drop_it_goes_on_where_the_agent_is(far: Far) -> None:
    ids: list[str] = []

    async def broken(visit: Visit) -> None:
        await attached(visit)
        ids.append(await begun(visit))
        visit.cut()

    async def whole(visit: Visit) -> None:
        [id] = ids
        await attached(visit, pasting=progress(id, state="paused", why="viewerGone", received=4, typed=4))
        assert await visit.next() == stream.Control("paste", {"event": "resume", "id": id})
        assert await visit.next() == stream.Paste(4, KEYS[4:])
        await tell(visit, id, state="done", verdict="echoed", typed=len(KEYS), received=len(KEYS))
        await visit.gone()

    far.scripts += [broken, whole]
    assert await paste(far) == {"vm": "demo", "typed": len(KEYS), "verdict": "echoed"}


async def test_a_line_that_does_not_come_back_is_an_error_of_its_own(
    far: Far, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(paste_seat, "LINE_SECONDS", 0.3)

    async def broken(visit: Visit) -> None:
        await attached(visit)
        await tell(visit, await begun(visit), state="typing", received=8, typed=4)
        await visit.output(0, b"one")
        far.answers += [refusal(Fault("AgentOffline", host="h", since="")) for _ in range(100)]
        visit.cut()

    far.scripts.append(broken)
    with pytest.raises(Fault) as raised:
        await asyncio.wait_for(paste(far), 20)
    assert (raised.value.code, raised.value.fields["typed"]) == ("PasteCutOff", 4)


@pytest.mark.parametrize(
    ("why", "words"), [("quiet", "echoed and does not"), ("lineTooLong", "SAC's prompt")]
)
async def test_what_waits_for_a_person_ends_with_its_reason(far: Far, why: str, words: str) -> None:
    async def script(visit: Visit) -> None:
        await attached(visit)
        id = await begun(visit)
        await tell(visit, id, state="paused", why=why, received=14, typed=4)
        assert await visit.next() == stream.Control("paste", {"event": "abort", "id": id})
        await tell(visit, id, state="ended", why="asked", received=4, typed=4)
        await visit.gone()

    far.scripts.append(script)
    with pytest.raises(Fault, match="PasteEnded") as raised:
        await paste(far)
    assert words in raised.value.fields["why"]


async def test_an_agent_that_was_started_anew_is_said(far: Far) -> None:
    async def broken(visit: Visit) -> None:
        await attached(visit)
        await begun(visit)
        visit.cut()

    async def anew(visit: Visit) -> None:
        await attached(visit)
        wish = await visit.next()
        assert isinstance(wish, stream.Control) and wish.fields["event"] == "abort"
        await tell(visit, wish.fields["id"], state="ended", why="unknown", size=0)
        await visit.gone()

    far.scripts += [broken, anew]
    with pytest.raises(Fault, match="PasteEnded") as raised:
        await paste(far)
    assert "started anew" in raised.value.fields["why"]


@pytest.mark.parametrize("output", ["table", "json"])
def test_where_nobody_can_answer_it_is_refused_unseen(tmp_path: Path, output: str) -> None:
    """The text may hold a secret: a log of the script that runs this is no place for it."""
    file = tmp_path / "commands.txt"
    file.write_text("rm -rf /tmp/x\nhunter2\n")
    code, out, err = within(["paste", "demo", str(file), "-o", output])
    assert (code, out) == (2, "")
    assert "PasteNotConfirmed" in err and "--yes" in err and "hunter2" not in err
    if output == "json":
        assert json.loads(err)["error"]["code"] == "PasteNotConfirmed"


def test_a_file_without_an_end_is_not_read_whole() -> None:
    code, _, err = within(["paste", "demo", "/dev/zero", "--yes"])
    assert code == 2 and "larger than 32 MiB" in err
