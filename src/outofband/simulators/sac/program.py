"""The simulator as a program on a terminal: what a machine of the driver `pty` runs.

    python -m outofband.simulators.sac [--name NAME] [--state FILE] [--files DIR] ...
    python -m outofband.simulators.sac --state FILE --offline "/ems {default} on"

The terminal is the machine's serial port; the program ends when the machine is off. Boot settings live in the
state file, as on a disk that is there at the next start. Signals: SIGTERM is the power button, SIGUSR1 the
hypervisor's reset, SIGUSR2 its NMI; SIGKILL pulls the plug.
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import select
import signal
import sys
import termios
import tty
from collections.abc import Iterator
from pathlib import Path

from outofband.core import clock
from outofband.core.secrets import write_private
from outofband.simulators.sac.bcd import BootStore
from outofband.simulators.sac.machine import Phase, Simulator
from outofband.simulators.sac.settings import LABEL, RELEASES, Event, Kind, Settings

CHUNK = 4096
FOLDER = "OOB_MACHINE_DIR"
"""Where the agent lets a machine's program keep what is its own."""
STATE = "simulator.json"


def main(arguments: list[str]) -> int:
    """Exit status: 0 when the machine went off, 2 for what was not understood."""
    options = parser().parse_args(arguments)
    state = options.state or (Path(os.environ[FOLDER]) / STATE if os.environ.get(FOLDER) else None)
    store = load(state)
    if options.offline is not None:
        return offline(store, state, options.offline)
    if state is None or not state.exists():
        first_settings(store, options)
    Seat(settings_of(options), store, state, options.files).run()
    return 0


def parser() -> argparse.ArgumentParser:
    """The options of the program."""
    made = argparse.ArgumentParser(prog="python -m outofband.simulators.sac", description=LABEL + ".")
    made.add_argument("--name", default=Settings.name, help="the computer's name")
    made.add_argument(
        "--release", choices=sorted(RELEASES), default="2022", help="year of the Windows Server"
    )
    made.add_argument("--state", type=Path, help=f"file with the boot settings; default: ${FOLDER}/{STATE}")
    made.add_argument("--files", type=Path, help="folder that gets a copy of each file written inside")
    made.add_argument("--user", default=Settings.user, help="who may log in at a command prompt")
    made.add_argument("--password", default=Settings.password, help="default: %(default)s")
    for name, words in {
        "boot": "from the boot loader to SAC",
        "cmd": "from SAC to the command prompts",
        "settle": "before which it neither restarts nor shuts down",
        "logout": "without a key until a command prompt logs out",
        "report": "between two health reports",
        "bounce": "in which an equal character is a repeat",
    }.items():
        default = getattr(Settings, f"{name}_seconds")
        made.add_argument(
            f"--{name}", type=float, default=default, metavar="S", help=f"{words} ({default:g})"
        )
    made.add_argument("--switch-xml", action="store_true", help="XML at each switch of channel")
    made.add_argument("--no-ems", action="store_true", help="at the very first start SAC is off")
    made.add_argument("--debug", action="store_true", help="at the very first start kernel debugging is on")
    made.add_argument(
        "--menu", action="store_true", help="at the very first start the boot menu is on the port"
    )
    made.add_argument("--offline", metavar="WORDS", help="bcdedit on the stopped machine's disk, then end")
    return made


def settings_of(options: argparse.Namespace) -> Settings:
    """The settings that options ask for, from now on."""
    return Settings(
        name=options.name,
        release=RELEASES[options.release],
        user=options.user,
        password=options.password,
        wall=clock.wall(),
        boot_seconds=options.boot,
        cmd_seconds=options.cmd,
        settle_seconds=options.settle,
        logout_seconds=options.logout,
        report_seconds=options.report,
        bounce_seconds=options.bounce,
        switch_xml=options.switch_xml,
    )


def first_settings(store: BootStore, options: argparse.Namespace) -> None:
    """What only holds until `bcdedit` writes something else."""
    store.ems = not options.no_ems
    store.debug = options.debug
    if options.menu:
        store.display_menu = store.boot_ems = True
        store.timeout = 5


