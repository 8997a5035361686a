"""Azure's console door: who gets in, what is typed, admin commands, and how it ends."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import uuid
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from outofband.access import roles
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.store.activity import ActivityEntry
from outofband.wire import stream
from outofband.wire.azure_console import MAX_MESSAGE
from tests.support.actors import Carrier, viewer
from tests.support.cloud import SCOPE, Cloud, Host, Person, vm_id
from tests.support.wait import promised, until

pytestmark = pytest.mark.anyio
V = "2018-05-01"
PORT = f"{vm_id('demo')}/providers/Microsoft.SerialConsole/serialPorts/0"
SWITCH = f"{SCOPE}/providers/Microsoft.SerialConsole/consoleServices/default"


class Client:
    """A client by hand: what is shown is kept, and how it was closed."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket
        self.shown = ""
        self.frames: list[str | bytes] = []
        self.closed: tuple[int | None, str | None] | None = None
        self.reading = True
        self._task = asyncio.get_running_loop().create_task(self._read())

    async def _read(self) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for message in self.socket:
                self.frames.append(message)
                assert isinstance(message, str)
                self.shown += message
        self.closed = (self.socket.close_code, self.socket.close_reason)

    async def end(self) -> tuple[int | None, str]:
        await until(lambda: self.closed)
        assert self.closed is not None
        return self.closed[0], self.closed[1] or ""

    async def leave(self) -> None:
        await self.socket.close()
        await self._task


async def url_of(person: Person, path: str = PORT) -> str:
    answer = await person.ask("POST", f"{path}/connect", version=V)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["connectionString"])


@contextlib.asynccontextmanager
async def client(cloud: Cloud, url: str, *first: str) -> AsyncIterator[Client]:
    async with connect(url, ssl=cloud.client_context(), compression=None, max_size=None) as socket:
        made = Client(socket)
        with contextlib.suppress(ConnectionClosed):
            for message in first:
                await socket.send(message)
        try:
            yield made
        finally:
            await made.leave()


@contextlib.asynccontextmanager
async def at_console(cloud: Cloud, person: Person) -> AsyncIterator[Client]:
    """Attached, as the newest version is."""
    url = await url_of(person)
    assert person.token is not None
    async with client(cloud, url, person.token) as made:
        await until(lambda: "connected to demo" in made.shown)
        yield made


async def seated(host: Host, carrier: Carrier, writer: str, mode: str) -> None:
    await carrier.send(stream.Notice("writer", {"writer": writer, "mode": mode}))


def admin_url(url: str, command: str) -> str:
    """As the extension makes it."""
    return url.replace("wss", "https").replace("ws", "http").replace("/client", "/adminCommand/" + command)


def body(command: str, **parameters: str) -> dict[str, Any]:
    return {"command": command, "requestId": str(uuid.uuid4()), "commandParameters": parameters}


