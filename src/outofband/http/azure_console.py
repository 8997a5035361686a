"""Azure's console door: the socket that `az serial-console` opens, and the admin commands it posts beside it.

The protocol is `wire.azure_console`'s, the session behind it the gateway's, and what an admin command does is
Resource Manager's: its rights, its activity log, its refusals (docs/protocol/azure-console.md).
"""

from __future__ import annotations

import asyncio
import contextlib
import re
from typing import Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.websockets import WebSocket, WebSocketDisconnect

from outofband.catalogue import explain
from outofband.consoles.azure import AzureViewer
from outofband.consoles.rights import Subject
from outofband.consoles.sessions import TEXT_PATH
from outofband.core import clock, locale
from outofband.core.errors import Fault
from outofband.core.ids import parse_id
from outofband.http import edge
from outofband.http.services import Services
from outofband.net.tasks import Tasks
from outofband.resources.exchange import Answer
from outofband.wire.azure_console import TOKEN_SECONDS, AzureConsole, Phase

CLIENT_PATH = TEXT_PATH
ADMIN_PATH = CLIENT_PATH.replace("/client", "/adminCommand/{command}")
"""As the extension makes it of the other."""
CLIENT = "az serial-console"
"""What the audit calls a client that was sent away before it showed its version."""
MAX_BODY = 4096
MAX_SYSRQ = 16
"""Keys of one SysRq command; each is waited for."""
_VERSION = "2024-07-01"
_SESSION = re.compile(r"[0-9a-f]{32}")
_SYSRQ = re.compile(r"[0-9A-Za-z]+")
_COMMANDS = frozenset({"nmi", "reset", "sysrq"})