def load(path: Path | None) -> BootStore:
    """The boot settings that are kept; those of a new server when there are none."""
    if path is None:
        return BootStore()
    try:
        found = json.loads(path.read_bytes())
        kept = {each.name: found[each.name] for each in dataclasses.fields(BootStore) if each.name in found}
    except (OSError, ValueError, TypeError):
        return BootStore()
    return BootStore(**kept)


def save(path: Path | None, store: BootStore) -> None:
    if path is not None:
        write_private(path, json.dumps(dataclasses.asdict(store)))


def offline(store: BootStore, path: Path | None, words: str) -> int:
    """What somebody does who has the disk on another machine."""
    if path is None:
        sys.stderr.write("error: --offline needs --state\n")
        return 2
    answer, written = store.bcdedit(words.removeprefix("bcdedit").split())
    if written:
        save(path, store)
    sys.stdout.write(answer + "\n")
    return 0 if written else 1


class Seat:
    """A simulator on the terminal that is standard input and output."""

    def __init__(self, settings: Settings, store: BootStore, state: Path | None, files: Path | None) -> None:
        self._simulator = Simulator(settings, store)
        self._store = store
        self._state = state
        self._files = files
        self._began = clock.monotonic()
        self._signals, wake = os.pipe()
        for fd in (self._signals, wake):
            os.set_blocking(fd, False)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)

    def _now(self) -> float:
        return clock.monotonic() - self._began

    def run(self) -> None:
        """Until the machine is off, or its terminal is gone."""
        for number in (signal.SIGTERM, signal.SIGUSR1, signal.SIGUSR2):
            signal.signal(number, lambda *_: None)
        # Who holds the terminal sends it with SIGTERM. Alone it means what a read will tell: nobody is there.
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        with _raw(0):
            self._show(self._simulator.power_on(self._now()))
            while self._simulator.phase is not Phase.OFF and self._turn():
                pass

    def _turn(self) -> bool:
        deadline = self._simulator.deadline
        wait = None if deadline is None else max(0, int((deadline - self._now()) * 1000) + 1)
        poll = select.poll()
        poll.register(0, select.POLLIN)
        poll.register(self._signals, select.POLLIN)
        ready = dict(poll.poll(wait))
        if self._signals in ready:
            for number in os.read(self._signals, 64):
                self._signalled(number)
        if 0 in ready:
            try:
                typed = os.read(0, CHUNK)
            except OSError:
                typed = b""
            if not typed:
                return False
            self._show(self._simulator.feed(typed, self._now()))
        self._show(self._simulator.tick(self._now()))
        return True

    def _signalled(self, number: int) -> None:
        if number == signal.SIGTERM:
            self._show(self._simulator.ask_to_stop(self._now()))
        elif number == signal.SIGUSR1:
            self._show(self._simulator.power_on(self._now()))
        elif number == signal.SIGUSR2:
            self._show(self._simulator.nmi(self._now()))

    def _show(self, data: bytes) -> None:
        for event in self._simulator.take_events():
            self._keep(event)
        with contextlib.suppress(OSError):
            while data:
                data = data[os.write(1, data) :]

    def _keep(self, event: Event) -> None:
        if event.kind is Kind.STORED:
            save(self._state, self._store)
        elif event.kind is Kind.FILE and self._files is not None:
            self._files.mkdir(parents=True, exist_ok=True)
            # The name was typed at the console: only its last part, and no dot in front.
            name = "".join(each for each in event.name if each.isalnum() or each in "._-").lstrip(".")
            (self._files / (name[:100] or "unnamed")).write_bytes(event.data)


@contextlib.contextmanager
def _raw(fd: int) -> Iterator[None]:
    """A serial line knows no echo and no line discipline of its own."""
    try:
        before = termios.tcgetattr(fd)
    except termios.error:
        yield
        return
    tty.setraw(fd)
    try:
        yield
    finally:
        with contextlib.suppress(termios.error):
            termios.tcsetattr(fd, termios.TCSADRAIN, before)