@pytest.fixture(scope="module")
async def house(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[tuple[Cloud, Host]]:
    """One for all tests here: making it takes longer than they do."""
    async with Cloud(tmp_path_factory.mktemp("cloud")) as running, running.host() as linked:
        await running.owner.create_vm()
        yield running, linked


@pytest.fixture
def cloud(house: tuple[Cloud, Host]) -> Cloud:
    return house[0]


@pytest.fixture
def host(house: tuple[Cloud, Host]) -> Host:
    """As if nothing had happened on it."""
    host = house[1]
    peer = host.peer
    for each in (peer.carriers, peer.opens, peer.commands, peer.log, peer.typed, host.performed, host.refuse):
        each.clear()
    peer.serve_stream = peer.show_log
    return host


@pytest.fixture
async def vm(cloud: Cloud) -> AsyncIterator[str]:
    """The VM, with a console that may be used; nobody is there afterwards."""
    yield vm_id("demo")
    await cloud.owner.ask("POST", f"{SWITCH}/enableConsole", version=V)
    on = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": True}}}}
    await cloud.owner.ask("PATCH", vm_id("demo"), on)
    await until(lambda: not cloud.sessions.live)


@pytest.mark.parametrize("version", ["0.1.6", "0.1.8", "1.0"])
async def test_each_version_connects_types_and_leaves(
    cloud: Cloud, host: Host, vm: str, version: str
) -> None:
    host.peer.grow("größe ✓\r\nlogin: ".encode())
    token = await cloud.owner.sign_in()
    url = await url_of(cloud.owner)
    assert url.endswith("/client")
    query = {"0.1.6": f"?authorization={token}", "0.1.8": f"?authorization={token}&new=1", "1.0": ""}[version]
    async with client(cloud, url + query) as seat:
        await until(lambda: seat.frames)
        assert seat.frames[0] == "\r\n"
        for _ in range({"0.1.6": 0, "0.1.8": 2, "1.0": 1}[version]):
            await seat.socket.send(token)
        await until(lambda: "login: " in seat.shown)
        assert "größe ✓" in seat.shown
        await seat.socket.send("r")
        await until(lambda: any(isinstance(each, stream.Control) for each in host.peer.carriers[0].frames))
        await seated(host, host.peer.carriers[0], "owner", "write")
        await seat.socket.send("oot\r")
        await until(lambda: host.peer.typed == b"root\r")
    carrier = host.peer.carriers[0]
    assert carrier.grant.mode == "observe"
    await until(lambda: carrier.closed is not None)
    async with cloud.store.read() as tx:
        row = await cloud.store.sessions.get(tx, carrier.grant.session)
    assert row is not None
    assert (row.client or "").startswith("az serial-console")


async def test_the_token_is_in_no_log(
    cloud: Cloud, host: Host, vm: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    token = await cloud.owner.sign_in()
    url = await url_of(cloud.owner)
    async with client(cloud, f"{url}?authorization={token}&new=1", token) as seat:
        await until(lambda: "connected to demo" in seat.shown)
    assert "/client" in caplog.text
    assert token not in caplog.text


async def test_a_url_opens_one_socket_once(cloud: Cloud, host: Host, vm: str) -> None:
    url = await url_of(cloud.owner)
    token = cloud.owner.token or ""
    async with client(cloud, url, token) as seat:
        await until(lambda: "connected to demo" in seat.shown)
        async with client(cloud, url, token) as second:
            code, reason = await second.end()
            assert (code, reason.partition(":")[0]) == (1008, "TicketInvalid")
        assert seat.closed is None


async def test_own_ticket_and_url_are_one_right(cloud: Cloud, host: Host, vm: str) -> None:
    """What Azure's client used up, our own cannot use any more."""
    answer = (await cloud.owner.ask("POST", f"{PORT}/connect", version=V)).json()
    async with client(cloud, answer["connectionString"], cloud.owner.token or "") as seat:
        await until(lambda: "connected to demo" in seat.shown)
        async with viewer(cloud.client_context()) as own:
            await own.open(answer["outofband"]["url"], answer["outofband"]["ticket"])
            await until(lambda: own.ended)
            assert own.ended is not None
            assert own.ended.code == "TicketInvalid"


async def test_a_stranger_is_refused_and_uses_nothing_up(cloud: Cloud, host: Host, vm: str) -> None:
    url = await url_of(cloud.owner)
    other = await cloud.person("other", roles.OWNER)
    async with client(cloud, url, await other.sign_in()) as seat:
        code, reason = await seat.end()
        assert code == 1008
        assert reason.startswith("TicketInvalid: ")
    refused = await record(cloud, "TicketInvalid", "other")
    assert (refused.status, refused.resource_id) == ("Failed", PORT)
    assert refused.properties["client"].startswith("az serial-console")
    async with client(cloud, url, cloud.owner.token or "") as seat:
        await until(lambda: "connected to demo" in seat.shown)


async def record(cloud: Cloud, sub_status: str, caller: str) -> ActivityEntry:
    """The newest record of the VM that ended so and is that caller's."""
    end = clock.monotonic() + 30
    while True:
        async with cloud.store.read() as tx:
            page = await cloud.store.activity.page(tx, resource=vm_id("demo"))
        for each in page.items:
            if (each.sub_status, each.caller) == (sub_status, caller):
                return each
        assert clock.monotonic() < end, page.items
        await asyncio.sleep(0.02)


@pytest.mark.parametrize("token", ["eyJh.eyJi.c2ln", "hello", ""])
async def test_a_wrong_token_is_refused_with_words(cloud: Cloud, host: Host, vm: str, token: str) -> None:
    async with client(cloud, await url_of(cloud.owner), token) as seat:
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1008, "InvalidAuthenticationToken")
        assert "oob" in seat.shown
    assert host.peer.opens == []


async def test_paths_that_are_no_session(cloud: Cloud, host: Host, vm: str) -> None:
    base = cloud.base.replace("https", "wss")
    async with client(cloud, f"{base}/serial/v1/{'0' * 32}/client", "x") as seat:
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1008, "TicketInvalid")
    with pytest.raises(InvalidStatus) as refused:
        await connect(f"{base}/serial/v1/nothing/client", ssl=cloud.client_context())
    assert refused.value.response.status_code == 403


