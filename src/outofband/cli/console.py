"""`oob console`: a person's terminal becomes the VM's serial console."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import click

from outofband.cli import options
from outofband.cli import output as show
from outofband.core.errors import Fault
from outofband.wire.stream import REPLAY_DEFAULT, REPLAY_LIMIT

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from outofband.client.console import Lost
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir
    from outofband.wire.console import ClientSession, Ended, Event

DRAIN_SECONDS = 1.0


def _escape_key(_: click.Context, __: click.Parameter, value: str) -> bytes:
    key = value.upper()
    # Tab, Enter and Escape are on the list of control keys too; with one of them nobody could work any more.
    if len(key) == 2 and key[0] == "^" and "A" <= key[1] <= "_" and key[1] not in "IJM[":
        return bytes([ord(key[1]) & 0x1F])
    raise click.BadParameter("give it as ^ and a letter or one of \\ ] ^ _, for example ^A")


@click.command(
    epilog="Examples:  oob console demo   ·   oob console demo --ask   ·   oob console demo --observe > log"
    "   ·   oob console --machine web1   (Ctrl-] opens a menu)"
)
@click.argument("name", shell_complete=options.complete_console)
@click.option("--observe", is_flag=True, help="Watch only; the one who types is not disturbed.")
@click.option("--ask", is_flag=True, help="Take the keyboard from nobody: ask whoever has it for it.")
@click.option("--tell-size", is_flag=True, help="Tell a shell the terminal's size after each login.")
@options.machine
@options.port
@click.option(
    "--replay",
    type=click.IntRange(0, REPLAY_LIMIT),
    default=REPLAY_DEFAULT,
    show_default=True,
    help="Bytes of earlier output to show first.",
)
@click.option(
    "--escape", default="^]", show_default=True, callback=_escape_key, help="Key that opens the menu."
)
@options.group
@options.common
def console(
    name: str,
    observe: bool,
    ask: bool,
    tell_size: bool,
    machine: bool,
    port: str,
    replay: int,
    escape: bytes,
    group: str | None,
    state: StateDir,
    output: str,
) -> int:
    """Open the serial console of VM NAME in this terminal; with --machine, that of the server NAME itself.

    Works while the guest's network is down, before its system is up, and in whatever state it is. You type;
    who typed before is told that you took over, unless your role lets you only ask (or you do, with --ask):
    then you watch until you are given the keyboard. A lost connection comes back by itself and goes on at its
    byte. With --observe into a pipe or a file, the guest's bytes are passed on as they are.
    """
    from outofband.wire.console import TAKES, ClientSession
    from outofband.wire.grant import Mode

    if ask and observe:
        raise click.UsageError("--ask is for who wants to type, --observe for who does not")
    person = sys.stdin.isatty() and sys.stdout.isatty()
    if not person and not observe:
        raise Fault("NotATerminal")
    mode = Mode.OBSERVE if observe or ask else Mode.WRITE
    session = ClientSession(mode=mode, replay=replay, client="oob", takes=TAKES)
    killed_by: int | None = None
    if output == "json":
        show.voice.quiet = True  # standard error is for one JSON object, should it come to that
    with options.sign_in(state, traced=not person) as client:
        vm = options.console_of(client, name, group, machine)
        if person:
            from outofband.cli.seat import Seat

            seat = Seat(
                client,
                vm,
                name=name,
                port=port,
                session=session,
                escape=escape,
                asks=ask,
                tell_size=tell_size,
            )
            ended = _run(seat.sit(), output)
            killed_by = seat.killed_by
        else:
            ended = _run(_Follower(client, vm, port=port, session=session).follow(), output)
    if ended.code != "Left":
        raise Fault(ended.code, **{"vm": name, **ended.fields})
    return 128 + killed_by if killed_by else 0


def _run(main: Coroutine[Any, Any, Ended], output: str) -> Ended:
    import asyncio

    import uvloop

    from outofband.net import logs

    if output == "json" and not show.voice.verbose:
        logs.silence()
    else:
        logs.configure(verbose=show.voice.verbose)

    async def watched() -> Ended:
        # Connections are made ahead and given up in the middle of a handshake, which is no news.
        asyncio.get_running_loop().set_exception_handler(logs.loop_errors)
        return await main

    return uvloop.run(watched())


class _Follower:
    """An observer without a terminal: the guest's bytes go to standard output, our words to standard error.

    The bytes are as the guest printed them, unless standard output is a terminal after all (D13).
    """

    def __init__(self, client: ArmClient, vm: str, *, port: str, session: ClientSession) -> None:
        from outofband.client.console import Console
        from outofband.wire.screen import Hygiene

        self._console = Console(client, vm, port=port, session=session, sink=self._show)
        self._hygiene = Hygiene() if sys.stdout.isatty() else None
        self._away = False

    async def follow(self) -> Ended:
        from outofband.cli.terminal import Screen
        from outofband.net.tasks import Tasks

        self._screen = Screen()
        tasks = Tasks()
        tasks.spawn("reader-gone", self._leave_when_gone())
        try:
            return await self._console.run()
        finally:
            await tasks.close()
            await self._screen.close(DRAIN_SECONDS)

    async def _leave_when_gone(self) -> None:
        await self._screen.gone.wait()
        self._console.leave()

    async def _show(self, event: Event | Lost) -> None:
        from outofband.client.console import Lost
        from outofband.wire.console import Attached, Missing, Output, Told

        if isinstance(event, Output):
            payload = self._hygiene.clean(event.payload) if self._hygiene else event.payload
            await self._screen.write(payload)
        elif isinstance(event, Missing):
            amount = "an unknown amount" if event.count is None else f"{event.count} bytes"
            show.note(f"oob: {amount} of output are missing at byte {event.start}")
        elif isinstance(event, Attached):
            self._away = False
        elif isinstance(event, Told) and event.what == "alarm":
            self._warn(event.fields)
        elif isinstance(event, Lost) and not event.before:
            again = f"Trying again in {event.retry_in:.0f} s."
            show.note(f"oob: {show.words_for(event.fault).message} {again}")
        elif isinstance(event, Lost) and not self._away:
            self._away = True
            show.note(f"oob: {show.words_for(event.fault).message} Coming back by itself.")

    def _warn(self, fields: dict[str, Any]) -> None:
        """What is wrong and ends nothing: not that the host is away, which is told once it lasts."""
        words = show.words_for(Fault(str(fields.get("code")), **_without_code(fields)))
        if not words.retry:
            show.note(f"oob: {words.message}")


def _without_code(fields: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if name not in ("code", "fields")}
