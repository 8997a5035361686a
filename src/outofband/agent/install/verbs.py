"""`oob agent install` and `oob agent uninstall`: looked, planned, said, done."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import outofband
from outofband.agent import clouds
from outofband.agent.clouds import Cloud
from outofband.agent.hypervisors.process import read_pid
from outofband.agent.install import plan
from outofband.agent.install.look import STATE, USER, Found, look
from outofband.agent.install.plan import Place
from outofband.agent.install.steps import Step, done
from outofband.agent.instance import run_path
from outofband.core import clock
from outofband.core.errors import Fault
from outofband.core.paths import MARKER, StateDir
from outofband.net import process

READY_SECONDS = 60.0
Say = Callable[[str], None]


def install(
    root: Path,
    *,
    say: Say,
    warn: Say,
    dry_run: bool = False,
    server: str = "",
    fingerprint: str | None = None,
    ca_file: Path | None = None,
    name: str = clouds.DEFAULT_NAME,
    begin: bool = True,
) -> None:
    """Put the agent under its fixed names, or a newer one in its place; its state stays. Blocks.

    Raises Fault RootNeeded, ForeignAgent, PythonOutOfReach and what `clouds.from_server` does before anything
    was changed; InstallFailed, NotReady.
    """
    place = Place(root.absolute())
    if place.real and os.geteuid() and not dry_run:
        raise Fault("RootNeeded", command="oob agent install")
    found = look(place.root)
    if found.foreign:
        raise Fault("ForeignAgent", found="; ".join(found.foreign))
    if place.real and not dry_run and (barred := _barred(Path(sys.executable))) is not None:
        raise Fault("PythonOutOfReach", python=sys.executable, path=str(barred), user=USER)
    _notes(found, place, say=say, warn=warn)
    cloud = None
    if server and not dry_run:
        cloud = clouds.from_server(server, fingerprint=fingerprint, ca_file=ca_file, name=name)
    steps = plan.install(found, place, python=sys.executable, version=outofband.__version__)
    starting = plan.start(found, place) if begin else []
    if dry_run:
        _say_plan([*steps, *starting], say)
        return
    done(steps)
    if cloud is not None:
        _remember(place, cloud)
    if starting:
        done(starting)
        _until_ready(StateDir(place.at(STATE)))
    words = "upgraded" if found.ours else "installed"
    say(f"The agent {outofband.__version__} is {words}; its state is in {place.at(STATE)}.")


def uninstall(
    root: Path, *, say: Say, dry_run: bool = False, purge: bool = False, local_only: bool = False
) -> None:
    """Take the agent away; its state stays unless `purge`. Blocks.

    Raises Fault RootNeeded, NotInstalled, AgentStillConnected, GuestsStillRun or InstallFailed, all but the
    last before anything was changed.
    """
    place = Place(root.absolute())
    if place.real and os.geteuid() and not dry_run:
        raise Fault("RootNeeded", command="oob agent uninstall")
    found = look(place.root)
    if not found.ours:
        raise Fault("NotInstalled", path=str(place.at(MARKER)))
    state = StateDir(place.at(STATE))
    if (state.agent / "identity.json").exists() and not local_only:
        raise Fault("AgentStillConnected", path=str(state.agent / "identity.json"))
    if guests := running_guests(state):
        raise Fault("GuestsStillRun", count=len(guests), pids=", ".join(map(str, guests)))
    steps = [*plan.stop(found, place), *plan.remove(found, place, purge=purge)]
    if dry_run:
        _say_plan(steps, say)
        return
    done(steps)
    rest = "nothing of it is left" if purge else f"its state stays in {place.at(STATE)}"
    say(f"The agent is removed; {rest}.")


def running_guests(state: StateDir) -> list[int]:
    """Process ids of the guests of this state, whether its agent runs or not."""
    found = (read_pid(path) for path in state.machines.glob("*/qemu.pid"))
    return [pid for pid in found if pid is not None and process.start_ticks(pid) is not None]


def _until_ready(state: StateDir) -> None:
    """Whoever goes on after an installation asks the agent something. Raises Fault NotReady."""
    end = clock.monotonic() + READY_SECONDS
    while (found := process.running(run_path(state))) is None or not found.ready:
        if clock.monotonic() > end:
            raise Fault("NotReady", what="The agent", seconds=int(READY_SECONDS), log=str(state.log))
        clock.pause(0.1)


def _barred(python: Path) -> Path | None:
    """What on the way to this Python and its library is not open to every user; None when nothing is."""
    for place in (python, python.resolve(), Path(os.__file__).resolve(), Path(outofband.__file__).resolve()):
        for each in place.parents:
            if not each.stat().st_mode & 0o001:
                return each
    return None


def _remember(place: Place, cloud: Cloud) -> None:
    state = StateDir(place.at(STATE))
    try:
        clouds.save(state, cloud)
    except OSError as error:
        raise Fault("InstallFailed", step=f"file {clouds.path(state)}", detail=str(error)) from error


def _notes(found: Found, place: Place, *, say: Say, warn: Say) -> None:
    if found.cloud:
        warn(
            f"This is a machine of {found.cloud}, which has a metadata service of its own (AZCM0141): "
            "programs that find IDENTITY_ENDPOINT ask this agent, no longer that service."
        )
    if place.real and not found.systemd:
        say(
            "No systemd runs here: /opt/azcmagent/bin/himdsd starts, stops and keeps the agent "
            "(`himdsd run`: in the foreground)."
        )


def _say_plan(steps: Sequence[Step], say: Say) -> None:
    for step in steps:
        say(step.say())