async def test_messages_that_break_the_rules(cloud: Cloud, host: Host, vm: str) -> None:
    for message, wanted in ((b"ls", 1003), ("x" * (MAX_MESSAGE + 1), 1009)):
        async with at_console(cloud, cloud.owner) as seat:
            await seat.socket.send(message)
            code, reason = await seat.end()
            assert code == wanted
            assert reason.startswith("ProtocolViolated: ")
    await until(lambda: not cloud.sessions.live)


async def test_admin_commands(cloud: Cloud, host: Host, vm: str) -> None:
    """Beside a writer who keeps the keyboard; what was seen is told to both sides."""
    url = await url_of(cloud.owner)
    host.peer.serve_stream = busy
    async with client(cloud, url, cloud.owner.token or "") as seat:
        await until(lambda: "alice has the keyboard" in seat.shown)
        for command, verb in (("nmi", "vm.nmi"), ("reset", "vm.reset")):
            answer = await cloud.owner.ask("POST", admin_url(url, command), body(command), version=None)
            assert answer.status_code == 200, answer.text
            assert answer.json() == {"observed": [f"{verb} was seen"]}
            await until(lambda command=command: f"{command}: " in seat.shown)
        sent = body("sysrq", SysRqCommand="sU")
        answer = await cloud.owner.ask("POST", admin_url(url, "sysrq"), sent, version=None)
        assert answer.status_code == 200, answer.text
        assert host.performed[-4:] == ["vm.nmi", "vm.reset", "vm.sysrq", "vm.sysrq"]
        keys = [each.args["key"] for each in host.peer.commands if each.verb == "vm.sysrq"]
        assert keys == ["s", "u"]
        await until(lambda: seat.shown.count("sysrq: vm.sysrq was seen") == 2, "each is told by itself")
        assert host.peer.carriers[0].frames == [], "nothing was typed, and the keyboard not asked for"


async def busy(carrier: Carrier) -> None:
    """A console where somebody else types."""
    fields = {"mode": "observe", "offset": 0, "live": 0, "input": 0, "writer": "alice", "others": ["alice"]}
    await carrier.send(stream.Notice("attached", fields))
    await until(lambda: carrier.closed is not None)


async def test_an_admin_command_before_the_token_was_seen(cloud: Cloud, host: Host, vm: str) -> None:
    """The newest version posts it when it has the first message, and may be faster than its own token."""
    url = await url_of(cloud.owner)
    async with client(cloud, url) as seat:
        await until(lambda: seat.frames)
        answer = await cloud.owner.ask("POST", admin_url(url, "nmi"), body("nmi"), version=None)
        assert answer.status_code == 200
    assert host.peer.opens == []


async def test_a_stranger_beside_it_changes_nothing(cloud: Cloud, host: Host, vm: str) -> None:
    """Somebody who knows the address and has a token of his own: neither in nor in the way."""
    url = await url_of(cloud.owner)
    other = await cloud.person("other", roles.OWNER)
    token = await other.sign_in()
    async with client(cloud, url, token) as early:
        await early.end()
    async with client(cloud, url, cloud.owner.token or "") as seat:
        await until(lambda: "connected to demo" in seat.shown)
        async with client(cloud, url, token) as late:
            await late.end()
        answer = await cloud.owner.ask("POST", admin_url(url, "nmi"), body("nmi"), version=None)
        assert answer.status_code == 200
        await until(lambda: "nmi: vm.nmi was seen" in seat.shown)
        assert seat.closed is None