class AdminCommand(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Body of an admin command. `command` is that of the path; `requestId` is the client's own."""

    command: str | None = None
    request_id: str | None = None
    command_parameters: dict[str, Any] = {}


class Done(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What the VM's host saw happen, a sentence for each thing that was sent."""

    observed: list[str]


class AzureConsoles:
    """Both doors of this node."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unknown = 0
        """Sockets whose token was not seen yet."""

    async def client(self, socket: WebSocket) -> None:
        """WebSocket /serial/v1/{console}/client."""
        session = str(socket.path_params["console"])
        token = socket.query_params.get("authorization")
        new = socket.query_params.get("new") == "1"
        # From here on the token is in no log: the server's own writes down the address it accepts.
        socket.scope["query_string"] = b""
        sessions = self._services.sessions
        if not _SESSION.fullmatch(session) or self._unknown >= sessions.limits.fresh:
            await socket.close()
            return
        subject = sessions.expected(session)
        language = locale.of_header(socket.headers.get("accept-language"))
        name = subject.vm_name if subject is not None else "the VM"
        console = AzureConsole(name, token=token, new=new, locale=language)
        address = socket.client.host if socket.client is not None else ""
        viewer = AzureViewer(sessions, session, sessions.limits, console, address)
        await socket.accept()
        if subject is None:
            self._refuse(
                viewer, Fault("TicketInvalid", detail="it was used before, or has expired", seconds=60)
            )
        await self._talk(socket, viewer)

    async def _talk(self, socket: WebSocket, viewer: AzureViewer) -> None:
        """Both directions, until either ends. A client that does not read gets a while for the last words."""
        tasks = Tasks()
        reading = tasks.spawn("azure.read", self._read(socket, viewer))
        writing = tasks.spawn("azure.write", self._write(socket, viewer))
        late = tasks.spawn("azure.late", self._late(viewer))
        try:
            await asyncio.wait((reading, writing, late), return_when=asyncio.FIRST_COMPLETED)
        finally:
            said = reading.done() and not reading.cancelled() and reading.exception() is None
            viewer.leave(goodbye=said and reading.result())
            await tasks.close()

    async def _write(self, socket: WebSocket, viewer: AzureViewer) -> None:
        with contextlib.suppress(WebSocketDisconnect, RuntimeError, OSError):
            while isinstance(text := await viewer.next_text(), str):
                await socket.send_text(text)
            await socket.close(text.code, text.reason)

    async def _late(self, viewer: AzureViewer) -> None:
        await viewer.over.wait()
        await asyncio.sleep(self._services.sessions.limits.linger_seconds)

    async def _read(self, socket: WebSocket, viewer: AzureViewer) -> bool:
        """Hand on what the client says; whether it said goodbye."""
        named = asyncio.get_running_loop().call_later(TOKEN_SECONDS, self._give_up, viewer)
        self._unknown += 1
        known = False
        try:
            while True:
                if not known and viewer.console.phase is not Phase.UNNAMED:
                    known = True
                    self._unknown -= 1
                    named.cancel()
                    await self._admit(viewer)
                await viewer.readable()
                message = await socket.receive()
                if message["type"] != "websocket.receive":
                    return message.get("code") in (1000, 1001, 1005)
                text = message.get("text")
                viewer.receive(text if text is not None else message.get("bytes") or b"")
        finally:
            named.cancel()
            self._unknown -= not known

    def _give_up(self, viewer: AzureViewer) -> None:
        detail = f"no token came within {TOKEN_SECONDS:.0f} s"
        self._refuse(viewer, Fault("InvalidAuthenticationToken", detail=detail))

    def _refuse(self, viewer: AzureViewer, fault: Fault) -> None:
        """Send somebody away whose name is not known."""
        viewer.refuse_for(fault)
        self._services.sessions.refused(viewer, fault, client=CLIENT)

    async def _admit(self, viewer: AzureViewer) -> None:
        """The token is there: whose is it, and may he?"""
        console = viewer.console
        if console.phase is not Phase.CHECKING or console.token is None:
            return
        try:
            principal = await self._services.authority.verify_token(console.token, clock.now())
        except Fault as fault:
            self._refuse(viewer, fault)
            return
        self._services.sessions.viewer_known(viewer, principal, console.admit(principal.name))

    async def admin(self, request: Request) -> Response:
        """POST /serial/v1/{console}/adminCommand/{command}."""

        async def work(ids: edge.Ids) -> Response:
            services = self._services
            principal = await edge.caller_of(request, services.authority)
            session, command = request.path_params["console"], request.path_params["command"].lower()
            body = await edge.body_of(request, MAX_BODY)
            wanted = edge.decoded(body or b"{}", AdminCommand)
            steps = _steps(command, wanted)
            subject = services.sessions.owned(session, principal)
            if subject is None:
                raise Fault("SessionEnded", detail="it is over, or was never yours")
            asked = edge.asked(request, ids, principal, services.authority.base)
            observed: list[str] = []
            try:
                for step in steps:
                    observed.append(await self._send(asked, subject, command, step))
                    # Each at once: looking takes seconds, and one that fails undoes none before it.
                    self._tell(session, f"{command}: {observed[-1]}")
            except Fault as fault:
                # The extension tries once more when it hears anything, and only then says that it failed.
                language = locale.of_header(ids.languages)
                self._tell(session, f"{command} failed: {explain(fault, language).message}")
                raise
            return edge.json_answer(200, msgspec.to_builtins(Done(observed=observed)), ids.headers())

        return await edge.guarded(request, self._services.authority, work)

    def _tell(self, session: str, text: str) -> None:
        viewer = self._services.sessions.viewer(session)
        if isinstance(viewer, AzureViewer):
            viewer.tell(text)

    async def _send(self, asked: Any, subject: Subject, command: str, body: dict[str, str]) -> str:
        """Run the port's own action for the caller; what was observed. Raises Fault."""
        port = parse_id(subject.vm_id).extension("Microsoft.SerialConsole", "serialPorts", subject.port)
        action = msgspec.structs.replace(
            asked,
            path=f"{port}/{command}",
            query=(("api-version", _VERSION),),
            body=msgspec.json.encode(body),
        )
        answer: Answer = await self._services.kernel.handle(action)
        return str(msgspec.to_builtins(answer.body)["observed"])


def _steps(command: str, wanted: AdminCommand) -> list[dict[str, str]]:
    """Bodies for the port's action: one, or one for each SysRq key. Raises Fault InvalidParameter."""
    if command not in _COMMANDS:
        raise Fault(
            "InvalidParameter", target="command", detail=f"it is one of {', '.join(sorted(_COMMANDS))}"
        )
    if wanted.command is not None and wanted.command.lower() != command:
        raise Fault("InvalidParameter", target="command", detail="it is another one than in the address")
    if command != "sysrq":
        return [{}]
    keys = wanted.command_parameters.get("SysRqCommand")
    if not isinstance(keys, str) or not _SYSRQ.fullmatch(keys) or len(keys) > MAX_SYSRQ:
        detail = f"it is 1 to {MAX_SYSRQ} letters and digits"
        raise Fault("InvalidParameter", target="commandParameters.SysRqCommand", detail=detail)
    return [{"key": key} for key in keys.lower()]
