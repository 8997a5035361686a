"""The whole log through the API: by offset, time, boot and expression; what is missing in it; waiting."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest

from outofband.access import roles
from outofband.agent.ports import reading
from outofband.agent.ports.index import Kind
from outofband.agent.ports.spool import Spool
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.wire.arm import errors
from outofband.wire.link import Command, Result
from outofband.wire.log import LogArgs
from tests.support.cloud import Cloud, Host, Person, vm_id
from tests.support.wait import until

pytestmark = pytest.mark.anyio
V = "2018-05-01"
PORT = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"


@pytest.fixture
def spool(tmp_path: Path, host: Host) -> Iterator[Spool]:
    """The host's, which its agent's own code reads."""
    spool = Spool(tmp_path / "serial0.log", ring=64 * 1024, reserve=4096)
    spool.open()
    answer = host.peer.answer
    assert answer is not None

    def log(command: Command) -> Result | None:
        if command.verb != "vm.log" or command.verb in host.refuse:
            return answer(command)
        part = reading.read(spool, msgspec.convert(command.args, LogArgs))
        return Result(command.key, True, data=msgspec.to_builtins(part))

    host.peer.answer = log
    yield spool
    spool.close()


def say(spool: Spool, text: bytes) -> None:
    spool.append(text)
    spool.look(clock.monotonic() + 1000.0 * spool.end)


async def ask(person: Person, **wish: Any) -> dict[str, Any]:
    answer = await person.ask("POST", f"{PORT}/log", wish, version=V)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    found: dict[str, Any] = answer.json()
    return found


async def refused(person: Person, **wish: Any) -> errors.RemoteError:
    found = errors.read((await person.ask("POST", f"{PORT}/log", wish, version=V)).content)
    assert found is not None
    return found


def texts(page: dict[str, Any]) -> list[str]:
    return [line["text"] for line in page["lines"]]


async def test_the_last_lines_and_those_before_them(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    say(spool, b"".join(b"line %d\r\n" % number for number in range(10)) + b"login: ")
    page = await ask(cloud.owner, lines=3)
    assert texts(page) == ["line 8", "line 9", "login:"]
    assert [line["offset"] for line in page["lines"]] == [64, 72, 80]
    assert (page["from"], page["next"], page["end"], page["more"], page["live"]) == (64, 80, 87, False, True)
    assert [line.get("open", False) for line in page["lines"]] == [False, False, True]
    assert all(line["at"].endswith("Z") for line in page["lines"])
    assert texts(await ask(cloud.owner, lines=2, before=page["from"])) == ["line 6", "line 7"]


async def test_reading_on_gives_every_line_once(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    wanted = [f"line {number}" for number in range(50)]
    say(spool, "".join(f"{line}\r\n" for line in wanted).encode())
    found, at = [], 0
    while True:
        page = await ask(cloud.owner, **{"from": at}, lines=7)
        found += texts(page)
        at = page["next"]
        if not page["more"]:
            break
    assert found == wanted
    say(spool, b"more\r\n")
    assert texts(await ask(cloud.owner, **{"from": at, "after": page["end"], "wait": 1})) == ["more"]


async def test_a_jump_leads_to_the_line_in_which_the_byte_is(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    say(spool, b"first\r\nsecond\r\nthird\r\n")
    assert texts(await ask(cloud.owner, **{"from": 10, "align": True})) == ["second", "third"]
    assert texts(await ask(cloud.owner, **{"from": 10})) == ["ond", "third"]


async def test_the_bytes_as_they_are(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    data = bytes(range(256)) * 20
    say(spool, data)
    page = await ask(cloud.owner, **{"from": 0, "raw": True})
    assert base64.b64decode(page["data"]) == data
    assert (page["lines"], page["next"], page["more"]) == ([], len(data), False)


async def test_boots_are_counted_from_the_newest(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    for boot in (1, 2, 3):
        spool.reset(boot)
        say(spool, b"boot %d\r\nlogin: " % boot)
    page = await ask(cloud.owner)
    assert [(each["boot"], each["number"], each["from"], each["end"]) for each in page["boots"]] == [
        (-2, 1, 0, 15),
        (-1, 2, 15, 30),
        (0, 3, 30, 45),
    ]
    assert texts(await ask(cloud.owner, boot=0)) == ["boot 3", "login:"]
    assert texts(await ask(cloud.owner, boot=-1)) == ["boot 2", "login:"]
    assert (await ask(cloud.owner, boot=-1))["more"] is False
    assert texts(await ask(cloud.owner, boot=-1, grep="^boot")) == ["boot 2"]
    said = await refused(cloud.owner, boot=-3)
    assert (said.code, said.fields["count"]) == ("LogBootNotFound", 3)


async def test_a_boot_of_which_nothing_is_left(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    for boot in (1, 2):
        spool.reset(boot)
        say(spool, b"x" * 99 + b"\n" + b"y" * 100_000 * (boot - 1))
    assert (await refused(cloud.owner, boot=-1)).code == "LogBootGone"
    page = await ask(cloud.owner, boot=0)
    assert page["from"] == page["start"] > 0
    (gap,) = page["gaps"]
    assert (gap["before"], gap["from"], gap["end"]) == (0, 100, page["start"])


async def test_since_a_time(cloud: Cloud, spool: Spool, monkeypatch: pytest.MonkeyPatch) -> None:
    await cloud.owner.create_vm()
    real, ago = clock.wall_ns, [600 * 10**9]
    with monkeypatch.context() as patch:
        patch.setattr(clock, "wall_ns", lambda: real() - ago[0])
        say(spool, b"long ago\r\nand half ")
        ago[0] = 300 * 10**9
        say(spool, b"a line\r\nlater\r\n")
    say(spool, b"now\r\n")
    minute = datetime.fromtimestamp(clock.wall() - 60, UTC).isoformat()
    assert texts(await ask(cloud.owner, since=minute)) == ["now"]
    earlier = datetime.fromtimestamp(clock.wall() - 400, UTC).isoformat()
    assert texts(await ask(cloud.owner, since=earlier)) == ["and half a line", "later", "now"]
    for wrong in ("soon", "2026-05-04T10:00:00"):
        assert (await refused(cloud.owner, since=wrong)).code == "InvalidParameter"


async def test_a_search_goes_through_all_of_it(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    say(
        spool,
        b"".join(b"%d: %s\r\n" % (number, b"x" * 40) for number in range(1000)) + b"Kernel panic - not\r\n",
    )
    page = await ask(cloud.owner, grep="(?i)PANIC|^99[89]:")
    assert [line["text"][:6] for line in page["lines"]] == ["998: x", "999: x", "Kernel"]
    assert [line["matches"] for line in page["lines"]] == [[[0, 4]], [[0, 4]], [[7, 12]]]
    assert (page["more"], page["next"]) == (False, page["end"])
    at, found = 0, []
    while True:
        page = await ask(cloud.owner, **{"from": at}, grep="0:", lines=30)
        found += texts(page)
        at = page["next"]
        if not page["more"]:
            break
    assert len(found) == 100
    said = await refused(cloud.owner, grep="(a")
    assert (said.code, said.fields["pattern"]) == ("LogPatternInvalid", "(a")


async def test_gaps_are_told_at_their_places(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    say(spool, b"one\r\ntwo")
    spool.index.note(Kind.LOST, spool.end, spool.end, spool.end, 700)
    say(spool, b"three\r\n")
    page = await ask(cloud.owner)
    assert texts(page) == ["one", "two", "three"]
    assert page["gaps"] == [{"before": 2, "from": 8, "end": 8, "bytes": 700}]


async def test_who_was_there_is_told_where_it_was(cloud: Cloud, spool: Spool, host: Host) -> None:
    await cloud.owner.create_vm()
    say(spool, b"before\r\n")
    host.data["vm.nmi"] = {"observed": "x"}
    await cloud.owner.ask("POST", f"{PORT}/nmi", version=V)
    page = await ask(cloud.owner)
    # The times of the two are nearer than the log's index knows them.
    assert {record["action"] for record in page["records"]} >= {"nmi"}
    nothing = await ask(cloud.owner, **{"from": page["end"], "after": page["end"], "wait": 1})
    assert nothing["lines"] == []
    assert (await ask(cloud.owner, grep="before"))["records"] == []


async def test_the_right_is_that_of_boot_diagnostics(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    reader = await cloud.person("reader", roles.READER)
    assert (await refused(reader)).code == "AuthorizationFailed"
    await cloud.assign(reader, roles.VIRTUAL_MACHINE_CONTRIBUTOR, vm_id("demo"))
    await ask(reader)
    off = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
    await cloud.owner.ask("PATCH", vm_id("demo"), off)
    assert (await refused(cloud.owner)).code == "BootDiagnosticsDisabled"


async def test_an_older_agent_is_told_of(cloud: Cloud, spool: Spool, host: Host) -> None:
    await cloud.owner.create_vm()
    host.refuse["vm.log"] = Fault("ActionNotSupported", driver="any", verb="vm.log")
    assert (await refused(cloud.owner)).code == "LogNotInAgent"


async def test_a_host_that_is_away(cloud: Cloud, spool: Spool, host: Host) -> None:
    await cloud.owner.create_vm()
    await host.peer.kill()
    await until(lambda: not cloud.fleet.connected(host.peer.identity.agent))
    assert (await refused(cloud.owner)).code == "AgentOffline"


@pytest.mark.parametrize(
    "wish", [{"lines": 0}, {"lines": 2001}, {"wait": 21}, {"boot": 1}, {"from": -1}, {"grep": "x" * 257}]
)
async def test_what_cannot_be_asked(cloud: Cloud, spool: Spool, wish: dict[str, Any]) -> None:
    await cloud.owner.create_vm()
    assert (await refused(cloud.owner, **wish)).code == "InvalidRequestContent"


async def test_one_reader_too_many_does_not_ask_again_at_once(
    cloud: Cloud, spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await cloud.owner.create_vm()
    say(spool, b"one\n")
    monkeypatch.setattr("outofband.providers.serial_console.log.MAX_WAITING", 0)
    await ask(cloud.owner)
    before = clock.monotonic()
    page = await ask(cloud.owner, **{"from": 4, "after": 4, "wait": 20})
    assert page["lines"] == [] and 1.0 <= clock.monotonic() - before < 15.0


async def test_colours_and_times_for_who_makes_files_of_them(cloud: Cloud, spool: Spool) -> None:
    await cloud.owner.create_vm()
    say(spool, b"\x1b[1;32mOK\x1b[0m fine\r\n")
    say(spool, b"more")
    page = await ask(cloud.owner, colours=True)
    assert page["lines"][0]["looks"] == [[0, 2, "fg2 bold"]]
    assert "looks" not in page["lines"][1]
    assert page["times"] == []
    raw = await ask(cloud.owner, **{"from": 0, "raw": True})
    assert [each["end"] for each in raw["times"]][-1] == raw["next"] == spool.end
    assert [clock.parse_iso(each["at"]) for each in raw["times"]]