async def test_a_failed_admin_command_is_told_in_the_console(cloud: Cloud, host: Host, vm: str) -> None:
    """0.1.6 waits for another message before it tries again, and then says that it failed."""
    host.refuse["vm.sysrq"] = Fault("WriteRefusedByHost", vm="demo")
    url = await url_of(cloud.owner)
    async with client(cloud, url, cloud.owner.token or "") as seat:
        await until(lambda: "connected to demo" in seat.shown)
        sent = body("sysrq", SysRqCommand="b")
        answer = await cloud.owner.ask("POST", admin_url(url, "sysrq"), sent, version=None)
        assert answer.status_code >= 400
        await until(lambda: "sysrq failed: " in seat.shown)


@pytest.mark.parametrize(
    ("command", "sent"),
    [
        ("format", body("format")),
        ("nmi", body("reset")),
        ("sysrq", body("sysrq")),
        ("sysrq", body("sysrq", SysRqCommand="")),
        ("sysrq", body("sysrq", SysRqCommand="é")),
        ("sysrq", body("sysrq", SysRqCommand="h" * 17)),
        ("nmi", []),
        ("nmi", {"commandParameters": 5}),
    ],
)
async def test_admin_commands_that_make_no_sense(
    cloud: Cloud, host: Host, vm: str, command: str, sent: Any
) -> None:
    url = await url_of(cloud.owner)
    before = list(host.performed)
    answer = await cloud.owner.ask("POST", admin_url(url, command), sent, version=None)
    assert answer.status_code == 400, answer.text
    assert host.performed == before


async def test_admin_commands_are_for_the_sessions_owner(cloud: Cloud, host: Host, vm: str) -> None:
    url = admin_url(await url_of(cloud.owner), "nmi")
    other = await cloud.person("other", roles.OWNER)
    answer = await other.ask("POST", url, body("nmi"), version=None)
    assert (answer.status_code, answer.json()["error"]["code"]) == (410, "SessionEnded")
    assert (await cloud.http.post(url, json=body("nmi"))).status_code == 401
    nowhere = url.replace(url.split("/")[-3], "0" * 32)
    answer = await cloud.owner.ask("POST", nowhere, body("nmi"), version=None)
    assert answer.status_code == 410
    assert "vm.nmi" not in host.performed


async def test_a_role_that_is_gone_ends_it(cloud: Cloud, host: Host, vm: str) -> None:
    person = await cloud.person("bob")
    assigned = await cloud.assign(person, roles.OWNER, SCOPE)
    async with at_console(cloud, person) as seat:
        path = f"{SCOPE}/providers/Microsoft.Authorization/roleAssignments/{assigned.name}"
        assert (await cloud.owner.ask("DELETE", path, version="2022-04-01")).status_code == 200
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1008, "AccessRevoked")
        assert "Your role no longer contains" in seat.shown


