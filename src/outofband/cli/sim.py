"""`oob sim`: agents that play hosts, for load. Tokens come from here, the rest is the agent's tower."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec

from outofband.cli import options
from outofband.cli import output as show
from outofband.cli.steps import Detail, Steps
from outofband.core.errors import Fault

if TYPE_CHECKING:
    from outofband.agent.simulated.book import Book
    from outofband.agent.simulated.run import Figures
    from outofband.client.http import ArmClient
    from outofband.core.paths import StateDir

MACHINES = "providers/Microsoft.HybridCompute/machines"
MAX_AGENTS = 5000
PATIENCE_SECONDS = 600.0
"""How long a run waits for all of its agents to be linked."""
BAR = 60
"""Columns of the longest bar."""

_keys = click.option(
    "--keys",
    "file",
    type=click.Path(dir_okay=False, path_type=Path),
    help="File with the agents' private keys.  [default: sim/keys in the state directory]",
)


@click.group()
def sim() -> None:
    """Agents that play hosts, with real keys and real links: how many a control plane stands.

    Each says of itself that it is simulated; there are no machines behind them, and they do nothing.

    \b
    oob sim keys 1000          (once)
    oob sim agents 1000
    oob sim clean
    """


@sim.command(epilog="Example:  oob sim keys 1000")
@click.argument("number", type=click.IntRange(1, MAX_AGENTS))
@_keys
@options.common
def keys(number: int, file: Path | None, state: StateDir, output: str) -> None:
    """Have keys for NUMBER agents in the file, so that a run need not make them."""
    from outofband.agent.simulated.keys import make

    path = _file(state, file)
    made = make(path, number)
    words = f"{made} keys were made; {path} has {number} at least."
    show.emit({"made": made, "file": str(path)}, output, lambda _: show.line(words))


@sim.command(epilog="Example:  oob sim agents 1000 --ramp 20 --hold 60 -o json")
@click.argument("number", type=click.IntRange(1, MAX_AGENTS))
@_keys
@click.option(
    "--processes", type=click.IntRange(1, 64), help="Processes they share.  [default: 1 for each 500]"
)
@click.option(
    "--machines",
    type=click.IntRange(0, 100),
    default=0,
    show_default=True,
    help="VMs that each says it has.",
)
@click.option(
    "--ramp", type=click.FloatRange(0, 3600), default=0.0, help="Seconds over which they begin.  [default: 0]"
)
@click.option(
    "--hold",
    type=click.FloatRange(0),
    help="Seconds to stay once all are linked.  [default: until interrupted]",
)
@options.group
@options.common
def agents(
    number: int,
    file: Path | None,
    processes: int | None,
    machines: int,
    ramp: float,
    hold: float | None,
    group: str | None,
    state: StateDir,
    output: str,
) -> None:
    """Run NUMBER simulated agents and say how long they took to be linked.

    Those that are not enrolled yet are enrolled first, which takes a right to bring in hosts and counts as no
    part of the time. They stay enrolled until `oob sim clean`.
    """
    from outofband.agent.simulated.keys import load, make

    path, steps = _file(state, file), Steps()
    make(path, number)
    texts = load(path)[:number]
    with steps.step("Enrol simulated hosts") as detail, options.sign_in(state) as client:
        book = _enrolled(client, path, texts, group, detail)
    with steps.step(f"Run {number} simulated agents") as detail:
        figures = asyncio.run(
            _run(
                book,
                texts,
                _folder(path),
                processes=processes,
                machines=machines,
                ramp=ramp,
                hold=hold,
                detail=detail,
            )
        )
    show.emit(msgspec.to_builtins(figures), output, lambda _: _table(figures))
    if figures.connected_within is None:
        raise Fault("NotReady", what="Not all simulated agents", seconds=int(PATIENCE_SECONDS), log=str(path))


@sim.command(epilog="Example:  oob sim clean")
@_keys
@options.group
@options.common
def clean(file: Path | None, group: str | None, state: StateDir, output: str) -> None:
    """Remove every simulated host from the resource group; the keys stay."""
    from outofband.agent.simulated.book import path_beside

    path, removed = _file(state, file), []
    with options.sign_in(state) as client, Steps().step("Remove simulated hosts") as detail:
        machines = f"{client.group(group)}/{MACHINES}"
        for each in list(client.list(machines)):
            if not _is_simulated(each):
                continue
            client.delete(f"{machines}/{each['name']}")
            removed.append(each["name"])
            detail(str(len(removed)))
    path_beside(path).unlink(missing_ok=True)
    shutil.rmtree(_folder(path), ignore_errors=True)
    words = f"{len(removed)} simulated hosts were removed."
    show.emit({"removed": removed}, output, lambda _: show.line(words))


def _file(state: StateDir, chosen: Path | None) -> Path:
    return chosen.absolute() if chosen is not None else state.root / "sim" / "keys"


def _folder(path: Path) -> Path:
    from outofband.agent.simulated.book import folder_beside

    return folder_beside(path)


def _is_simulated(machine: dict[str, Any]) -> bool:
    """By what it says of itself; one that was never linked said nothing yet, and has only its name."""
    from outofband.agent.simulated.book import PREFIX

    properties = machine.get("properties", {})
    detected = properties.get("detectedProperties")
    if detected:
        return str(detected.get("simulated", "")).lower() == "true"
    return str(machine["name"]).startswith(PREFIX)


def _enrolled(client: ArmClient, path: Path, texts: list[str], group: str | None, detail: Detail) -> Book:
    """The book with all of them in it, kept beside the keys also when not all could be enrolled."""
    from outofband.agent.simulated import book as books
    from outofband.agent.simulated.enrolling import enrol

    place = {
        "subscription": client.profile.subscription_id,
        "resourceGroup": group or client.profile.resource_group,
    }
    beside = books.path_beside(path)
    book = books.load(beside, client.profile.arm)
    trust = client.profile.ca_file.read_text()

    def token(name: str) -> str:
        return str(client.post("/fleet/tokens", {**place, "name": name})["token"])

    book = asyncio.run(
        enrol(
            book,
            texts,
            folder=_folder(path),
            trust=trust,
            token=token,
            told=lambda done: detail(f"{done} of {len(texts)}"),
        )
    )
    books.save(beside, book)
    return book


async def _run(
    book: Book,
    texts: list[str],
    folder: Path,
    *,
    processes: int | None,
    machines: int,
    ramp: float,
    hold: float | None,
    detail: Detail,
) -> Figures:
    from outofband.agent.simulated.run import Run

    interrupted = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, interrupted.set)
    run = Run(
        book,
        texts,
        folder=folder,
        processes=processes,
        machines=machines,
        ramp=ramp,
        changed=lambda ledger: detail(f"{len(ledger.linked)} of {ledger.agents} linked"),
    )
    async with run, asyncio.TaskGroup() as group:
        waiting = group.create_task(_held(run.all_linked(PATIENCE_SECONDS + ramp), hold))
        ending = group.create_task(interrupted.wait())
        await asyncio.wait([waiting, ending], return_when=asyncio.FIRST_COMPLETED)
        figures = run.ledger.figures()
        waiting.cancel()
        ending.cancel()
    return figures


async def _held(linked: Any, hold: float | None) -> None:
    if not await linked:
        return
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(hold):
            await asyncio.Event().wait()


def _table(figures: Figures) -> None:
    show.facts(
        {
            "simulated": "yes: there are no hosts behind these agents",
            "linked": f"{figures.connected} of {figures.agents}",
            "all within": _seconds(figures.connected_within),
            "an agent, median": _seconds(figures.connect_p50),
            "an agent, p99": _seconds(figures.connect_p99),
            "dials": str(figures.attempts),
            "links that ended": str(figures.lost) if figures.lost else "",
            "came back": f"{figures.back}, the last after {_seconds(figures.away)}" if figures.back else "",
            "not linked because": ", ".join(f"{code} {n} times" for code, n in figures.refused.items()),
        }
    )
    if figures.returns:
        show.line("\nBack in each second after the first link ended:")
        most = max(figures.returns) or 1
        for second, number in enumerate(figures.returns):
            show.line(f"{second:4} s  {'#' * (BAR * number // most)} {number}")


def _seconds(value: float | None) -> str:
    return "" if value is None else f"{value:.2f} s"