async def test_a_token_that_runs_out_ends_nothing(
    cloud: Cloud, host: Host, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It opened the door; a console outlives it, by its person's rights. Admin commands want a new one."""
    person = await cloud.person("shortly", roles.OWNER)
    url = await url_of(person)
    old = person.token
    assert old is not None
    async with client(cloud, url, old) as seat:
        await until(lambda: "connected to demo" in seat.shown)
        # As it is after an hour: every token of before is too old.
        monkeypatch.setattr("outofband.identity.tokens.SKEW", -7200)
        headers = {"Authorization": f"Bearer {old}"}
        answer = await cloud.http.post(admin_url(url, "nmi"), json=body("nmi"), headers=headers)
        assert answer.json()["error"]["code"] == "ExpiredAuthenticationToken"
        asked = cloud.sessions.live
        await asyncio.sleep(5 * cloud.limits.recheck_seconds)
        assert cloud.sessions.live == asked
        await seat.socket.send("x")
        await until(lambda: host.peer.carriers[0].frames)
        host.peer.grow(b"still here")
        await until(lambda: "still here" in seat.shown)
        monkeypatch.undo()
        await person.sign_in()
        answer = await person.ask("POST", admin_url(url, "nmi"), body("nmi"), version=None)
        assert answer.status_code == 200
        assert seat.closed is None


async def test_the_switches_end_it(cloud: Cloud, host: Host, vm: str) -> None:
    async with at_console(cloud, cloud.owner) as seat:
        await cloud.owner.ask("POST", f"{SWITCH}/disableConsole", version=V)
        assert (await seat.end())[1].startswith("ConsoleDisabledForSubscription: ")
    await cloud.owner.ask("POST", f"{SWITCH}/enableConsole", version=V)
    async with at_console(cloud, cloud.owner) as seat:
        changed = {"properties": {"diagnosticsProfile": {"bootDiagnostics": {"enabled": False}}}}
        assert (await cloud.owner.ask("PATCH", vm, changed)).status_code == 200
        assert (await seat.end())[1].startswith("BootDiagnosticsDisabled: ")


async def test_a_take_over_is_told(cloud: Cloud, host: Host, vm: str) -> None:
    async with at_console(cloud, cloud.owner) as seat:
        fields = {"by": "bob", "at": "2026-01-01T00:00:00Z"}
        await host.peer.carriers[0].send(stream.Close("TakenOver", fields))
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (4001, "TakenOver")
        assert "bob took over this console" in seat.shown
        for words in ("NOT ended", "SAC logs out by itself", "set TMOUT"):
            assert words in seat.shown


async def test_a_client_that_does_not_read_is_bounded(cloud: Cloud, host: Host, vm: str) -> None:
    """The guest floods; what waits for the client stays small, and another one sees everything."""
    sent = 0

    async def flood(carrier: Carrier) -> None:
        nonlocal sent
        block, offset = b"x" * 32768, 0
        await carrier.attached(0)
        while carrier.closed is None and offset < 64 * 1024 * 1024:
            await carrier.send(stream.Data(offset, block))
            offset += len(block)
            sent = offset

    url = await url_of(cloud.owner)
    host.peer.serve_stream = flood
    async with client(cloud, url) as seat:
        await until(lambda: seat.frames)
        seat.socket.transport.pause_reading()
        await seat.socket.send(cloud.owner.token or "")
        before = -1
        while sent != before:
            before = sent
            await asyncio.sleep(0.5)
        assert 0 < sent < 16 * 1024 * 1024, "the agent is not read, so it stops"
        started = asyncio.get_running_loop().time()
        await cloud.owner.ask("POST", f"{SWITCH}/disableConsole", version=V)
        await until(lambda: not cloud.sessions.live)
        assert asyncio.get_running_loop().time() - started < promised(2.0)
        # Who reads again in time hears all that waited, and why it ended as the last words.
        seat.socket.transport.resume_reading()
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1008, "ConsoleDisabledForSubscription")
        assert "The serial console is disabled" in seat.shown[-1000:]


async def test_sockets_without_a_token_are_bounded_in_time_and_number(
    cloud: Cloud, host: Host, vm: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("outofband.http.azure_console.TOKEN_SECONDS", 0.2)
    async with client(cloud, await url_of(cloud.owner)) as seat:
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1008, "InvalidAuthenticationToken")
        assert "no token came within" in reason
    few = msgspec.structs.replace(cloud.sessions.limits, fresh=1)
    monkeypatch.setattr(cloud.sessions, "limits", few)
    monkeypatch.setattr("outofband.http.azure_console.TOKEN_SECONDS", 60.0)
    second = await url_of(cloud.owner)
    async with client(cloud, await url_of(cloud.owner)) as seat:
        await until(lambda: seat.frames)
        with pytest.raises(InvalidStatus):
            await connect(second, ssl=cloud.client_context())
        await seat.socket.send(cloud.owner.token or "")
        await until(lambda: "connected to demo" in seat.shown)
        async with client(cloud, second, cloud.owner.token or "") as other:
            await until(lambda: "connected to demo" in other.shown)


async def test_a_drop_frees_the_seat_and_the_agent_is_told(cloud: Cloud, host: Host, vm: str) -> None:
    async with at_console(cloud, cloud.owner) as seat:
        seat.socket.transport.abort()
        await until(lambda: host.peer.carriers[0].closed is not None)
        assert host.peer.carriers[0].closed == 1000, "it does not come back to this session"
    await until(lambda: not cloud.sessions.live)


async def test_a_stop_of_the_control_plane_is_told(cloud: Cloud, host: Host, vm: str) -> None:
    """The last one here: afterwards it takes nobody any more."""
    async with at_console(cloud, cloud.owner) as seat:
        await cloud.sessions.close()
        code, reason = await seat.end()
        assert (code, reason.partition(":")[0]) == (1012, "ControlPlaneStopping")
